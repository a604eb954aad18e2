"""A person makes a project, asks for changes in plain words, reviews them and commits them."""

import json
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from conftest import approve, commit, events_until, git, make_project, make_session, subscribed, vibe, wait_until

SHA = re.compile(r"[0-9a-f]{40}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MESSAGE_FIELDS = """id session_id role message_type input new_items final_output final_output_typed last_agent
    tool_calls tool_outputs handoffs usage_input_tokens usage_output_tokens usage_total_tokens usage_cached_tokens
    usage_reasoning_tokens stream_event_type stream_sequence event_data content iteration openai_response token_usage
    diff_id last_response_id created_at updated_at""".split()
DIFF_FIELDS = """id session_id project_id base_commit target_branch diff_content status test_results tests_run_at
    vibecoder_prompt evaluator_reasoning commit_message human_feedback committed_sha parent_diff_id created_at
    updated_at merge_status""".split()


def in_background(work):
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def test_the_main_job_is_seen_live_by_a_websocket_while_it_happens(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=20)
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    with subscribed(daemon, f"project:{project['id']}") as socket:
        answer = in_background(lambda: vibe(client, session))
        events_until(socket, "message.delta")
        assert not answer.done(), "a delta has to come before the POST answers"
        names = [event["event"] for event in events_until(socket, "message.completed")]
        assert [name for name in names if name in ("debug_iteration", "diff_created", "message.completed")] == [
            "debug_iteration", "diff_created", "message.completed",
        ]
        result = answer.result(timeout=20)
        approve(client, result["diff_id"])
        assert events_until(socket, "diff.updated")[-1]["data"]["status"] == "human_approved"
        sha = commit(client, result["diff_id"])["committed_sha"]
        changed = events_until(socket, "code_changed")[-1]["data"]
    assert changed["project_id"] == project["id"]
    assert changed["trace_id"] == result["trace_id"]
    assert "Triage Agent" in changed["new_code"]
    assert git(project["repository_path"], "rev-parse", "HEAD").strip() == sha


def test_the_text_of_the_deltas_is_the_text_of_the_finished_items(daemon, client, project, session):
    with subscribed(daemon, f"session:{session['id']}") as socket:
        vibe(client, session)
        events = events_until(socket, "message.completed")
    texts = {}
    for event in events:
        if event["event"] == "message.delta":
            item = event["data"]["item_id"]
            texts[item] = texts.get(item, "") + event["data"]["delta"]
    items = [event["data"]["event_data"]["item"] for event in events
             if event["event"] == "conversation_message" and (event["data"]["event_data"] or {}).get("item")]
    finished = {item["id"]: item.get("arguments") or item["content"][0]["text"] for item in items if "id" in item}
    assert texts and texts == finished


EVENT_FIELDS = {
    "conversation_message": """message_id session_id role message_type content stream_event_type stream_sequence
        event_data tool_calls tool_outputs handoffs usage_input_tokens usage_output_tokens usage_total_tokens agent
        iteration token_usage patch_preview created_at""",
    "diff_created": "diff_id commit_message session_id git_commit",
    "debug_iteration": """iteration patch_content patch_description evaluator_approved evaluator_reasoning
        evaluator_feedback""",
    "token_usage": "session_id message_id usage timestamp",
    "code_changed": "project_id new_code trace_id",
    "code_update": "content filename",
}


def test_events_have_the_fields_that_clients_expect_and_messages_shown_are_kept(daemon, client, project, session):
    with subscribed(daemon, f"project:{project['id']}") as socket:
        result = vibe(client, session)
        approve(client, result["diff_id"])
        commit(client, result["diff_id"])
        events = events_until(socket, "code_update")
    assert all(set(event) == {"seq", "topic", "event", "data", "at"} for event in events)
    for name, fields in EVENT_FIELDS.items():
        found = [event["data"] for event in events if event["event"] == name]
        assert found and all(set(fields.split()) <= set(data) for data in found), name
    shown = [event["data"]["message_id"] for event in events if event["event"] == "conversation_message"]
    assert shown == [message["id"] for message in client.get(f"/sessions/{session['id']}/messages").json()]
    previews = [event["data"]["patch_preview"] for event in events if event["data"].get("patch_preview")]
    patches = [event["data"]["patch_content"] for event in events if event["event"] == "debug_iteration"]
    assert [preview.splitlines() for preview in previews] == [patch.splitlines()[:10] for patch in patches]


def test_a_project_has_the_fields_that_clients_expect(client, project):
    assert {key: type(value) for key, value in project.items()} == {
        key: str for key in ["id", "name", "slug", "repository_path", "current_code", "current_commit",
                             "current_branch", "created_at", "updated_at"]
    } | dict.fromkeys(["remote_url", "github_repository", "pushed_commit"], type(None))
    assert (project["name"], project["slug"], project["current_branch"]) == ("Travel desk", "travel-desk", "main")
    assert UUID7.fullmatch(project["id"]) and SHA.fullmatch(project["current_commit"])
    assert TIME.fullmatch(project["created_at"]) and TIME.fullmatch(project["updated_at"])
    assert client.get(f"/projects/{project['id']}").json() == project
    assert client.get(f"/api/v1/projects/{project['id']}").json() == project


def test_projects_are_listed_newest_first_and_can_be_renamed_and_removed(client):
    made = [make_project(client, name) for name in ["One", "Two", "Three"]]
    assert [one["id"] for one in client.get("/projects").json()] == [one["id"] for one in reversed(made)]
    renamed = client.patch(f"/projects/{made[0]['id']}", json={"name": "Uno"}).json()
    assert (renamed["name"], renamed["slug"]) == ("Uno", "one")
    gone = client.delete(f"/projects/{made[1]['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert [one["name"] for one in client.get("/projects").json()] == ["Three", "Uno"]


def test_a_session_has_the_fields_that_clients_expect(client, project, session):
    assert set(session) >= set("""id session_id project_id openai_session_key conversations_db_path session_type node_id
        created_at updated_at""".split())
    assert session["session_id"] == session["id"] and session["project_id"] == project["id"]
    assert session["openai_session_key"] == "project_travel-desk"
    assert session["conversations_db_path"].endswith("/projects/travel-desk_conversations.db")
    assert client.get(f"/sessions/{session['id']}").json() == session
    assert client.get(f"/projects/{project['id']}/sessions").json() == [session]


@pytest.mark.parametrize("body", [
    {"json": {"type": "vibecode"}}, {"json": {"session_type": "global"}}, {"json": {}}, {},
    {"content": b"{}", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    {"content": b"", "headers": {"content-type": "application/json"}},
])
def test_starting_a_session_again_gives_the_same_one_whatever_body(client, project, body):
    first = client.post(f"/projects/{project['id']}/sessions", **body)
    again = client.post(f"/projects/{project['id']}/sessions", **body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_a_node_has_a_session_of_its_own(client, project, session):
    body = {"session_type": "node", "node_id": "Triage Agent"}
    node = client.post(f"/projects/{project['id']}/sessions", json=body)
    assert node.status_code == 201 and node.json()["id"] != session["id"]
    assert node.json()["openai_session_key"] == "project_travel-desk_node_Triage Agent"
    assert client.post(f"/projects/{project['id']}/sessions", json=body).json()["id"] == node.json()["id"]


def test_a_message_answers_with_the_proposed_change(client, session):
    result = vibe(client, session)
    assert result["session_id"] == session["id"] and result["error"] is None
    assert result["patch"] == result["diff"] and '+    name="Triage Agent"' in result["patch"]
    usage = result["token_usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    question = vibe(client, session, "Which agents are there?")
    assert question["diff_id"] is None and question["content"]


def test_the_history_has_all_fields_in_order(client, session):
    result = vibe(client, session)
    history = client.get(f"/sessions/{session['id']}/messages").json()
    assert all(set(MESSAGE_FIELDS) <= set(message) for message in history)
    assert (history[0]["role"], history[0]["message_type"], history[0]["iteration"]) == ("user", "user_input", None)
    assert history[0]["content"] == "Create a triage agent" and history[0]["id"] == result["message_id"]
    assert [m["stream_sequence"] for m in history[1:-1]] == list(range(1, len(history) - 1))
    assert {m["message_type"] for m in history[1:-1]} == {"stream_event"}
    assert history[-1]["message_type"] == "run_result" and history[-1]["diff_id"] == result["diff_id"]
    usages = [m["token_usage"] for m in history if m["stream_event_type"] == "raw_response_event"]
    assert [(usage["agent"], usage["iteration"]) for usage in usages] == [("vibecoder", 0), ("evaluator", 0)]
    assert sum(usage["total_tokens"] for usage in usages) == result["token_usage"]["total_tokens"]


def test_a_full_message_has_the_models_answer_unparsed(client, session):
    result = vibe(client, session)
    last = client.get(f"/sessions/{session['id']}/messages").json()[-1]
    full = client.get(f"/messages/{last['id']}/full").json()
    assert set(full) >= set("""id session_id role content openai_response token_usage diff_id created_at
        last_response_id trace_id model cost_usd latency_ms""".split())
    assert full["openai_response"]["id"] == full["last_response_id"]
    assert full["trace_id"] == result["trace_id"] and full["latency_ms"] >= 0
    assert json.loads(full["openai_response"]["output"][0]["arguments"])["description"]


def test_a_diff_and_its_preview_have_all_fields(client, project, session):
    result = vibe(client, session)
    diff = client.get(f"/diffs/{result['diff_id']}").json()
    assert set(diff) >= set(DIFF_FIELDS)
    assert (diff["status"], diff["merge_status"], diff["target_branch"]) == ("evaluator_approved", "clean", "main")
    assert diff["base_commit"] == project["current_commit"] and diff["vibecoder_prompt"] == "Create a triage agent"
    assert client.get(f"/projects/{project['id']}/diffs").json() == [diff]
    assert client.get(f"/sessions/{session['id']}/diffs/pending").json() == [diff]
    assert client.get(f"/projects/{project['id']}/diffs?status=committed").json() == []
    preview = client.get(f"/diffs/{diff['id']}/preview").json()
    assert preview["original_code"] == project["current_code"] and preview["diff_content"] == diff["diff_content"]
    assert [file["path"] for file in preview["files"]] == ["main.py"]
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == project["current_code"]
    approve(client, diff["id"])
    done = commit(client, diff["id"], commit_message="Welcome travellers\n\nAll of them.")
    assert done == {"diff_id": diff["id"], "committed_sha": done["committed_sha"],
                    "message": f"Successfully committed as {done['committed_sha'][:8]}"}
    assert git(project["repository_path"], "log", "-1", "--format=%B").strip() == "Welcome travellers\n\nAll of them."
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == preview["preview_code"]


def test_it_is_the_agent_that_the_conversation_spoke_of(client, project, session):
    first = vibe(client, session, "Create a triage agent")
    approve(client, first["diff_id"])
    commit(client, first["diff_id"])
    second = vibe(client, session, "Make it speak Spanish")
    added = [line for line in second["patch"].splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert any("Spanish" in line for line in added) and not any("Agent(" in line for line in added)
    assert "triage_agent" in second["diff"] and second["diff"].count("Agent(") == 1
    preview = client.get(f"/diffs/{second['diff_id']}/preview").json()["preview_code"]
    assert preview.count("Agent(") == 1
    approve(client, second["diff_id"])
    commit(client, second["diff_id"])
    assert git(project["repository_path"], "log", "--format=%s").splitlines() == [
        "Make the triage agent speak Spanish", "Add the triage agent", "Initial project setup",
    ]


def test_a_second_client_sees_what_the_first_one_does(daemon, client, project, session):
    other = make_project(client, "Another")
    with subscribed(daemon, f"project:{project['id']}") as seen, subscribed(daemon, f"project:{other['id']}") as unseen:
        result = vibe(client, session)
        assert events_until(seen, "message.completed")[-1]["data"]["diff_id"] == result["diff_id"]
        client.patch(f"/projects/{other['id']}", json={"name": "Renamed"})
        assert [event["event"] for event in events_until(unseen, "project.updated")] == ["project.updated"]
    with daemon.client() as second:
        assert second.get(f"/sessions/{session['id']}/diffs/pending").json()[0]["id"] == result["diff_id"]


def test_a_message_may_be_answered_later(make_daemon):
    client = make_daemon(EMBEDDED_MODEL_DELAY_MS=20).client()
    session = make_session(client, make_project(client))
    answer = client.post(
        f"/sessions/{session['id']}/messages", json={"prompt": "Create a triage agent", "message_id": "mine"},
        headers={"Prefer": "respond-async"})
    assert answer.status_code == 202 and answer.headers["preference-applied"] == "respond-async"
    assert (answer.json()["status"], answer.json()["message_id"]) == ("processing", "mine")
    result = client.get(answer.headers["location"]).json()
    assert result["message_id"] == "mine" and result["diff_id"]


def test_a_message_id_runs_once_however_often_it_is_sent(make_daemon):
    client = make_daemon(EMBEDDED_MODEL_DELAY_MS=10).client()
    session = make_session(client, make_project(client))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: vibe(client, session, message_id="once"), range(8)))
    assert all(result == results[0] for result in results)
    assert vibe(client, session, message_id="once") == results[0]
    assert len(client.get(f"/sessions/{session['id']}/diffs").json()) == 1
    roles = [message["role"] for message in client.get(f"/sessions/{session['id']}/messages").json()]
    assert roles.count("user") == 1


def test_a_client_that_goes_away_does_not_stop_the_work(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=30)
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    with subscribed(daemon, f"session:{session['id']}") as socket:
        with pytest.raises(httpx.ReadTimeout):
            client.post(f"/sessions/{session['id']}/messages", json={"prompt": "Create a triage agent"}, timeout=0.2)
        result = events_until(socket, "message.completed", "message.failed", "message.cancelled")[-1]
    assert result["event"] == "message.completed"
    assert client.get(f"/diffs/{result['data']['diff_id']}").status_code == 200


def test_cancel_stops_the_work_and_says_so(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=500)
    client = daemon.client()
    session = make_session(client, make_project(client))
    with subscribed(daemon, f"session:{session['id']}") as socket:
        answer = in_background(lambda: vibe(client, session))
        events_until(socket, "message.started")
        assert client.post(f"/sessions/{session['id']}/cancel").json() == {"cancelled": 1}
        assert events_until(socket, "message.cancelled", seconds=10)
    assert "cancelled" in answer.result(timeout=10)["error"]
    assert client.get(f"/sessions/{session['id']}/diffs").json() == []
    assert client.post(f"/sessions/{session['id']}/cancel").json() == {"cancelled": 0}


def test_a_cancel_that_comes_with_the_end_makes_no_second_end(daemon, client, session):
    count, chance = 50, random.Random(7)
    with subscribed(daemon, f"session:{session['id']}") as socket:
        for number in range(count):
            client.post(f"/sessions/{session['id']}/messages", headers={"Prefer": "respond-async"},
                        json={"prompt": "Create a triage agent", "message_id": f"m{number}"}).raise_for_status()
            # The evaluator has answered: what is left is to store the diff and the result.
            events_until(socket, "debug_iteration")
            time.sleep(chance.uniform(0, 0.012))
            client.post(f"/sessions/{session['id']}/cancel").raise_for_status()
            shown = events_until(socket, "message.completed", "message.failed", "message.cancelled")[-1]
            assert client.get(f"/messages/m{number}/result").json() == shown["data"], "what was shown stands"
    ends = daemon.rows("SELECT request_id FROM conversation_messages WHERE message_type = 'run_result'")
    assert sorted(row["request_id"] for row in ends) == sorted(f"m{number}" for number in range(count))


def test_many_starts_of_a_session_at_once_give_one(client, project):
    gate = threading.Barrier(20)

    def start(_):
        gate.wait()
        return client.post(f"/projects/{project['id']}/sessions", json={})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(start, range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(wait_until(lambda: client.get("/sessions").json(), "the session in the list")) == 1
