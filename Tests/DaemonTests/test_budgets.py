"""Budgets hold agents and programs behind the gateway alike, however many there are at once."""

import concurrent.futures
import json
import threading

import pytest

from conftest import events_until, make_project, make_session, subscribed, vibe, wait_until
from model_double import GOOD, Model, answer, message, stall_after, submit
from gateway import bearer, token_of
from upstream import Upstream


@pytest.fixture
def model():
    with Model() as model:
        yield model


@pytest.fixture
def daemon(make_daemon, model):
    return make_daemon(OPENAI_BASE_URL=model.url)


def budget_of(client, session):
    return client.get(f"/sessions/{session['id']}/budget").json()


def test_a_session_without_a_budget_has_none(client, session):
    assert budget_of(client, session) == {"max_cost_usd": None, "max_tokens": None, "allow_unpriced_models": False}


def test_a_budget_is_set_with_a_session_or_later_and_taken_away(client, project):
    url = f"/projects/{project['id']}/sessions"
    session = client.post(url, json={"max_cost_usd": 1.5, "max_tokens": 7}).json()
    assert (budget_of(client, session)["max_cost_usd"], budget_of(client, session)["max_tokens"]) == (1.5, 7)
    # To get the session back does not change its budget.
    assert client.post(url).json()["id"] == session["id"] and budget_of(client, session)["max_tokens"] == 7
    changed = client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 0.25}).json()
    assert (changed["max_cost_usd"], changed["max_tokens"], changed["spent_cost_usd"]) == (0.25, None, 0)
    assert client.put(f"/sessions/{session['id']}/budget", json={}).json()["max_cost_usd"] is None
    assert "spent_cost_usd" not in budget_of(client, session)
    for wanted in [{"max_cost_usd": -1}, {"max_tokens": -1}, {"max_tokens": "many"}, {"max_cost_usd": True}]:
        assert client.put(f"/sessions/{session['id']}/budget", json=wanted).status_code == 422
        assert client.post(url, json=wanted).status_code == 422
    assert client.put("/sessions/none/budget", json={}).status_code == 404


def test_an_exhausted_budget_ends_the_work_with_an_event_and_a_clear_error(daemon, client, session, model):
    model.vibecoder = [submit(GOOD), submit(GOOD)]
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 0.45}).raise_for_status()
    assert vibe(client, session)["diff_id"]
    budget = budget_of(client, session)
    # Two calls, of the two agents, each of 800 new, 200 cached and 100 written tokens of gpt-5.
    assert abs(budget["spent_cost_usd"] - 2 * 0.002025) < 1e-9 and budget["spent_tokens"] == 2200
    assert budget["reserved_cost_usd"] == budget["reserved_tokens"] == 0
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 0.3}).raise_for_status()
    asked = len(model.requests)
    with subscribed(daemon, f"session:{session['id']}") as socket:
        result = vibe(client, session, "Go on")
        events = events_until(socket, "message.failed")
    assert "budget of this session" in result["error"] and "$0.30" in result["error"] and result["diff_id"] is None
    (event,) = [event for event in events if event["event"] == "budget.exhausted"]
    assert event["data"]["scope_id"] == session["id"] and event["data"]["max_cost_usd"] == 0.3
    assert event["data"]["message"] == result["error"] and len(model.requests) == asked
    last = client.get(f"/sessions/{session['id']}/messages").json()[-1]
    assert (last["role"], last["content"]) == ("system", result["error"])
    client.put(f"/sessions/{session['id']}/budget", json={}).raise_for_status()
    assert vibe(client, session, "Go on")["diff_id"]


def test_a_commit_message_is_refined_within_the_budget_of_its_session(client, session, model):
    model.vibecoder = [submit(GOOD)]
    diff = vibe(client, session)["diff_id"]
    spent = client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 5}).json()["spent_cost_usd"]
    client.post(f"/diffs/{diff}/refine-message", json={"prompt": "Be brief"}).raise_for_status()
    assert budget_of(client, session)["spent_cost_usd"] > spent
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 0.01}).raise_for_status()
    asked, answer = len(model.requests), client.post(f"/diffs/{diff}/refine-message", json={"prompt": "Be brief"})
    assert answer.status_code == 503 and "budget of this session" in answer.text and len(model.requests) == asked


