"""The official SDKs of the three providers work through the gateway, with a token in the place of a key."""

import json

import anthropic
import openai
import pytest
from anthropic import Anthropic
from google import genai
from openai import OpenAI

from conftest import Daemon
from gateway import token_of

SCHEMA = {"type": "object", "properties": {"patch": {"type": "string"}, "description": {"type": "string"}},
          "required": ["patch", "description"], "additionalProperties": False}
QUESTION = "File: agents.py\n```\nfrom agents import Agent\n```\n\nUser request: Create a triage agent"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """A daemon without keys: the embedded provider answers behind its gateway."""
    daemon = Daemon(tmp_path_factory.mktemp("embedded")).start()
    yield daemon
    daemon.close()


@pytest.fixture
def token(embedded):
    return token_of(embedded.client())["token"]


@pytest.fixture(params=["", "/v1"])
def sdk(embedded, token, request):
    with OpenAI(base_url=f"{embedded.url}/gateway/openai{request.param}", api_key=token, max_retries=0) as sdk:
        yield sdk


def test_the_openai_sdk_streams(sdk):
    with sdk.responses.stream(model="gpt-5", input="Hello") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert "embedded provider" in final.output_text
    assert [model.id for model in sdk.models.list()]


def test_the_openai_sdk_uses_tools(sdk):
    tool = {"type": "function", "name": "submit_patch", "strict": True, "description": "Submit a diff.",
            "parameters": SCHEMA}
    first = sdk.responses.create(model="gpt-5", input=QUESTION, tools=[tool])
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert "triage" in json.loads(call.arguments)["patch"]
    with sdk.responses.stream(model="gpt-5", input=QUESTION, tools=[tool]) as stream:
        deltas = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
    assert json.loads("".join(deltas))["description"]


def test_the_openai_sdk_is_told_of_a_bad_token(sdk):
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="vgt_nothing").models.list()


@pytest.fixture(params=["api_key", "auth_token"])
def claude(embedded, token, request):
    """Anthropic's client with the token as `x-api-key`, and as a bearer as Claude Code sends it."""
    with Anthropic(base_url=f"{embedded.url}/gateway/anthropic", max_retries=0, **{request.param: token}) as sdk:
        yield sdk


def test_the_anthropic_sdk_streams(claude):
    question = [{"role": "user", "content": "Hello"}]
    with claude.messages.stream(model="claude-sonnet-4-5", max_tokens=1000, messages=question) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "embedded provider" in text and final.stop_reason == "end_turn" and final.usage.output_tokens > 0


def test_the_anthropic_sdk_uses_tools(claude):
    tool = {"name": "submit_patch", "description": "Submit a diff.", "input_schema": SCHEMA}
    question = [{"role": "user", "content": QUESTION}]
    answer = claude.messages.create(model="claude-sonnet-4-5", max_tokens=1000, messages=question, tools=[tool])
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert "triage" in call.input["patch"] and answer.stop_reason == "tool_use"
    assert claude.messages.count_tokens(model="claude-sonnet-4-5", messages=question).input_tokens > 0


def test_the_anthropic_sdk_is_told_of_a_bad_token(embedded):
    with Anthropic(base_url=f"{embedded.url}/gateway/anthropic", api_key="vgt_nothing", max_retries=0) as sdk:
        with pytest.raises(anthropic.AuthenticationError) as error:
            sdk.messages.create(model="claude-sonnet-4-5", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    assert error.value.body["error"]["type"] == "authentication_error"


@pytest.fixture
def gemini(embedded, token):
    return genai.Client(api_key=token, http_options={"base_url": f"{embedded.url}/gateway/gemini"})


def test_the_gemini_sdk_streams(gemini):
    chunks = list(gemini.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello"))
    assert "embedded provider" in "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].usage_metadata.total_token_count > 0
    assert "embedded provider" in gemini.models.generate_content(model="gemini-2.5-flash", contents="Hello").text


def test_the_gemini_sdk_uses_tools(gemini):
    function = {"name": "submit_patch", "description": "Submit a diff.", "parameters_json_schema": SCHEMA}
    answer = gemini.models.generate_content(
        model="gemini-2.5-flash", contents=QUESTION,
        config=genai.types.GenerateContentConfig(tools=[genai.types.Tool(function_declarations=[function])]))
    (call,) = answer.function_calls
    assert "triage" in call.args["patch"]


def test_the_gemini_sdk_is_told_of_a_bad_token(embedded):
    sdk = genai.Client(api_key="vgt_nothing", http_options={"base_url": f"{embedded.url}/gateway/gemini"})
    with pytest.raises(genai.errors.ClientError) as error:
        sdk.models.generate_content(model="gemini-2.5-flash", contents="Hello")
    assert error.value.code == 401 and error.value.status == "UNAUTHENTICATED"
