"""A model provider that follows a script over real HTTP, for whatever a model may do.

A step of the script is a function that answers one request through an `Exchange`. The two agents of the daemon have a
script each; `Model.faults` tells of requests that the real API would refuse. Steps speak of items as OpenAI's Responses
API has them; `model_wires` puts them into the words of the other providers.
"""

import contextlib
import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 200}, "output_tokens": 100,
         "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 1100}
FIELDS = {"message": {"role": str, "content": (str, list)}, "function_call_output": {"call_id": str, "output": str},
          "function_call": {"call_id": str, "name": str, "arguments": str}, "reasoning": {"id": str}}
numbers = itertools.count(1)


class Exchange:
    """One request, and the connection that its answer goes to."""

    def __init__(self, model, handler, body):
        self.model, self.handler, self.body = model, handler, body

    def begin(self, status=200, content_type="text/event-stream", **fields):
        """Sends the head of an answer in chunks."""
        self.handler.send_response(status)
        for name, value in {"content-type": content_type, "transfer-encoding": "chunked", **fields}.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def send(self, data):
        # An empty chunk would be the last one, and what follows it the beginning of the next answer.
        if data:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def events_of(self, items, **ending):
        """The events of a whole stream in the provider's words."""
        return self.model.wire.events_of(items, **ending)

    def event(self, event):
        self.send(self.model.wire.encode(event))

    def end(self):
        self.handler.wfile.write(b"0\r\n\r\n")

    def cut(self):
        """Ends the connection where it is, without the last chunk."""
        self.handler.close_connection = True

    def wait_until_the_client_leaves(self, seconds=30):
        self.handler.connection.settimeout(seconds)
        with contextlib.suppress(ConnectionError, TimeoutError):
            assert self.handler.connection.recv(1) == b""
        self.model.left.set()
        self.cut()


class Model:
    """The server; `with Model() as model`, then scripts for `vibecoder` and `evaluator`, taken from the front."""

    def __init__(self, wire=None):
        self.wire = wire or Responses
        self.requests = []
        self.authorizations = []
        self.faults = []
        self.left = threading.Event()
        self.vibecoder, self.evaluator = [], []
        self._lock = threading.Lock()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                step = model.take(self.path, self.headers, body)
                try:
                    step(Exchange(model, self, body))
                except (BrokenPipeError, ConnectionResetError):
                    # The daemon hung up: some scripts are there to make it do so.
                    self.close_connection = True
                    model.left.set()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{self.wire.base}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def take(self, path, headers, body):
        with self._lock:
            self.requests.append(body)
            self.authorizations.append(headers[self.wire.key_field])
            self.faults += self.wire.faults_of(path, headers, body)
            if self.wire.is_evaluation(body):
                return self.evaluator.pop(0) if self.evaluator else verdict(True)
            return self.vibecoder.pop(0) if self.vibecoder else refuse(400, "the script has ended")

    def asked(self, agent="vibecoder"):
        """The requests that came for one agent, in order."""
        return [body for body in self.requests if self.wire.is_evaluation(body) == (agent == "evaluator")]

    def told(self, number):
        """The outputs of functions in the vibecoder's request of that number, by call, read as JSON."""
        return {call: json.loads(output) for call, output in self.wire.outputs(self.asked()[number]).items()}


# Items of answers.

def message(text, kind="output_text"):
    field = "refusal" if kind == "refusal" else "text"
    return {"type": "message", "id": f"msg_{next(numbers)}", "role": "assistant", "status": "completed",
            "content": [{"type": kind, field: text, **({"annotations": []} if kind == "output_text" else {})}]}


def function_call(name, arguments, call_id=None):
    arguments = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"type": "function_call", "id": f"fc_{next(numbers)}", "call_id": call_id or f"call_{next(numbers)}",
            "name": name, "arguments": arguments, "status": "completed"}


def submission(patch, description="Change it", call_id=None):
    return function_call("submit_patch", {"patch": patch, "description": description}, call_id)


class Responses:
    """OpenAI's Responses API: its paths, fields, events and errors."""

    name, model, base, key_field = "openai", "gpt-5", "/v1", "authorization"
    settings = ("OPENAI_BASE_URL", "OPENAI_API_KEY")

    @staticmethod
    def is_evaluation(body):
        return "text" in body

    @staticmethod
    def encode(event):
        return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

    @staticmethod
    def error(status, reason):
        return {"error": {"message": reason, "type": "error", "code": None}}

    @staticmethod
    def outputs(body):
        """The outputs of functions by their calls."""
        return {item["call_id"]: item["output"] for item in body["input"] if item.get("type") == "function_call_output"}

    @staticmethod
    def faults_of(path, headers, body):
        """What the real API would refuse a request for."""
        faults = [] if path == "/v1/responses" else [f"the path is {path}"]
        if body.get("stream") is not True or not body.get("model") or body.get("store") is not False:
            faults.append("stream, model and store must be set")
        if headers["content-type"] != "application/json":
            faults.append("the body must say that it is JSON")
        items = [item for item in body["input"] if isinstance(item, dict)]
        if len(items) < len(body["input"]):
            faults.append(f"an item must be an object: {body['input']}")
        calls = [str(item.get("call_id")) for item in items if item.get("type") == "function_call"]
        outputs = [str(item.get("call_id")) for item in items if item.get("type") == "function_call_output"]
        if sorted(calls) != sorted(outputs):
            faults.append(f"every call must have one output: calls {calls}, outputs {outputs}")
        for item in items:
            wanted = FIELDS.get(item.get("type", "message"))
            if wanted is None or not all(isinstance(item.get(name), kind) and item[name] for name, kind in wanted.items()):
                faults.append(f"an item must have its fields: {item}")
        return faults

    @staticmethod
    def events_of(items, status="completed", **members):
        """The events of a whole stream."""
        response = {"id": f"resp_{next(numbers)}", "object": "response", "model": "gpt-5", "status": "in_progress",
                    "output": []}
        yield {"type": "response.created", "response": response}
        for index, item in enumerate(items):
            place = {"item_id": item["id"], "output_index": index}
            yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "status": "in_progress"}}
            if item["type"] == "function_call":
                for start in range(0, len(item["arguments"]), 100):
                    yield {"type": "response.function_call_arguments.delta", **place,
                           "delta": item["arguments"][start:start + 100]}
            else:
                part = item["content"][0]
                text = part.get("text", part.get("refusal"))
                yield {"type": "response.refusal.delta" if "refusal" in part else "response.output_text.delta", **place,
                       "content_index": 0, "delta": text}
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        yield {"type": f"response.{status}",
               "response": {**response, "status": status, "output": items, "usage": USAGE, **members}}


