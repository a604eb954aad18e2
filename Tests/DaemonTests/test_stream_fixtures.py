"""The fixtures of streams have the shapes of the official clients, and every kind of event is among them."""

import json
import pathlib
import typing

import anthropic.types
import openai.types.responses
import pydantic
import pytest
from google.genai import types as gemini

from conftest import ROOT

FOLDER = ROOT / "Tests/Corpus/streams"
# Not sent by the Gemini API for text, or of Vertex AI alone.
OTHER_REASONS = {"FINISH_REASON_UNSPECIFIED", "NO_IMAGE", "CONTINUATION", "ESCALATION", "PUP_LIMITED_DISABLED",
                 "MODEL_ARMOR", "STOP"}


def events(provider):
    """The data of all events, with the file that each stands in."""
    for path in sorted((FOLDER / provider).glob("*.sse")):
        for line in path.read_text().splitlines():
            if line.startswith("data: "):
                yield path.stem, json.loads(line.removeprefix("data: "))


def members(union):
    """The types of an annotated union, by their `type`."""
    while typing.get_origin(union) is typing.Annotated:
        union = typing.get_args(union)[0]
    return {typing.get_args(member.model_fields["type"].annotation)[0]: member for member in typing.get_args(union)}


def check(model, event):
    pydantic.TypeAdapter(model).validate_python(event)


def test_openai_has_every_event():
    kinds = members(openai.types.responses.ResponseStreamEvent)
    seen = set()
    for name, event in events("openai"):
        if event["type"] not in kinds:
            assert name == "other-tools"
            continue
        check(kinds[event["type"]], event)
        seen.add(event["type"])
    assert seen == set(kinds)


def test_anthropic_has_every_event_and_delta():
    kinds = members(anthropic.types.RawMessageStreamEvent)
    deltas = members(anthropic.types.RawContentBlockDelta)
    seen, reasons = set(), set()
    for _, event in events("anthropic"):
        if event["type"] in kinds and event.get("delta", {}).get("type") != "delta_of_a_later_year":
            check(kinds[event["type"]], event)
        if event["type"] == "content_block_delta":
            seen.add(event["delta"]["type"])
        if event["type"] == "message_delta":
            reasons.add(event["delta"]["stop_reason"])
        seen.add(event["type"])
    assert seen >= {*kinds, *deltas, "ping", "error", "of_a_later_year"}
    assert reasons == set(typing.get_args(anthropic.types.StopReason))


def test_gemini_has_every_reason_to_finish():
    reasons = set()
    for _, event in events("gemini"):
        if "error" in event:
            continue
        chunk = gemini.GenerateContentResponse.model_validate(event)
        reasons |= {candidate.finish_reason.value for candidate in chunk.candidates or [] if candidate.finish_reason}
    wanted = {reason.value for reason in gemini.FinishReason if "IMAGE" not in reason.value} - OTHER_REASONS
    assert reasons - {"STOP"} == wanted


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_they_are_small(provider):
    sizes = {path.name: path.stat().st_size for path in pathlib.Path(FOLDER / provider).glob("*.sse")}
    assert sizes and max(sizes.values()) < 10_000
