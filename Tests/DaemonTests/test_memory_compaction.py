"""A memory that outgrows the model's window is shortened, once and for all; a node session sees its node."""

import json
import re

import pytest

from conftest import approve, commit, git, make_project, make_session, vibe
from model_double import Model, refuse, submit, verdict, words
from test_memory import add_items, items, remembered

ROOM = 4000  # tokens: some thousand of the agents' own words, and ten of our turns
PATCH = "--- /dev/null\n+++ b/notes{0}.py\n@@ -0,0 +1 @@\n+x{0} = '{1}'\n"


def patch(number, length=1500):
    return PATCH.format(number, "y" * length)


@pytest.fixture
def model():
    with Model() as model:
        yield model


def start(make_daemon, model, **env):
    return make_daemon(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=model.url, MODEL_CONTEXT_TOKENS=ROOM, **env)


def propose(client, session, model, number, tries=1):
    model.vibecoder += [submit(patch(number), f"Proposal {number}") for _ in range(tries)]
    model.evaluator += [verdict(False, f"Not yet {number}")] * (tries - 1) + [verdict(True)]
    result = vibe(client, session, f"Request number {number}, word for word")
    assert result["error"] is None, result
    return result


def requests_in(body):
    """What a request to the model says in the person's name, without the files of the last."""
    return [item["content"] for item in body["input"] if item.get("role") == "user"]


def size(body):
    return len(json.dumps(body["input"], separators=(",", ":"))) // 3


def test_old_turns_are_shortened_and_no_request_and_not_the_last_proposal_is_lost(make_daemon, model):
    client = start(make_daemon, model).client()
    session = make_session(client, make_project(client))
    for number in range(16):
        propose(client, session, model, number, tries=1 + number % 3)
        body = model.asked()[-1]
        said = requests_in(body)
        for earlier in range(number):
            assert f"Request number {earlier}, word for word" in said
        assert said[-1].endswith(f"User request: Request number {number}, word for word") or "rejected" in said[-1]
        if number:
            first = model.asked()[-1 - number % 3]
            assert f"y{'y' * 1400}" in json.dumps(first), "the last proposal is there as it was"
            assert size(first) < ROOM
    assert model.faults == [], "every call has its output, and every item its fields"
    stored = items(session)
    assert any("[Shortened] I proposed a patch: Proposal 0" in json.dumps(item) for item in stored)
    assert not any(item.get("type") == "reasoning" for item in stored[:-6])
    history = client.get(f"/sessions/{session['id']}/messages").json()
    assert len([row for row in history if row["role"] == "user"]) == 16, "the history is whole"


def test_a_memory_that_fits_is_left_alone_and_compaction_is_told_of(make_daemon, model):
    daemon = start(make_daemon, model)
    client = daemon.client()
    session = make_session(client, make_project(client))
    propose(client, session, model, 0)
    before = items(session)
    propose(client, session, model, 1)
    assert items(session)[:len(before)] == before
    for number in range(2, 9):
        propose(client, session, model, number)
    told = [json.loads(row["data"]) for row in daemon.rows("SELECT data FROM events WHERE event = 'memory.compacted'")]
    assert told and all(one["session_id"] == session["id"] and one["tokens_after"] < one["tokens_before"] for one in told)
    assert {one["key"] for one in told} <= {session["openai_session_key"], session["openai_session_key"] + "_evaluator"}


def conversation(make_daemon, model, restarts):
    daemon = start(make_daemon, model)
    client = daemon.client()
    session = make_session(client, make_project(client))
    for number in range(8):
        propose(client, session, model, number)
        if restarts:
            daemon.kill() if number % 2 else daemon.stop()
            client = daemon.start().client()
    return [body["input"] for body in model.requests], items(session)


def without_numbers(value):
    """The double numbers its items through all of the tests."""
    return re.sub(r"(call|fc|msg|resp)_\d+", r"\1", json.dumps(value))


def test_compaction_is_the_same_each_time_and_over_restarts(make_daemon):
    with Model() as first, Model() as second:
        one = conversation(make_daemon, first, restarts=False)
        two = conversation(make_daemon, second, restarts=True)
    assert without_numbers(one) == without_numbers(two)