def test_usage_of_the_agents_is_counted_for_project_session_and_model(client, project, session, model):
    model.vibecoder = [submit(GOOD)]
    vibe(client, session)
    for grouping, key in [("project", project["id"]), ("session", session["id"]), ("model", "gpt-5"), ("provider", "openai")]:
        (group,) = client.get("/usage", params={"group_by": grouping}).json()["groups"]
        assert (group["key"], group["calls"], group["total_tokens"], group["reasoning_tokens"]) == (key, 2, 2200, 80)
        assert abs(group["cost_usd"] - 2 * 0.002025) < 1e-9


def test_an_unpriced_model_is_refused_under_a_budget_of_money(make_daemon, model):
    client = make_daemon("unpriced", OPENAI_BASE_URL=model.url, THINKING_MODEL="nobody-knows-it").client()
    session = make_session(client, make_project(client))
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 5}).raise_for_status()
    assert "has no price" in vibe(client, session)["error"] and model.requests == []
    model.vibecoder = [submit(GOOD)]
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 5, "allow_unpriced_models": True})
    assert vibe(client, session, "Again")["diff_id"]


def test_what_a_crash_left_set_aside_is_given_back(daemon, client, session, model):
    model.vibecoder = [stall_after(1, message("Wait"))]
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 1}).raise_for_status()
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": "x", "message_id": "m"},
                headers={"Prefer": "respond-async"}).raise_for_status()
    wait_until(lambda: budget_of(client, session)["reserved_cost_usd"] > 0.3, "the worst case is set aside")
    daemon.kill()
    model.vibecoder = [submit(GOOD)]
    client = daemon.start().client()
    assert client.get("/messages/m/result").json()["diff_id"]
    budget = budget_of(client, session)
    assert budget["reserved_cost_usd"] == 0 and abs(budget["spent_cost_usd"] - 2 * 0.002025) < 1e-9
    calls = [row["status"] for row in daemon.rows("SELECT status FROM model_calls ORDER BY started_at")]
    assert calls == ["interrupted", "completed", "completed"]


def test_a_cancelled_call_counts_as_its_worst_case(client, session, model):
    model.vibecoder = [stall_after(1, message("Wait"))]
    client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 1}).raise_for_status()
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": "x"}, headers={"Prefer": "respond-async"})
    wait_until(lambda: model.asked(), "the model is asked")
    client.post(f"/sessions/{session['id']}/cancel")
    wait_until(lambda: budget_of(client, session)["reserved_cost_usd"] == 0, "the call is settled")
    assert budget_of(client, session)["spent_cost_usd"] > 0.3


def test_five_agents_at_once_never_spend_more_than_one_dollar(make_daemon):
    """An agent of a session and four programs with tokens of it, each call as dear as it may be."""
    most, seen, lock = 32_768, [], threading.Lock()

    def step(exchange):
        body = json.loads(exchange.body)
        usage = {"input_tokens": len(exchange.body) // 4, "output_tokens": body["max_output_tokens"],
                 "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        with lock:
            seen.append(usage)
        exchange.begin()
        item = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
        exchange.event({"type": "response.completed", "response": {
            "id": "r", "model": "gpt-5", "status": "completed", "output": [item], "usage": usage}}, "response.completed")
        exchange.end()

    with Upstream(step) as upstream:
        client = make_daemon(OPENAI_BASE_URL=f"{upstream.url}/v1").client()
        session = make_session(client, make_project(client))
        client.put(f"/sessions/{session['id']}/budget", json={"max_cost_usd": 1}).raise_for_status()
        token = token_of(client, session_id=session["id"])["token"]
        stop, spent = threading.Event(), []

        def watch():
            while not stop.is_set():
                spent.append(budget_of(client, session)["spent_cost_usd"])

        def agent(number):
            if number == 0:
                return [vibe(client, session, f"Question {count}")["error"] for count in range(3)]
            answers = []
            for size in [most, 9000, 5000, 2500, 1200, 600, 300, 100]:
                for _ in range(4):
                    body = {"model": "gpt-5", "input": "Hi", "stream": True, "max_output_tokens": size}
                    answers.append(client.post("/gateway/openai/responses", json=body, headers=bearer(token)).status_code)
            return answers

        watcher = threading.Thread(target=watch)
        watcher.start()
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(agent, range(5)))
        stop.set()
        watcher.join()
        budget = budget_of(client, session)
        real = sum(usage["input_tokens"] * 1.25 + usage["output_tokens"] * 10 for usage in seen) / 1e6
        assert max(spent + [budget["spent_cost_usd"], real]) <= 1
        assert real > 0.98 and abs(budget["spent_cost_usd"] - real) < 1e-6
        assert budget["reserved_cost_usd"] == 0
        codes = {code for program in answers[1:] for code in program}
        assert codes == {200, 429}
