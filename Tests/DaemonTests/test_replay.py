"""Runs are recorded once and replayed without a provider, through the gateway too, and give the same events."""

import base64
import json
import re
import time

import openai
import pytest
from openai import OpenAI

from conftest import approve, commit, events_until, make_project, make_session, subscribed, vibe
from model_double import GOOD, Model, answer, message, submit, verdict
from gateway import bearer, token_of
from upstream import CONTENT, MESSAGE, RESPONSE, Upstream, streamed, whole

TOOL = {"type": "function", "name": "submit_patch", "strict": True, "description": "Submit a diff.", "parameters": {
    "type": "object", "properties": {"patch": {"type": "string"}, "description": {"type": "string"}},
    "required": ["patch", "description"], "additionalProperties": False}}
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(?:[a-z]+_)?[0-9a-f]{32}\b|"
                 r"\b[0-9a-f]{40}\b")
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def conversation(daemon):
    """The seeds' conversation in a new project; gives the events of its session, without ids and times."""
    client = daemon.client()
    session = make_session(client, make_project(client))
    with subscribed(daemon, f"session:{session['id']}", after=0) as socket:
        events = []
        for prompt in ["Create a triage agent", "Make it speak Spanish", "Which agents are there?"]:
            result = vibe(client, session, prompt)
            events += events_until(socket, "message.completed")
            if result["diff_id"]:
                approve(client, result["diff_id"])
                commit(client, result["diff_id"])
                events += events_until(socket, "code_update")
    return [normalised(event) for event in events]


def normalised(event):
    text = json.dumps({"event": event["event"], "data": event["data"]}, sort_keys=True)
    # Each id is called by the number in which it first came, so that it must come again in the same places.
    return TIMES.sub("TIME", text)


def numbered(events):
    """The events with each id named by the order of its first coming: the same id has to stand in the same places."""
    names = {}
    return [IDS.sub(lambda found: names.setdefault(found[0], f"id{len(names)}"), event) for event in events]