def test_the_sdk_reads_and_goes_on_with_a_shortened_conversation(make_daemon, model):
    client = start(make_daemon, model).client()
    session = make_session(client, make_project(client))
    for number in range(10):
        propose(client, session, model, number)
    add_items(session, [{"role": "user", "content": "Said elsewhere"}, {"role": "assistant", "content": "Heard."}])
    propose(client, session, model, 10)
    said = requests_in(model.asked()[-1])
    assert "Said elsewhere" in said and said.index("Said elsewhere") > said.index("Request number 9, word for word")
    roles = [(item.get("role"), item.get("type")) for item in items(session)]
    assert all(role in ("user", "assistant") or kind in ("function_call", "function_call_output", "message", "reasoning")
               for role, kind in roles)


def test_requests_alone_that_do_not_fit_are_cut_and_the_work_goes_on(make_daemon, model):
    client = start(make_daemon, model).client()
    session = make_session(client, make_project(client))
    for number in range(6):
        model.vibecoder.append(words("Noted."))
        result = vibe(client, session, f"{number} begins " + "long " * 1000 + f"{number} ends")
        assert result["content"] == "Noted."
    said = requests_in(model.asked()[-1])
    assert [text[:8] for text in said[:5]] == [f"{number} begins"[:8] for number in range(5)]
    assert "[Shortened]" in said[0] and said[0].endswith("0 ends")


def test_the_evaluator_forgets_at_a_commit_and_its_memory_fits_until_then(make_daemon, model):
    client = start(make_daemon, model).client()
    session = make_session(client, make_project(client))
    for number in range(16):
        result = propose(client, session, model, number)
    assert max(size(body) for body in model.asked("evaluator")) < ROOM + 3000  # its question holds the patch twice
    evaluator = session["openai_session_key"] + "_evaluator"
    assert items(session, evaluator)
    approve(client, result["diff_id"])
    commit(client, result["diff_id"])
    assert remembered(session).get(evaluator) is None and items(session)


# Forks.

def test_a_fork_takes_the_turns_that_it_is_asked_for_whatever_became_of_them(make_daemon, model):
    client = start(make_daemon, model).client()
    session = make_session(client, make_project(client))
    model.vibecoder += [words("First."), refuse(400, "no"), words("Third."), words("Fourth.")]
    ids = [vibe(client, session, f"Question {number}")["message_id"] for number in range(2)]
    add_items(session, [{"role": "user", "content": "Said elsewhere"}])
    ids += [vibe(client, session, f"Question {number}")["message_id"] for number in range(2, 4)]

    def asked(fork):
        model.vibecoder.append(words("In the fork."))
        vibe(client, fork, "And now?")
        return [text.rpartition("User request: ")[2] for text in requests_in(model.asked()[-1])]

    def fork(of, after):
        made = client.post(f"/sessions/{of['id']}/fork", json={"after_message_id": after})
        assert made.status_code == 201, made.text
        return made.json()

    assert asked(fork(session, ids[0])) == ["Question 0", "Said elsewhere", "And now?"]
    second = fork(session, ids[1])
    assert asked(second) == ["Question 0", "Said elsewhere", "And now?"], "a message that failed left nothing to remember"
    third = fork(session, ids[2])
    assert asked(third) == ["Question 0", "Said elsewhere", "Question 2", "And now?"]
    of_a_fork = client.get(f"/sessions/{third['id']}/messages").json()
    first = next(row["id"] for row in of_a_fork if row["content"] == "Question 0")
    assert asked(fork(third, first)) == ["Question 0", "Said elsewhere", "And now?"]
    assert [text.rpartition("User request: ")[2] for text in requests_in(model.asked()[0])] == ["Question 0"]
    assert client.post(f"/sessions/{session['id']}/fork", json={"after_message_id": "none"}).status_code == 404


def test_a_message_that_is_worked_on_is_not_forked_after(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=300)
    client = daemon.client()
    session = make_session(client, make_project(client))
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": "Create a triage agent", "message_id": "m"},
                headers={"Prefer": "respond-async"}).raise_for_status()
    answer = client.post(f"/sessions/{session['id']}/fork", json={"after_message_id": "m"})
    assert answer.status_code == 409 and "still being worked on" in answer.json()["detail"]
    assert client.get("/messages/m/result").status_code == 200
    assert client.post(f"/sessions/{session['id']}/fork", json={"after_message_id": "m"}).status_code == 201


# Nodes.

