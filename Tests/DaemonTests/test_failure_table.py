"""What the user sees when a model fails: one row a fault, for each of the three providers.

All rows of a provider run at once in one daemon, each in a session of its own: the double knows by the prompt which
row asks.
"""

import json
import re

import pytest

from conftest import make_project, make_session, vibe
from model_double import (GOOD, Model, answer, cut_after, message, page, refuse, stall_after, submission, submit, words)
from model_wires import WIRES

KEY = "sk-test-9a1c5e7d3b2f4068"  # gitleaks:allow
TOO_LONG = {
    "openai": ("Your input exceeds the context window of this model.", "context_length_exceeded"),
    "anthropic": ("prompt is too long: 210000 tokens > 200000 maximum", None),
    "gemini": ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", None),
}
STREAM_ERRORS = {
    "openai": ({"type": "error", "code": "server_error", "message": "broke down", "param": None},
               {"type": "error", "code": "invalid_prompt", "message": "not that", "param": None}),
    "anthropic": ({"type": "error", "error": {"type": "overloaded_error", "message": "broke down"}},
                  {"type": "error", "error": {"type": "invalid_request_error", "message": "not that"}}),
    "gemini": ({"error": {"code": 503, "message": "broke down", "status": "UNAVAILABLE"}},
               {"error": {"code": 400, "message": "not that", "status": "INVALID_ARGUMENT"}}),
}
ENDINGS = {
    "openai": {"limit": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
               "refusal": {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}},
    "anthropic": {"limit": {"reason": "max_tokens"},
                  "refusal": {"reason": "refusal", "stop_details": {"type": "refusal", "explanation": "content_filter"}},
                  "window": {"reason": "model_context_window_exceeded"}},
    "gemini": {"limit": {"reason": "MAX_TOKENS"}, "refusal": {"reason": "SAFETY"}},
}


def stream_error(wire, number):
    """An error in the middle of a stream."""
    def step(exchange):
        exchange.begin()
        for event in list(exchange.events_of([message("Half")]))[:2]:
            exchange.event(event)
        exchange.event(STREAM_ERRORS[wire.name][number])
        exchange.end()
    return step


def too_long(wire):
    reason, code = TOO_LONG[wire.name]

    def step(exchange):
        exchange.begin(400, "application/json")
        body = exchange.model.wire.error(400, reason)
        if code:
            body["error"]["code"] = code
        exchange.send(json.dumps(body).encode())
        exchange.end()
    return step


def rows(wire):
    """Of each fault its name, what the provider does, how often it is asked, and what the user reads."""
    half = [submission(GOOD)]
    count = len(list(wire.events_of(half)))
    endings = ENDINGS[wire.name]
    yield from ((str(status), refuse(status, "no luck"), 3, rf"answered {status}: no luck")
                for status in (408, 409, 500, 502, 503, 529))
    yield "429", refuse(429, "slow down", retry_after_ms=20), 3, "answered 429: slow down"
    yield "429 in seconds", refuse(429, "slow down", retry_after=1), 3, "answered 429: slow down"
    yield "429 by date", refuse(429, "slow down", retry_after="Thu, 01 Jan 2026 00:00:00 GMT"), 3, "429: slow down"
    yield "401", refuse(401, f"bad key {KEY}"), 1, r"answered 401: bad key \[secret\]"
    yield "404", refuse(404, "no such model"), 1, "answered 404: no such model"
    yield "503, do not retry", refuse(503, "closed", x_should_retry="false"), 1, "answered 503: closed"
    yield "400, do retry", refuse(400, "again", x_should_retry="true"), 3, "answered 400: again"
    yield "no JSON error", page("<html>Bad gateway</html>"), 3, "ended before the answer was complete"
    yield "malformed JSON", page('data: {"type": "resp\n\n', "text/event-stream"), 3, "broken JSON"
    yield "nothing", page("", "text/event-stream"), 3, "ended before the answer was complete"
    yield "error in the stream", stream_error(wire, 0), 3, "broke down"
    yield "bad error in the stream", stream_error(wire, 1), 1, "not that"
    yield "too long", too_long(wire), 1, "too long for the model: begin a new session"
    yield "limit of tokens", answer(message("Half"), **endings["limit"]), 1, "stopped before the end of its answer"
    yield "refusal", answer(message("Half"), **endings["refusal"]), 1, "declined to answer: (content_filter|SAFETY)"
    yield "empty output", answer(), 1, "answered nothing"
    if "window" in endings:
        yield "window", answer(message("Half"), **endings["window"]), 1, "begin a new session"
    for half_events in range(2 * count):
        yield f"cut after {half_events / 2}", cut_after(half_events / 2, *half), 3, "broke off in the middle|cannot be"


def silences():
    """The rows whose fault is the time that passes; few, so that nothing else takes long."""
    yield "silence before the head", stall_after(-1), 3, "did not answer in time"
    yield "a stream that stalls", stall_after(2, submission(GOOD)), 3, "stopped in the middle of its answer"