def test_the_same_conversation_gives_the_same_events(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"
    recorded = conversation(make_daemon(MODEL_RECORD=cassettes))
    first = conversation(make_daemon(MODEL_REPLAY=cassettes))
    second = conversation(make_daemon(MODEL_REPLAY=cassettes))
    assert len(first) > 50 and any("message.delta" in event for event in first)
    assert numbered(first) == numbered(second) == numbered(recorded)


def test_a_run_with_retries_and_refusals_replays_without_its_provider(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"
    script = [submit("not a patch"), submit(GOOD), answer(message("Words"))]

    def job(daemon):
        client = daemon.client()
        session = make_session(client, make_project(client))
        results = [vibe(client, session, prompt) for prompt in ("Change it", "Explain it")]
        return [(bool(one["diff_id"]), one["content"], one["patch"], one["token_usage"]) for one in results]

    with Model() as model:
        model.vibecoder, model.evaluator = list(script), [verdict(True)]
        recorded = job(make_daemon(OPENAI_BASE_URL=model.url, MODEL_RECORD=cassettes))
        asked = len(model.requests)
    # The provider is gone, and its address with it.
    assert job(make_daemon(OPENAI_BASE_URL="http://127.0.0.1:9/v1", MODEL_REPLAY=cassettes)) == recorded
    assert asked == len(list(cassettes.iterdir())) == 4


def sdk_of(daemon):
    client = daemon.client()
    return OpenAI(base_url=f"{daemon.url}/gateway/openai", api_key=token_of(client)["token"], max_retries=0)


def agent_run(daemon):
    """A program behind the gateway: asks, gets a call of a tool, answers it, all streamed by the official client."""
    with sdk_of(daemon) as sdk:
        question = [{"role": "user", "content": "File: agents.py\n```\nfrom agents import Agent\n```\n\n"
                                                "User request: Create a triage agent"}]
        with sdk.responses.stream(model="gpt-5", input=question, tools=[TOOL], metadata={"run": str(time.time())}) as stream:
            events = [event.to_json() for event in stream]
            first = stream.get_final_response()
        call = first.output[0]
        history = [*question, call.to_dict(), {"type": "function_call_output", "call_id": call.call_id, "output": "{}"}]
        second = sdk.responses.create(model="gpt-5", input=history, user=str(time.time()))
        return events, first.to_json(), second.to_json()


def test_a_program_behind_the_gateway_replays_without_a_provider(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"
    recorded = agent_run(make_daemon(MODEL_RECORD=cassettes))
    daemon = make_daemon(MODEL_REPLAY=cassettes, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert agent_run(daemon) == recorded
    # What is replayed is counted as what is real.
    assert daemon.client().get("/usage").json()["total"]["calls"] == 2
    with sdk_of(daemon) as sdk, pytest.raises(openai.InternalServerError) as error:
        sdk.responses.create(model="gpt-5", input="Something else", user="x")
    assert error.value.status_code == 502 and "MODEL_RECORD" in error.value.message
    assert "nothing was recorded" in error.value.message or "nearest" in error.value.message


FORMS = [(provider, path, form(body), form is streamed) for form in (whole, streamed) for provider, path, body in [
    ("openai", "/responses", RESPONSE), ("anthropic", "/v1/messages?beta=true", MESSAGE),
    ("gemini", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", CONTENT)]]


def test_all_formats_replay_byte_for_byte(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"

    def ask(daemon, upstream, version, time):
        client, answers = daemon.client(), []
        for provider, path, upstream.step, is_streamed in FORMS:
            asked = {"model": "m", "max_tokens": 1, "stream": is_streamed, "messages": [{"content": f"It is {time}"}],
                     "system": f"x-anthropic-billing-header: cc_version={version}\nHelp."}
            answer = client.post(f"/gateway/{provider}{path}", json=asked, headers=bearer(token_of(client)["token"]))
            answers.append((answer.status_code, answer.headers["content-type"], answer.content))
        return answers

    with Upstream() as upstream:
        urls = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "ANTHROPIC_BASE_URL": upstream.url,
                "GOOGLE_GEMINI_BASE_URL": upstream.url}
        recorded = ask(make_daemon(MODEL_RECORD=cassettes, **urls), upstream, 1, "2026-11-25T10:00:00Z")
        assert len(upstream.requests) == 6
        replayed = ask(make_daemon(MODEL_REPLAY=cassettes, **urls), upstream, 2, "2027-01-01T11:12:13.5Z")
        assert len(upstream.requests) == 6
    assert replayed == recorded and all(status == 200 and content for status, _, content in recorded)


@pytest.mark.alone
def test_a_replay_keeps_the_pauses_when_it_is_told_to(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"
    agent_run(make_daemon(MODEL_RECORD=cassettes, EMBEDDED_MODEL_DELAY_MS=40))
    times = []
    for timing in ["true", "false"]:
        daemon = make_daemon(MODEL_REPLAY=cassettes, MODEL_REPLAY_TIMING=timing)
        began = time.monotonic()
        agent_run(daemon)
        times.append(time.monotonic() - began)
    assert times[0] - times[1] > 0.3


def test_a_cassette_holds_no_secret(make_daemon, tmp_path):
    key, cassettes = "key-0a1b2c3d4e5f60718293", tmp_path / "cassettes"  # gitleaks:allow
    pasted = "sk" + "-proj-" + "a1B2" * 8

    def step(exchange):
        exchange.answer({**RESPONSE, "instructions": f"{key} {pasted}"})
    with Upstream(step) as upstream:
        daemon = make_daemon(OPENAI_API_KEY=key, OPENAI_BASE_URL=f"{upstream.url}/v1", MODEL_RECORD=cassettes)
        client = daemon.client()
        token = token_of(client)["token"]
        client.post("/gateway/openai/responses", json={"model": "gpt-5", "input": f"Mine are {key} and {pasted}"},
                    headers=bearer(token)).raise_for_status()
        assert pasted.encode() in upstream.last.body
    (cassette,) = cassettes.iterdir()
    recorded = json.loads(cassette.read_text())
    answered = b"".join(base64.b64decode(chunk["base64"]) for chunk in recorded["response"]["chunks"])
    for secret in (key, pasted, token):
        assert secret not in cassette.read_text() and secret.encode() not in answered
    assert b"[redacted] [redacted]" in answered
