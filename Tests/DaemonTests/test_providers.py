"""The OpenAI SDK talks to the embedded provider, and the daemon to a provider of its own."""

import json
import signal

import openai
import pydantic
import pytest
from openai import OpenAI
from openai.types import responses

from conftest import Process, approve, clean_environment, commit, make_project, make_session, vibe

SUBMIT_PATCH = {
    "type": "function", "name": "submit_patch", "description": "Submit a unified diff.", "strict": True,
    "parameters": {
        "type": "object", "properties": {"patch": {"type": "string"}, "description": {"type": "string"}},
        "required": ["patch", "description"], "additionalProperties": False,
    },
}
REQUEST = 'File: agents.py\n```\nfrom agents import Agent\n\na = Agent(name="A", instructions="Be A.")\n```\n\n'


class Evaluation(pydantic.BaseModel):
    approved: bool
    reasoning: str
    commit_message: str


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """The address of a running `vibegrapher model-server`."""
    folder = tmp_path_factory.mktemp("provider")
    process = Process(["model-server", "--port", "0"], folder, clean_environment(folder))
    yield process.listening()
    process.end(signal.SIGTERM)


@pytest.fixture
def sdk(provider):
    with OpenAI(base_url=f"{provider}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_models_are_listed(sdk):
    assert [model.id for model in sdk.models.list()] == ["embedded-rules"]


def test_an_answer_in_words_parses_and_says_what_it_is(sdk):
    response = sdk.responses.create(model="gpt-5", input="Hello")
    assert isinstance(response, responses.Response) and response.status == "completed"
    assert "not a language model" in response.output_text
    assert isinstance(response.output[0], responses.ResponseOutputMessage)
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0
    assert usage.input_tokens_details.cached_tokens == usage.output_tokens_details.reasoning_tokens == 0


def test_a_stream_parses_into_typed_events_in_order(sdk):
    with sdk.responses.create(model="gpt-5", input="Hello", stream=True) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert isinstance(events[0], responses.ResponseCreatedEvent)
    assert isinstance(events[1], responses.ResponseInProgressEvent)
    assert isinstance(events[2], responses.ResponseOutputItemAddedEvent)
    assert isinstance(events[3], responses.ResponseContentPartAddedEvent)
    deltas = [event for event in events if isinstance(event, responses.ResponseTextDeltaEvent)]
    assert len(deltas) > 1
    assert isinstance(events[-4], responses.ResponseTextDoneEvent)
    assert isinstance(events[-3], responses.ResponseContentPartDoneEvent)
    assert isinstance(events[-2], responses.ResponseOutputItemDoneEvent)
    assert isinstance(events[-1], responses.ResponseCompletedEvent)
    assert "".join(delta.delta for delta in deltas) == events[-1].response.output_text == events[-4].text


def test_the_streaming_helper_of_the_sdk_accumulates_the_answer(sdk):
    with sdk.responses.stream(model="gpt-5", input="Hello") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert stream.get_final_response().output_text == text


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_function_call_parses(sdk, is_streamed):
    body = {"model": "gpt-5", "input": REQUEST + "User request: Create a triage agent", "tools": [SUBMIT_PATCH]}
    if is_streamed:
        with sdk.responses.create(**body, stream=True) as stream:
            events = list(stream)
        deltas = [e.delta for e in events if isinstance(e, responses.ResponseFunctionCallArgumentsDeltaEvent)]
        done = next(e for e in events if isinstance(e, responses.ResponseFunctionCallArgumentsDoneEvent))
        response = events[-1].response
        assert "".join(deltas) == done.arguments == response.output[0].arguments
    else:
        response = sdk.responses.create(**body)
    call = response.output[0]
    assert isinstance(call, responses.ResponseFunctionToolCall)
    assert (call.name, call.status) == ("submit_patch", "completed") and call.call_id
    arguments = json.loads(call.arguments)
    assert '+    name="Triage Agent"' in arguments["patch"] and arguments["description"]


@pytest.mark.parametrize("request_text, wanted", [
    ("Create a triage agent", "Triage Agent"), ("Rename the A agent to B", '"B"'),
    ("Change the instructions of A to Be nice", "Be nice"), ("Make it speak Spanish", "Spanish"),
])
def test_the_rules_answer_with_a_patch(sdk, request_text, wanted):
    response = sdk.responses.create(
        model="gpt-5", input=REQUEST + f"User request: {request_text}", tools=[SUBMIT_PATCH])
    added = [line for line in json.loads(response.output[0].arguments)["patch"].splitlines() if line.startswith("+")]
    assert any(wanted in line for line in added)


def test_structured_output_parses_into_a_model(sdk):
    response = sdk.responses.parse(
        model="gpt-5-mini", input="User request: x\nDescription: Add the triage agent\n", text_format=Evaluation)
    assert response.output_parsed == Evaluation(
        approved=True, reasoning=response.output_parsed.reasoning, commit_message="Add the triage agent")


def test_structured_output_streams_into_a_model(sdk):
    with sdk.responses.stream(model="m", input="Description: Add it\n", text_format=Evaluation) as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_parsed.commit_message == "Add it"


def test_a_bad_request_is_an_error_of_the_sdk(sdk):
    with pytest.raises(openai.BadRequestError) as error:
        sdk.post("/responses", body={"input": "no model"}, cast_to=object)
    assert error.value.type == "invalid_request_error" and "model" in error.value.message


def test_what_is_not_served_is_an_error_of_the_sdk(sdk):
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve("resp_1")


def test_the_daemon_works_with_any_server_of_the_protocol(provider, make_daemon):
    daemon = make_daemon(OPENAI_BASE_URL=f"{provider}/v1")
    client = daemon.client()
    result = vibe(client, make_session(client, make_project(client)))
    assert result["diff_id"] and "embedded provider" not in daemon.stderr


def test_a_provider_that_is_not_there_is_a_clear_error(make_daemon):
    daemon = make_daemon(OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="sk-secret-1234567890")
    client = daemon.client(timeout=180)
    session = make_session(client, make_project(client))
    result = vibe(client, session)
    assert result["error"] and result["diff_id"] is None
    history = client.get(f"/sessions/{session['id']}/messages").text
    assert "sk-secret-1234567890" not in history + daemon.stderr


def test_a_recorded_job_replays_without_a_provider(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"
    recorded = main_job(make_daemon(MODEL_RECORD=cassettes))
    assert list(cassettes.iterdir())
    replayed = main_job(make_daemon(MODEL_REPLAY=cassettes))
    assert replayed == recorded


def main_job(daemon):
    client = daemon.client()
    session = make_session(client, make_project(client))
    first = vibe(client, session)
    approve(client, first["diff_id"])
    commit(client, first["diff_id"])
    second = vibe(client, session, "Make it speak Spanish")
    patches = [[line for line in one["patch"].splitlines() if line[:1] in "+-"] for one in (first, second)]
    return patches, [one["token_usage"] for one in (first, second)]


def test_a_replay_fails_loudly_on_a_request_that_it_does_not_know(make_daemon, tmp_path):
    cassettes = tmp_path / "cassettes"
    main_job(make_daemon(MODEL_RECORD=cassettes))
    client = make_daemon(MODEL_REPLAY=cassettes).client()
    result = vibe(client, make_session(client, make_project(client)), "Create a weather agent")
    assert result["diff_id"] is None
    assert "MODEL_REPLAY" in result["error"] or "cassette" in result["error"]
