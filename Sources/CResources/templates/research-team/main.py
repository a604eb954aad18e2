"""A research team: one agent plans, one writes, one reviews, each with what the one before it made."""

import asyncio
import sys

from agents import Agent, Runner

planner_agent = Agent(
    name="Planner Agent",
    instructions="Break the question into at most five points that an answer must cover. Answer with a numbered list.",
)

writer_agent = Agent(
    name="Writer Agent",
    instructions="Write a report of at most 500 words that covers each point of the plan. Say what is not known.",
)

reviewer_agent = Agent(
    name="Reviewer Agent",
    instructions="Check the report against the plan. Answer with the report, corrected, and nothing else.",
)


async def report(question):
    """The reviewed report on a question."""
    plan = await Runner.run(planner_agent, question)
    draft = await Runner.run(writer_agent, f"Question: {question}\n\nPlan:\n{plan.final_output}")
    final = await Runner.run(reviewer_agent, f"Plan:\n{plan.final_output}\n\nReport:\n{draft.final_output}")
    return final.final_output


if __name__ == "__main__":
    print(asyncio.run(report(" ".join(sys.argv[1:]) or "Why is the sky blue?")))