events_of = Responses.events_of


# Patches, one that is good and one that does not fit.

GOOD = "--- /dev/null\n+++ b/notes.py\n@@ -0,0 +1 @@\n+x = 1\n"
STALE = "--- a/main.py\n+++ b/main.py\n@@ -1 +1 @@\n-nothing like it\n+x = 1\n"


def created(path, header="", line="x = 1"):
    return f"diff --git a/x b/x\n{header}--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+{line}\n"


# Steps of scripts.

def answer(*items, **ending):
    """A whole stream with these items."""
    def step(exchange):
        exchange.begin()
        for event in exchange.events_of(items, **ending):
            exchange.event(event)
        exchange.end()
    return step


def words(text):
    return answer(message(text))


def submit(patch, description="Change it", call_id=None):
    return answer(submission(patch, description, call_id))


def verdict(approved, reasoning="It does what was asked.", commit_message="Change it"):
    text = json.dumps({"approved": approved, "reasoning": reasoning, "commit_message": commit_message})
    return answer(message(text))


def refuse(status, reason, **fields):
    """An error answer."""
    def step(exchange):
        exchange.begin(status, "application/json", **fields)
        exchange.send(json.dumps(exchange.model.wire.error(status, reason)).encode())
        exchange.end()
    return step


def page(text, content_type="text/html"):
    """Something that is no stream of events, with status 200."""
    def step(exchange):
        exchange.begin(content_type=content_type)
        exchange.send(text.encode())
        exchange.end()
    return step


def cut_after(count, *items):
    """A stream that breaks off behind so many events; inside of the next one for a number and a half."""
    def step(exchange):
        exchange.begin()
        for index, event in enumerate(exchange.events_of(items)):
            if index >= count:
                if count % 1:
                    exchange.send(exchange.model.wire.encode(event)[:40])
                break
            exchange.event(event)
        exchange.cut()
    return step


def stall_after(count, *items):
    """A stream that stands still behind so many events, until the client leaves."""
    def step(exchange):
        if count >= 0:
            exchange.begin()
        for event in itertools.islice(exchange.events_of(items), max(0, count)):
            exchange.event(event)
        exchange.wait_until_the_client_leaves()
    return step


def endless(piece, status=200):
    """A stream that repeats some bytes without end."""
    def step(exchange):
        exchange.begin(status)
        while True:
            exchange.send(piece)
    return step


def completed(**response):
    """A stream of nothing but its last event."""
    return page("data: " + json.dumps({"type": "response.completed", "response": response}) + "\n\n")


NONSENSE = {
    "a page": page("<html><body>Sign in to the network</body></html>"), "nothing": page(""),
    "JSON": page('{"output": []}', "application/json"), "no response": page('data: {"type":"response.completed"}\n\n'),
    "broken JSON": page('event: response.created\ndata: {"type": "resp\n\n', "text/event-stream"),
    "deep JSON": page("data: " + "[" * 100_000 + "\n\n"), "another type": page('data: {"type": 5}\n\ndata: null\n\n'),
    "output is text": completed(output="x"),
    **{f"output {output}": completed(status="completed", output=output) for output in (
        [], [1, "x", None, []], [{}], [{"type": "mystery"}], [{"type": "function_call"}],
        [{"type": "message", "role": "assistant"}],
        [{"type": "function_call", "call_id": 7, "name": 7, "arguments": 7}])},
}

TRANSIENT = [
    refuse(429, "slow down", retry_after_ms=10), refuse(500, "oops"), refuse(408, "late"), refuse(409, "busy"),
    refuse(529, "full"), NONSENSE["broken JSON"], NONSENSE["a page"], refuse(400, "again", x_should_retry="true"),
    answer(status="failed", error={"code": "server_error", "message": "x"}),
]

# A step, how often it is asked for, and what the error says.
PERMANENT = [
    (refuse(401, "Incorrect key"), 1, "401: Incorrect key"), (refuse(307, "x", location="responses"), 1, "307"),
    (refuse(400, "bad model"), 1, "400: bad model"), (refuse(500, "oops"), 3, "500: oops"),
    (refuse(500, "no", x_should_retry="false"), 1, "500: no"),
    (answer(status="failed", error={"code": "invalid_prompt", "message": "not that"}), 1, "not that"),
    (answer(message("Once"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}), 1, "max_output"),
    (page('event: error\ndata: {"type":"error","code":"x","message":"broke down","param":null}\n\n'), 1, "broke down"),
]
