"""Secrets that somebody pastes, a model says or a test prints are not kept and not shown."""

import json
import sys

import pytest

from conftest import events_until, subscribed, vibe
from model_double import GOOD, Model, events_of, message, submit

CONFIGURED = "configured-key-0a1b2c3d4e5f"  # gitleaks:allow
SECRETS = {"configured": CONFIGURED, "openai": "sk" + "-proj-" + "a1B2" * 8, "github": "gh" + "p_" + "a1B2" * 9,
           "aws": "AK" + "IA" + "A1B2" * 4, "google": "AI" + "za" + "a1B2" * 8 + "xyz"}


@pytest.fixture
def model():
    with Model() as model:
        yield model


@pytest.fixture
def daemon(make_daemon, model):
    return make_daemon(OPENAI_BASE_URL=model.url, OPENAI_API_KEY=CONFIGURED, LOG_LEVEL="trace", PYTHON=sys.executable)


def nowhere(daemon, *secrets):
    """Stops the daemon and looks through all that it has written."""
    daemon.stop()
    for secret in secrets:
        assert secret not in daemon.stderr
        for path in daemon.folder.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_what_somebody_pastes_is_not_kept(daemon, client, session, model):
    model.vibecoder = [submit(GOOD)]
    prompt = "Use these: " + ", ".join(SECRETS.values())
    with subscribed(daemon, f"session:{session['id']}") as socket:
        assert vibe(client, session, prompt)["diff_id"]
        events = json.dumps(events_until(socket, "message.completed"))
    history = client.get(f"/sessions/{session['id']}/messages").text
    for secret in SECRETS.values():
        assert secret not in events + history + json.dumps(model.requests)
    assert history.count("[redacted], [redacted]") >= 1
    nowhere(daemon, *SECRETS.values())


@pytest.mark.parametrize("size", [1, 7])
def test_what_a_model_says_piece_by_piece_is_not_shown(daemon, client, session, model, size):
    text, wanted = "Here they are: ", "Here they are: "
    for name, secret in SECRETS.items():
        text, wanted = f"{text}{name} {secret}, ", f"{wanted}{name} [redacted], "

    def step(exchange):
        exchange.begin()
        for event in events_of([message(text)]):
            if event["type"] != "response.output_text.delta":
                exchange.event(event)
                continue
            for start in range(0, len(event["delta"]), size):
                exchange.event({**event, "delta": event["delta"][start:start + size]})
        exchange.end()
    model.vibecoder = [step]
    with subscribed(daemon, f"session:{session['id']}") as socket:
        assert vibe(client, session)["content"] == wanted
        events = events_until(socket, "message.completed")
    deltas = [event["data"]["delta"] for event in events if event["event"] == "message.delta"]
    # Nothing but the secrets is held back.
    assert "".join(deltas) == wanted and deltas[0] == wanted[:size]
    assert not any(secret in json.dumps(events) for secret in SECRETS.values())
    nowhere(daemon, *SECRETS.values())


def test_what_a_test_prints_is_not_shown(daemon, client, project):
    secret = SECRETS["github"]
    code = f"import sys, time\nfor piece in ({secret[:10]!r}, {secret[10:]!r}, '\\n'):\n" \
           "    sys.stdout.write(piece)\n    sys.stdout.flush()\n    time.sleep(0.15)\n" \
           f"raise SystemExit('{secret[:20]}' + '{secret[20:]}')\n"
    test = client.post(f"/projects/{project['id']}/tests", json={"name": "Leak", "code": code}).json()
    with subscribed(daemon, f"project:{project['id']}") as socket:
        result = client.post(f"/tests/{test['id']}/run").json()
        events = json.dumps(events_until(socket, "test_completed"))
    assert "[redacted]" in result["output"] and "[redacted]" in result["error"]
    assert secret not in json.dumps(result) + events and "[redacted]" in events
    nowhere(daemon, secret)


def test_an_error_that_repeats_the_key_does_not_show_it(daemon, client, session, model):
    def step(exchange):
        exchange.begin(401, "application/json")
        exchange.send(json.dumps({"error": {"message": f"Incorrect key {CONFIGURED}"}}).encode())
        exchange.end()
    model.vibecoder = [step]
    result = vibe(client, session)
    assert "Incorrect key" in result["error"] and CONFIGURED not in result["error"]
    nowhere(daemon, CONFIGURED)
