"""Anthropic's Messages API and the Gemini API for `model_double`: the same items in their words, and their errors."""

import json

from model_double import Responses, numbers


def text_of(item):
    part = item["content"][0]
    return part.get("text", part.get("refusal"))


class Messages:
    """Anthropic's Messages API."""

    name, model, base, key_field = "anthropic", "claude-sonnet-4-5", "", "x-api-key"
    settings = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
    usage = {"input_tokens": 700, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 200,
             "output_tokens": 1}

    @staticmethod
    def is_evaluation(body):
        return "output_config" in body

    @staticmethod
    def encode(event):
        return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

    @staticmethod
    def error(status, reason):
        kind = {429: "rate_limit_error", 529: "overloaded_error"}.get(
            status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": reason}, "request_id": "req_1"}

    @staticmethod
    def outputs(body):
        return {block["tool_use_id"]: block["content"] for message in body["messages"]
                for block in message["content"] if block["type"] == "tool_result"}

    @staticmethod
    def faults_of(path, headers, body):
        """What the real API would refuse a request for."""
        faults = [] if path == "/v1/messages" else [f"the path is {path}"]
        if headers["anthropic-version"] != "2023-06-01" or headers["content-type"] != "application/json":
            faults.append("version and content type must be set")
        if body.get("stream") is not True or not body.get("model") or not 0 < body.get("max_tokens", 0) <= 32_000:
            faults.append("stream, model and max_tokens must be set")
        if not body["messages"] or body["messages"][0]["role"] != "user" or body["messages"][-1]["role"] != "user":
            faults.append("the first and the last message must be the user's")
        open_calls = []
        for message in body["messages"]:
            kinds = [block["type"] for block in message["content"]]
            results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
            if sorted(results) != sorted(open_calls) or kinds[:len(results)] != ["tool_result"] * len(results):
                faults.append(f"calls {open_calls} must be answered at once and first: {message}")
            open_calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
            allowed = {"user": {"text", "tool_result"}, "assistant": {"text", "tool_use", "thinking"}}[message["role"]]
            if not kinds or not set(kinds) <= allowed or any(block.get("text") == "" for block in message["content"]):
                faults.append(f"a message must have blocks of its role, and words in them: {message}")
            for block in message["content"]:
                if block["type"] == "thinking" and block != {**block, "signature": "c2lnbmVk"}:
                    faults.append(f"thinking must come back as it was: {block}")
                if block["type"] == "tool_use" and not isinstance(block["input"], dict):
                    faults.append(f"the input of a call must be an object: {block}")
        return faults

    @classmethod
    def events_of(cls, items, reason=None, **details):
        """The events of a whole stream; every answer begins with a signed thought."""
        message = {"id": f"msg_{next(numbers)}", "type": "message", "role": "assistant", "model": cls.model,
                   "content": [], "stop_reason": None, "stop_sequence": None, "usage": cls.usage}
        yield {"type": "message_start", "message": message}
        thought = {"type": "thinking", "thinking": "", "signature": ""}
        yield {"type": "content_block_start", "index": 0, "content_block": thought}
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "I look."}}
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2lnbmVk"}}
        yield {"type": "content_block_stop", "index": 0}
        yield {"type": "ping"}
        for index, item in enumerate(items, 1):
            if item["type"] == "function_call":
                block = {"type": "tool_use", "id": item["call_id"], "name": item["name"], "input": {}}
                text, delta, member = item["arguments"], "input_json_delta", "partial_json"
            else:
                block = {"type": "text", "text": ""}
                text, delta, member = text_of(item), "text_delta", "text"
            yield {"type": "content_block_start", "index": index, "content_block": block}
            for start in range(0, len(text), 100):
                yield {"type": "content_block_delta", "index": index,
                       "delta": {"type": delta, member: text[start:start + 100]}}
            yield {"type": "content_block_stop", "index": index}
        calls = any(item["type"] == "function_call" for item in items)
        delta = {"stop_reason": reason or ("tool_use" if calls else "end_turn"), "stop_sequence": None, **details}
        yield {"type": "message_delta", "delta": delta,
               "usage": {"output_tokens": 100, "output_tokens_details": {"thinking_tokens": 40}}}
        yield {"type": "message_stop"}


class Gemini:
    """The Gemini API."""

    name, model, base, key_field = "gemini", "gemini-2.5-pro", "", "x-goog-api-key"
    settings = ("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY")

    @staticmethod
    def is_evaluation(body):
        return "responseJsonSchema" in body["generationConfig"]

    @staticmethod
    def encode(event):
        return f"data: {json.dumps(event)}\r\n\r\n".encode()

    @staticmethod
    def error(status, reason):
        return [{"error": {"code": status, "message": reason, "status": "UNAVAILABLE"}}]

    @staticmethod
    def outputs(body):
        return {part["functionResponse"]["id"]: json.dumps(part["functionResponse"]["response"])
                for content in body["contents"] for part in content["parts"] if "functionResponse" in part}

    @classmethod
    def faults_of(cls, path, headers, body):
        """What the real API would refuse a request for."""
        wanted = f"/v1beta/models/{cls.model}:streamGenerateContent?alt=sse"
        faults = [] if path == wanted else [f"the path is {path}"]
        if headers["content-type"] != "application/json":
            faults.append("the body must say that it is JSON")
        open_calls = []
        for content in body["contents"]:
            if content["role"] not in ("user", "model") or not content["parts"]:
                faults.append(f"a content must have a role and parts: {content}")
            answers = [part["functionResponse"]["id"] for part in content["parts"] if "functionResponse" in part]
            if sorted(answers) != sorted(open_calls):
                faults.append(f"calls {open_calls} must be answered at once: {content}")
            calls = [part for part in content["parts"] if "functionCall" in part]
            open_calls = [part["functionCall"]["id"] for part in calls]
            if calls and calls[0].get("thoughtSignature") != "c2lnbmVk":
                faults.append(f"the first call must have its signature: {content}")
            for part in content["parts"]:
                answer = part.get("functionResponse", {"response": {}})["response"]
                if not isinstance(answer, dict) or not isinstance(part.get("functionCall", {"args": {}})["args"], dict):
                    faults.append(f"arguments and responses must be objects: {part}")
        return faults

    @classmethod
    def events_of(cls, items, reason="STOP", **members):
        """The chunks of a whole stream; the first of several calls is signed."""
        response, is_signed = f"resp{next(numbers)}", False

        def chunk(part, output, **more):
            content = {"role": "model", "parts": [part] if part else []}
            return {"candidates": [{"content": content, "index": 0, **more}], "modelVersion": cls.model,
                    "usageMetadata": {"promptTokenCount": 1000, "cachedContentTokenCount": 200,
                                      "candidatesTokenCount": output, "thoughtsTokenCount": 40,
                                      "totalTokenCount": 1040 + output}, "responseId": response}

        yield chunk({"text": "I look.", "thought": True}, 1)
        for item in items:
            if item["type"] == "function_call":
                call = {"id": item["call_id"], "name": item["name"], "args": json.loads(item["arguments"])}
                yield chunk({"functionCall": call, **({} if is_signed else {"thoughtSignature": "c2lnbmVk"})}, 20)
                is_signed = True
            else:
                text = text_of(item)
                for start in range(0, len(text), 100):
                    yield chunk({"text": text[start:start + 100]}, 20)
        yield chunk(None, 60, finishReason=reason, **members)


WIRES = [Responses, Messages, Gemini]