class Table(Model):
    """A double that knows by the prompt which row asks, and does the same each time."""

    def __init__(self, wire, rows):
        super().__init__(wire)
        self.steps = {name: step for name, step, _, _ in rows}
        self.counts = dict.fromkeys(self.steps, 0)

    def take(self, path, headers, body):
        with self._lock:
            self.faults += self.wire.faults_of(path, headers, body)
            name = re.search(r"User request: row <(.+?)>", json.dumps(body))[1]
            self.counts[name] += 1
            return self.steps[name]

    def fill_in(self, daemon, table):
        """Asks for each row in a session of its own, and says what is not as the table has it."""
        client = daemon.client()
        project = make_project(client)
        for index, (name, *_) in enumerate(table):
            session = client.post(f"/projects/{project['id']}/sessions",
                                  json={"type": "node", "node_id": f"n{index}"}).json()
            client.post(f"/sessions/{session['id']}/messages", headers={"Prefer": "respond-async"},
                        json={"prompt": f"row <{name}>", "message_id": f"m{index}"}).raise_for_status()
        wrong = []
        for index, (name, _, times, sentence) in enumerate(table):
            result = client.get(f"/messages/m{index}/result").json()
            seen = result["error"] or ""
            if not re.search(sentence, seen) or result["content"] != seen or result["diff_id"] or "\n" in seen:
                wrong.append((name, seen))
            if self.counts[name] != times:
                retries = daemon.rows("SELECT data FROM events WHERE event = 'message.retrying' AND data LIKE ?",
                                      f'%"m{index}"%')
                wrong.append((name, f"asked {self.counts[name]} times, not {times}", retries))
        return wrong + self.faults


def daemon_of(make_daemon, model, **env):
    address, key = model.wire.settings
    return make_daemon(THINKING_MODEL=model.wire.model, SMALL_MODEL=model.wire.model,
                       **{address: model.url, key: KEY}, **env)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_silence_is_told_in_one_sentence(make_daemon, wire):
    table = list(silences())
    with Table(wire, table) as model:
        assert model.fill_in(daemon_of(make_daemon, model, MODEL_READ_TIMEOUT=1), table) == []


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_every_fault_is_told_in_one_sentence(make_daemon, wire):
    table = list(rows(wire))
    with Table(wire, table) as model:
        daemon = daemon_of(make_daemon, model)
        assert model.fill_in(daemon, table) == []
        retries = [json.loads(row["data"]) for row in daemon.rows(
            "SELECT data FROM events WHERE event = 'message.retrying' ORDER BY seq")]
        assert len(retries) == sum(times - 1 for _, _, times, _ in table)
        pauses = {name: [] for name, *_ in table}
        for event in retries:
            pauses[table[int(event["message_id"][1:])][0]].append(event["delay_ms"])
        assert (pauses["429"], pauses["429 in seconds"], pauses["429 by date"]) == ([20] * 2, [1000] * 2, [0] * 2)
        first, second = zip(*(pause for name, pause in pauses.items() if pause and "429" not in name))
        assert all(375 <= delay <= 500 for delay in first) and all(750 <= delay <= 1000 for delay in second)
        assert len(set(first)) > 5, "there is no jitter"
        stored = json.dumps(daemon.rows("SELECT * FROM events") + daemon.rows("SELECT * FROM conversation_messages"))
        assert KEY not in stored + daemon.stderr


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_the_conversation_goes_on_after_what_passes(make_daemon, wire):
    with Model(wire) as model:
        client = daemon_of(make_daemon, model).client()
        session = make_session(client, make_project(client))
        model.vibecoder = [stream_error(wire, 0), submit("nonsense"), cut_after(3, submission(GOOD)), submit(GOOD)]
        result = vibe(client, session)
        assert result["diff_id"] and result["error"] is None
        assert result["token_usage"]["total_tokens"] == 3 * 1100
        assert [told["approved"] for told in model.told(-1).values()] == [False]
        model.vibecoder = [answer(submission(GOOD, call_id="one"), submission(GOOD, call_id="two"))]
        assert vibe(client, session)["diff_id"]
        model.vibecoder = [words("Blåbær \U0001f600")]
        assert vibe(client, session, "What is it?")["content"] == "Blåbær \U0001f600"
        assert model.faults == []
        rows_ = [row for row in client.get(f"/sessions/{session['id']}/messages").json()
                 if row["stream_event_type"] == "raw_response_event"]
        usage = [[row[f"usage_{kind}_tokens"] for kind in ("input", "cached", "output", "reasoning")] for row in rows_]
        assert usage and all(counts == [1000, 200, 100, 40] for counts in usage)
        full = client.get(f"/messages/{rows_[0]['id']}/full").json()
        assert full["model"] == wire.model and full["cost_usd"] == pytest.approx(COSTS[wire.name])


# 800 tokens read, of which Anthropic's are in part written to a cache, 200 from the cache, 100 written.
COSTS = {
    "openai": (800 * 1.25 + 200 * 0.125 + 100 * 10) / 1e6,
    "anthropic": (700 * 3 + 100 * 3.75 + 200 * 0.3 + 100 * 15) / 1e6,
    "gemini": (800 * 1.25 + 200 * 0.125 + 100 * 10) / 1e6,
}


def test_one_deadline_is_for_all_tries(make_daemon):
    """A model that says a little again and again is stopped as well."""
    def dribble(exchange):
        exchange.begin()
        while not exchange.model.left.wait(0.05):
            exchange.send(b": still here\n\n")

    for wire in WIRES:
        with Model(wire) as model:
            client = daemon_of(make_daemon, model, MODEL_DEADLINE=2).client()
            model.vibecoder = [refuse(500, "no", retry_after_ms=1), dribble]
            result = vibe(client, make_session(client, make_project(client)))
            assert "within 2.0 s" in result["error"] and len(model.requests) == 2
            model.left.wait(5)