SOURCE = '''"""Agents."""
from agents import Agent, function_tool

@function_tool
def lookup(name: str) -> str:
    return name

billing_agent = Agent(name="Billing Agent", instructions="You bill.")

triage_agent = Agent(
    name="Triage Agent",
    instructions="You sort ```things```.",
    tools=[lookup],
    handoffs=[billing_agent],
)
'''


def node_session(client, project, node):
    answer = client.post(f"/projects/{project['id']}/sessions", json={"session_type": "node", "node_id": node})
    assert answer.status_code == 201, answer.text
    return answer.json()


def write(client, project, source):
    client.put(f"/projects/{project['id']}/files/agents.py", headers={"If-Match": "*"} if source != SOURCE else {},
               json={"content": source}).raise_for_status()


def question(client, session, model):
    model.vibecoder.append(words("Noted."))
    assert vibe(client, session, "What does it do?")["content"] == "Noted."
    return requests_in(model.asked()[-1])[-1]


@pytest.mark.parametrize("key", ["id", "name", "variable"])
def test_a_node_session_sees_its_definition_first(make_daemon, model, key):
    client = start(make_daemon, model).client()
    project = make_project(client)
    write(client, project, SOURCE)
    node = next(one for one in client.get(f"/projects/{project['id']}/nodes").json() if one["variable"] == "triage_agent")
    text = question(client, node_session(client, project, node[key]), model)
    head, _, rest = text.partition("Current code:")
    assert "about the agent 'Triage Agent'" in head and "agents.py, lines 10 to 15" in head
    definition = SOURCE[SOURCE.index("triage_agent = "):].rstrip("\n")
    assert f"````python\n{definition}\n````" in head and "billing_agent = " not in head
    assert "Its tools: lookup\n" in head and "Its handoffs: Billing Agent\n" in head
    assert SOURCE in rest


def test_a_node_session_follows_its_node_and_says_when_it_is_gone(make_daemon, model):
    client = start(make_daemon, model).client()
    project = make_project(client)
    write(client, project, SOURCE)
    session = node_session(client, project, "Triage Agent")
    write(client, project, "# moved\n\n" + SOURCE)
    assert "lines 12 to 17" in question(client, session, model)
    write(client, project, SOURCE[:SOURCE.index("triage_agent = ")])
    text = question(client, session, model)
    assert "'Triage Agent', which no longer exists" in text and "Billing Agent" in text.partition("Current code:")[0]
    write(client, project, "def broken(:\n")
    text = question(client, session, model)
    assert "not valid Python" in text and "line 1" in text


def test_in_a_node_session_it_is_the_node(client, project):
    write(client, project, SOURCE)
    result = vibe(client, node_session(client, project, "Billing Agent"), "Make it speak Spanish")
    added = [line for line in result["patch"].splitlines() if line.startswith("+") and "Spanish" in line]
    assert len(added) == 1 and "You bill." in added[0] and "billing" in client.get(
        f"/diffs/{result['diff_id']}").json()["commit_message"].lower()


# The conversation of the seeds.

@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_create_a_triage_agent_and_make_it_speak_spanish(make_daemon, is_committed, restart):
    daemon = make_daemon()
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    first = vibe(client, session, "Create a triage agent")
    assert added(first).count("Agent(") == 1
    if is_committed:
        approve(client, first["diff_id"])
        commit(client, first["diff_id"])
    if restart:
        daemon.restart()
        client = daemon.client()
    second = vibe(client, session, "Make it speak Spanish")
    assert "Spanish" in added(second) and "triage" in second["patch"].lower()
    # Against a head that has the agent only its instructions change; against one that has not, it is made as it is to be.
    assert added(second).count("Agent(") == (0 if is_committed else 1)
    code = client.get(f"/diffs/{second['diff_id']}/preview").json()["preview_code"]
    assert code.count("Agent(") == 1 and code.count("Spanish") == 1
    approve(client, second["diff_id"])
    commit(client, second["diff_id"])
    agents = client.get(f"/projects/{project['id']}/nodes").json()
    assert [agent["name"].lower() for agent in agents] == ["triage agent"] and "Spanish" in agents[0]["instructions"]
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == ("3" if is_committed else "2")


def added(result):
    return "\n".join(line[1:] for line in result["patch"].splitlines() if line[:1] == "+" and line[:3] != "+++")
