"""A provider behind the gateway: keeps every request as it came and answers by a script, byte for byte."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Exchange:
    """One request as it came over the wire, and the connection that its answer goes to."""

    def __init__(self, handler, body):
        self.handler, self.body = handler, body
        self.method, self.target = handler.command, handler.path
        self.fields = [(name.lower(), value) for name, value in handler.headers.items()]

    def field(self, name):
        return [value for other, value in self.fields if other == name]

    def answer(self, body=b"", status=200, content_type="application/json", **fields):
        """A whole answer; a body that is no bytes is sent as JSON."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        for name, value in {"content-type": content_type, "content-length": len(body), **fields}.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()
        if self.method != "HEAD":
            self.handler.wfile.write(body)

    def begin(self, status=200, content_type="text/event-stream", **fields):
        self.handler.send_response(status)
        for name, value in {"content-type": content_type, "transfer-encoding": "chunked", **fields}.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def send(self, data):
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, data, name=None):
        text = data if isinstance(data, str) else json.dumps(data)
        self.send((f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode())

    def end(self):
        self.handler.wfile.write(b"0\r\n\r\n")

    def client_left(self, seconds=10):
        """Whether the other side closes in time."""
        self.handler.connection.settimeout(seconds)
        self.handler.close_connection = True
        try:
            return self.handler.connection.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class Upstream:
    """`with Upstream(step) as upstream`: every request is answered by the step."""

    def __init__(self, step=lambda exchange: exchange.answer({})):
        self.step, self.requests = step, []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                exchange = Exchange(self, self.rfile.read(int(self.headers.get("content-length") or 0)))
                upstream.requests.append(exchange)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    upstream.step(exchange)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_BREW = serve

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def last(self):
        return self.requests[-1]


# What the providers answer: a whole answer and the events of a stream, with 1000 tokens read, of them 200 from a cache,
# and 100 written, of them 40 of reasoning where the provider tells.

RESPONSE = {"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5-2025-08-07", "error": None,
            "output": [], "usage": {
                "input_tokens": 1000, "input_tokens_details": {"cached_tokens": 200}, "output_tokens": 100,
                "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 1100}}
COMPLETION = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-5-2025-08-07", "choices": [], "usage": {
    "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 200}, "completion_tokens_details": {"reasoning_tokens": 40}}}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
           "content": [{"type": "text", "text": "Hi \"usage\": {"}], "stop_reason": "end_turn", "usage": {
               "input_tokens": 800, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 0,
               "output_tokens": 100}}
CONTENT = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
           "modelVersion": "gemini-2.5-flash", "usageMetadata": {
               "promptTokenCount": 1000, "cachedContentTokenCount": 200, "candidatesTokenCount": 60,
               "thoughtsTokenCount": 40, "totalTokenCount": 1100}}


def events_of(body):
    """The events of a stream that ends as the whole answer does."""
    if body is RESPONSE:
        yield "response.created", {"type": "response.created", "response": {**RESPONSE, "usage": None}}
        yield "response.output_text.delta", {"type": "response.output_text.delta", "delta": "Hi"}
        yield "response.completed", {"type": "response.completed", "response": RESPONSE}
    elif body is COMPLETION:
        yield None, {**COMPLETION, "object": "chat.completion.chunk", "usage": None}
        yield None, {**COMPLETION, "object": "chat.completion.chunk"}
        yield None, "[DONE]"
    elif body is MESSAGE:
        usage = {**MESSAGE["usage"], "output_tokens": 1}
        yield "message_start", {"type": "message_start", "message": {**MESSAGE, "content": [], "usage": usage}}
        yield "ping", {"type": "ping"}
        yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                                "usage": {"output_tokens": 100}}
        yield "message_stop", {"type": "message_stop"}
    else:
        yield None, {**CONTENT, "usageMetadata": {"promptTokenCount": 1000, "totalTokenCount": 1000}}
        yield None, CONTENT


def whole(body):
    return lambda exchange: exchange.answer(body)


def streamed(body, pieces=1):
    """The events, each in one chunk; or all of them cut into chunks of so many bytes."""
    def step(exchange):
        exchange.begin()
        if pieces == 1:
            for name, data in events_of(body):
                exchange.event(data, name)
        else:
            text = b"".join((f"event: {name}\n" if name else "").encode() +
                            f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
                            for name, data in events_of(body))
            for start in range(0, len(text), pieces):
                exchange.send(text[start:start + pieces])
        exchange.end()
    return step
