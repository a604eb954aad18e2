# The agents of a project: found by Python's own parser, one replaced, all drawn.
# Sourced by scripts/evidence, which defines the words.

source_text() {
  cat <<'PYTHON'
from agents import Agent, function_tool, handoff

@function_tool
def look_up(number):
    """Finds an invoice."""

billing_agent = Agent(
    name="Billing Agent",  # with money: €
    instructions="You answer questions about invoices.",
    tools=[look_up],
)

class Technician(Agent):
    def __init__(self):
        super().__init__(name="Technician", instructions="You repair things.")

triage_agent = Agent[dict](name="Triage Agent", handoffs=[billing_agent, handoff(Technician())],
                           tools=[billing_agent.as_tool("ask_billing", "Asks billing.")])
billing_agent.handoffs = [triage_agent]
PYTHON
}

put() {
  python3 -c 'import json, sys; print(json.dumps({"content": sys.stdin.read()}))' >"$work/body.json"
  step 201 "$1" "$2" -X PUT "$base/projects/$project/files/agents.py" -d @"$work/body.json"
}

ask_and_change() {
  step 201 create-project "A project." "$base/projects" -d '{"name":"Support"}'
  project=$(value 'body["id"]')
  source_text >"$work/source.py"
  put put-file "Its agents, as a file." <"$work/source.py"
  step 200 nodes "The agents: a call over several lines, a subclass, one with a context type." "$base/projects/$project/nodes"
  shows '"name":"Technician"'
  shows '"children":\["Billing Agent"'
  step 200 graph "The picture; open it in a browser. Its groups carry data-node-id." "$base/projects/$project/graph"
  shows 'data-node-id'
  step 200 replace "One definition is replaced as a commit." -X PUT "$base/projects/$project/nodes/Billing%20Agent" \
    -d '{"definition":"Agent(name=\"Billing Agent\", instructions=\"You are brief.\")","message":"Make billing brief"}'
  step 200 commits "The commit." "$base/projects/$project/commits?limit=1"
  shows 'Make billing brief'
  step 200 file "Every other byte is as it was." "$base/projects/$project/files/agents.py"
  shows 'You are brief.'
  step 422 unknown "A name that is not there." -X PUT "$base/projects/$project/nodes/Nobody" -d '{"definition":"Agent(name=\"x\")"}'
  step 422 broken "A definition that does not compile." -X PUT "$base/projects/$project/nodes/Technician" -d '{"definition":"class ("}'
}

start_server
ask_and_change
