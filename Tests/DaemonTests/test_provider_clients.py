"""The official clients of Anthropic and Google talk to the embedded provider, unchanged."""

import signal

import anthropic
import pydantic
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import errors, types

from conftest import Process, approve, clean_environment, commit, git, make_project, make_session, vibe, wait_until
from test_providers import REQUEST, SUBMIT_PATCH, Evaluation

SCHEMA = SUBMIT_PATCH["parameters"]
WEATHER = {"type": "object", "properties": {"city": {"type": "string", "minLength": 1}}, "required": ["city"]}


class Person(pydantic.BaseModel):
    name: str
    age: int
    tags: list[str]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What `vibegrapher model-server` prints, while it runs."""
    folder = tmp_path_factory.mktemp("provider")
    process = Process(["model-server", "--port", "0"], folder, clean_environment(folder))
    address = process.listening()
    yield [address] + [process.lines.get(timeout=5).strip() for _ in range(3)]
    process.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def addresses(lines):
    return dict(line.split("=") for line in lines[1:])


@pytest.fixture
def claude(addresses):
    with Anthropic(base_url=addresses["ANTHROPIC_BASE_URL"], api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(addresses):
    options = types.HttpOptions(base_url=addresses["GOOGLE_GEMINI_BASE_URL"])
    return genai.Client(api_key="none", vertexai=False, http_options=options)


def ask(text, **options):
    return {"model": "claude-sonnet-5-5", "max_tokens": 1000, "messages": [{"role": "user", "content": text}],
            **options}


def test_the_addresses_are_printed(lines):
    assert lines[1:] == [f"OPENAI_BASE_URL={lines[0]}/v1", f"ANTHROPIC_BASE_URL={lines[0]}",
                         f"GOOGLE_GEMINI_BASE_URL={lines[0]}"]


# Anthropic.

TOOL = {"name": "submit_patch", "description": "Submit a unified diff.", "input_schema": SCHEMA}


def test_claude_answers_in_words(claude):
    message = claude.messages.create(**ask("Hello"))
    assert isinstance(message, anthropic.types.Message) and message.stop_reason == "end_turn"
    assert "not a language model" in message.content[0].text and "Hello" in message.content[0].text
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


def test_claude_streams_words(claude):
    with claude.messages.stream(**ask("Hello")) as stream:
        events = list(stream)
        message = stream.get_final_message()
    deltas = [event.text for event in events if event.type == "text"]
    assert len(deltas) > 1 and "".join(deltas) == message.content[0].text
    assert [event.type for event in events][:2] == ["message_start", "content_block_start"]
    assert events[-1].type == "message_stop" and message.usage.output_tokens > 1


@pytest.mark.parametrize("is_streamed", [False, True])
def test_claude_calls_a_function(claude, is_streamed):
    body = ask(REQUEST + "User request: Create a triage agent", tools=[TOOL])
    if is_streamed:
        with claude.messages.stream(**body) as stream:
            pieces = [event.partial_json for event in stream if event.type == "input_json"]
            message = stream.get_final_message()
        assert len(pieces) > 1
    else:
        message = claude.messages.create(**body)
    (call,) = message.content
    assert (call.type, call.name, message.stop_reason) == ("tool_use", "submit_patch", "tool_use")
    assert '+    name="Triage Agent"' in call.input["patch"] and call.input["description"]


def test_claude_goes_on_after_a_function(claude):
    tools = [{"name": "get_weather", "description": "Tell the weather.", "input_schema": WEATHER}]
    question = {"role": "user", "content": "Please call get_weather"}
    first = claude.messages.create(**ask("", messages=[question], tools=tools))
    call = first.content[0]
    assert (call.name, call.input) == ("get_weather", {"city": "x"})
    answer = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "It rains"}]}
    turns = [question, {"role": "assistant", "content": first.content}, answer]
    second = claude.messages.create(**ask("", messages=turns, tools=tools))
    assert "It rains" in second.content[0].text
    forced = claude.messages.create(**ask("Hello", tools=tools, tool_choice={"type": "tool", "name": "get_weather"}))
    assert forced.content[0].name == "get_weather"


@pytest.mark.parametrize("form, text", [(Evaluation, "Description: Add the triage agent\n"), (Person, "Who?")])
def test_claude_answers_in_a_form(claude, form, text):
    message = claude.messages.parse(**ask(text), output_format=form)
    assert isinstance(message.parsed_output, form)
    if form is Evaluation:
        assert message.parsed_output.commit_message == "Add the triage agent"


@pytest.mark.parametrize("body, reason", [
    ({"max_tokens": 10, "messages": []}, "model"), ({"model": "c", "messages": []}, "max_tokens"),
    ({"model": "c", "max_tokens": 10, "messages": []}, "message"),
    ({"model": "c", "max_tokens": 10, "messages": [{"role": "assistant", "content": "x"}]}, "user"),
    ({"model": "c", "max_tokens": 10, "messages": [{"role": "user", "content": ""}]}, "non-empty"),
    ({"model": "c", "max_tokens": 10, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": "y"}]}, "tool_result"),
])
def test_claude_refuses_what_the_api_refuses(claude, body, reason):
    with pytest.raises(anthropic.BadRequestError) as error:
        claude.post("/v1/messages", body=body, cast_to=object)
    assert error.value.body["error"]["type"] == "invalid_request_error" and reason in error.value.message


def test_claude_lists_and_counts(claude):
    assert [model.id for model in claude.models.list()] == ["embedded-rules"]
    assert claude.models.retrieve("embedded-rules").type == "model"
    question = {"role": "user", "content": "Hello"}
    assert claude.messages.count_tokens(model="c", messages=[question]).input_tokens > 0
    for wrong in (lambda: claude.models.retrieve("nothing"), lambda: claude.messages.batches.retrieve("batch_1")):
        with pytest.raises(anthropic.NotFoundError) as error:
            wrong()
        assert error.value.body["error"]["type"] == "not_found_error"


# Google.

FUNCTION = types.FunctionDeclaration(name="submit_patch", description="Submit.", parameters_json_schema=SCHEMA)


def test_gemini_answers_in_words(gemini):
    response = gemini.models.generate_content(model="gemini-2.5-pro", contents="Hello")
    assert "not a language model" in response.text and "Hello" in response.text
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    usage = response.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 0


def test_gemini_streams_words(gemini):
    chunks = list(gemini.models.generate_content_stream(model="gemini-2.5-pro", contents="Hello"))
    assert len(chunks) > 1 and "not a language model" in "".join(chunk.text for chunk in chunks)
    finishes = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert finishes == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_gemini_calls_a_function(gemini, is_streamed):
    body = {"model": "gemini-2.5-pro", "contents": REQUEST + "User request: Create a triage agent",
            "config": {"tools": [types.Tool(function_declarations=[FUNCTION])]}}
    if is_streamed:
        (response,) = gemini.models.generate_content_stream(**body)
    else:
        response = gemini.models.generate_content(**body)
    (call,) = response.function_calls
    assert call.name == "submit_patch" and '+    name="Triage Agent"' in call.args["patch"]


def test_gemini_calls_a_python_function_and_goes_on(gemini):
    asked = []

    def get_weather(city: str) -> str:
        """Tells the weather."""
        asked.append(city)
        return "It rains"

    response = gemini.models.generate_content(
        model="gemini-2.5-pro", contents="Please call get_weather", config={"tools": [get_weather]})
    assert asked == [""] and "It rains" in response.text


@pytest.mark.parametrize("form, text", [(Evaluation, "Description: Add the triage agent\n"), (Person, "Who?")])
def test_gemini_answers_in_a_form(gemini, form, text):
    for schema in ({"response_schema": form}, {"response_json_schema": form.model_json_schema()}):
        response = gemini.models.generate_content(
            model="gemini-2.5-pro", contents=text, config={"response_mime_type": "application/json", **schema})
        assert form.model_validate_json(response.text)
        if form is Evaluation:
            assert form.model_validate_json(response.text).commit_message == "Add the triage agent"


def test_gemini_refuses_what_the_api_refuses(gemini):
    with pytest.raises(errors.ClientError) as error:
        gemini.models.generate_content(model="gemini-2.5-pro", contents=[types.Content(role="user", parts=[])])
    assert (error.value.code, error.value.status) == (400, "INVALID_ARGUMENT") and "parts" in error.value.message


def test_gemini_lists_and_counts(gemini):
    assert [model.name for model in gemini.models.list()] == ["models/embedded-rules"]
    assert gemini.models.get(model="embedded-rules").output_token_limit > 0
    assert gemini.models.count_tokens(model="gemini-2.5-pro", contents="Hello").total_tokens > 0
    with pytest.raises(errors.ClientError) as error:
        gemini.models.get(model="nothing")
    assert (error.value.code, error.value.status) == (404, "NOT_FOUND")


# The daemon with a model of each provider.

@pytest.mark.parametrize("thinking, small", [
    ("claude-sonnet-5-5", "gemini-2.5-flash"), ("gpt-5", "claude-haiku-5-5"), ("gemini-2.5-pro", "some-other-model"),
])
def test_the_main_job_is_done_with_every_provider(make_daemon, tmp_path, thinking, small):
    cassettes = tmp_path / "cassettes"
    done = []
    for folder in ({"MODEL_RECORD": cassettes}, {"MODEL_REPLAY": cassettes}):
        daemon = make_daemon(THINKING_MODEL=thinking, SMALL_MODEL=small, **folder)
        client = daemon.client()
        project = make_project(client)
        session = make_session(client, project)
        patches = []
        for prompt in ("Create a triage agent", "Make it speak Spanish"):
            result = vibe(client, session, prompt)
            assert result["error"] is None, result
            approve(client, result["diff_id"])
            commit(client, result["diff_id"])
            patches.append([line for line in result["patch"].splitlines() if line[:1] in "+-"])
        assert "Spanish" in git(daemon.repository(project), "show", "HEAD")
        assert sum(line.count("Agent(") for line in patches[1] if line.startswith("+")) == 0
        done.append(patches)
    assert done[0] == done[1] and list(cassettes.iterdir())


def test_a_conversation_goes_on_with_a_model_of_another_provider(make_daemon):
    daemon = make_daemon(THINKING_MODEL="claude-sonnet-5-5")
    client = daemon.client()
    session = make_session(client, make_project(client))
    assert vibe(client, session, "Create a triage agent")["diff_id"]
    for model in ("gemini-2.5-pro", "gpt-5", "claude-sonnet-5-5"):
        client = daemon.restart(THINKING_MODEL=model).client()
        result = vibe(client, session, "Make it speak Spanish")
        assert "Always answer in Spanish" in result["patch"], result


@pytest.mark.parametrize("set_, model, wanted", [
    ("OPENAI_API_KEY", "claude-sonnet-5-5", "ANTHROPIC_API_KEY"),
    ("ANTHROPIC_API_KEY", "gemini-2.5-pro", "GEMINI_API_KEY"), ("GEMINI_API_KEY", "gpt-5", "OPENAI_API_KEY"),
])
def test_a_model_without_its_key_stops_the_start_with_one_line(tmp_path, set_, model, wanted):
    process = Process(["serve"], tmp_path, clean_environment(
        tmp_path, PORT=0, THINKING_MODEL=model, SMALL_MODEL=model, **{set_: "sk-test"}))
    assert process.wait() != 0
    (line,) = process.stderr.strip().splitlines()
    assert line.count("THINKING_MODEL") == 1 and model in line and wanted in line


def test_a_key_for_something_else_is_a_warning_and_a_clear_error(make_daemon):
    daemon = make_daemon(ANTHROPIC_API_KEY="sk-ant-test")
    wait_until(lambda: daemon.stderr.count("needs a key of OpenAI") == 1, "the warning")
    client = daemon.client()
    result = vibe(client, make_session(client, make_project(client)))
    assert "OPENAI_API_KEY" in result["error"] and "gpt-5" in result["error"]


def test_models_are_listed_with_provider_and_prices(make_daemon):
    client = make_daemon(GEMINI_API_KEY="k", THINKING_MODEL="gemini-2.5-pro", SMALL_MODEL="gemini-new").client()
    models = {model["id"]: model for model in client.get("/api/v1/models").json()}
    pro = models["gemini-2.5-pro"]
    assert (pro["provider"], pro["available"], pro["used_for"]) == ("gemini", True, ["thinking"])
    assert (pro["prices"]["input"], pro["prices"]["cached_input"], pro["prices"]["output"]) == (1.25, 0.125, 10)
    assert pro["prices"]["above"]["input_tokens"] == 200_000 and pro["prices"]["above"]["input"] == 2.5
    new = models["gemini-new"]
    assert (new["provider"], new["available"], new["used_for"], new["prices"]) == ("gemini", True, ["small"], None)
    assert pro["context_window"] > 200_000 and new["context_window"] > 0
    claude = models["claude-sonnet-5-5"]
    assert (claude["provider"], claude["available"]) == ("anthropic", False)
    assert claude["prices"]["cached_input"] == 0.1 and claude["prices"]["cache_write"] == 2.5
    assert models["gpt-5"]["provider"] == "openai" and models["embedded-rules"]["provider"] == "embedded"
