"""A support desk: a triage agent hands each request to the specialist who knows about it."""

import asyncio
import sys

from agents import Agent, Runner

billing_agent = Agent(
    name="Billing Agent",
    handoff_description="Knows about invoices, payments and refunds.",
    instructions="You answer questions about invoices, payments and refunds. Ask for the invoice number first.",
)

technical_agent = Agent(
    name="Technical Agent",
    handoff_description="Knows about installation, errors and outages.",
    instructions="You help with installation, errors and outages. Give one step at a time.",
)

triage_agent = Agent(
    name="Triage Agent",
    instructions="Find out what the request is about, and hand it to the agent who knows. Answer nothing yourself.",
    handoffs=[billing_agent, technical_agent],
)


async def main(request):
    result = await Runner.run(triage_agent, request)
    print(f"{result.last_agent.name}: {result.final_output}")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "My last invoice is wrong"))
