"""Whatever a model does, nothing is harmed, the conversation goes on, and the model is told what it did wrong."""

import contextlib
import email.utils
import itertools
import os
import sqlite3
import sys
import time

import pytest

from conftest import approve, commit, events_until, git, make_project, make_session, subscribed, vibe, wait_until
from model_double import (GOOD, NONSENSE, PERMANENT, STALE, TRANSIENT, USAGE, Model, answer, created, cut_after,
                          endless, events_of, function_call, message, page, refuse, stall_after, submission, submit,
                          verdict, words)

KEY = "sk-test-2f6b8d1c9e4a7035"  # gitleaks:allow
KINDS = ("input", "cached", "output", "reasoning", "total")


@pytest.fixture
def model():
    with Model() as model:
        yield model
    assert model.faults == [], "the real API would have refused these requests"


@pytest.fixture
def daemon(make_daemon, model):
    return make_daemon(OPENAI_BASE_URL=model.url, OPENAI_API_KEY=KEY, PYTHON=sys.executable)


def on_disk(folder):
    paths = [path for path in folder.rglob("*") if ".db" not in path.name]
    return {str(path): os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
            for path in paths}


def works(client, session, model):
    """The conversation can be gone on with."""
    model.vibecoder, model.evaluator = [submit(GOOD)], []
    assert vibe(client, session, "Go on")["diff_id"]


def refused(client, session, model, patch, *expected):
    """Has a patch submitted until it is given up, each time refused with the expected words."""
    model.vibecoder = [submit(patch) for _ in range(3)]
    result = vibe(client, session)
    assert result["diff_id"] is None and result["error"]
    (told,) = model.told(1).values()
    assert told["approved"] is False
    assert all(word in told["reasoning"] for word in expected), told["reasoning"]
    assert result["final_feedback"] == told["reasoning"]
    assert len(model.asked()) == 3 and model.asked("evaluator") == []


@pytest.mark.parametrize("patch, reason", [
    (created("b/../x.py"), "'..'"), (created("b/a/../../x.py"), "'..'"), (created('"b/\\056\\056/x.py"'), "'..'"),
    (created("/ABSOLUTE"), "relative"), (created("b//ABSOLUTE"), "relative"), (created("b/..\\x.py"), "backslash"),
    (created('"b/a\\001.py"'), "control"), (created("b/.git/config"), ".git"), (created("b/.git./x"), ".git"),
    (created("b/.GIT/x"), ".git"), (created("b/git~1/x"), ".git"), (created("b/a/.g\u200cit/hooks/x"), ".git"),
    (created("b/main.py/x.py"), "main.py"), ("--- a/.git/config\n+++ b/.git/config\n@@ -1 +1 @@\n-a\n+b\n", ".git"),
    ("--- a/../x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "'..'"), ("please change it", "unified diff"),
    ("diff --git a/main.py b/../x.py\nrename from main.py\nrename to ../x.py\n", "'..'"), ("", "unified diff"),
    ("diff --git a/.git/config b/x.py\ncopy from .git/config\ncopy to x.py\n", ".git"), (STALE, "hunk 1 of main.py"),
    (created("b/link", "new file mode 120000\n", "/etc/passwd"), "120000"),
    (created("b/sub", "new file mode 160000\n", "Subproject commit " + "1" * 40), "160000"),
    (created("b/dir", "new file mode 040000\n"), "040000"), (GOOD.replace("notes", "main"), "exists"),
    ("diff --git a/main.py b/main.py\nold mode 100644\nnew mode 120000\n", "120000"),
    ("diff --git a/x b/x\nnew file mode 100644\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n", "binary"),
    ("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "/dev/null"),
    ("--- a/gone.py\n+++ b/gone.py\n@@ -1 +1 @@\n-a\n+b\n", "not there"),
    ("--- a/main.py\n+++ b/main.py\n@@ -1 +1 @@\n-# Welcome to Vibegrapher\n+# Welcome to Vibegrapher\n", "nothing"),
])
def test_a_forbidden_patch_is_refused_and_nothing_changes(tmp_path, client, session, model, patch, reason):
    before = on_disk(tmp_path)
    patch = patch.replace("/ABSOLUTE", f"{tmp_path}/escaped")
    refused(client, session, model, patch, "Patch validation failed", reason)
    assert on_disk(tmp_path) == before


@pytest.mark.parametrize("patch", [
    created("b/link/x.py"), created("b/sub/x.py"), "--- a/link\n+++ /dev/null\n@@ -1 +0,0 @@\n-/tmp\n",
    "--- a/link\n+++ b/link\n@@ -1 +1 @@\n-/tmp\n\\ No newline at end of file\n+/etc\n",
    "diff --git a/link b/y\nrename from link\nrename to y\n",
    "diff --git a/main.py b/link\ncopy from main.py\ncopy to link\n",
])
def test_a_patch_does_not_go_through_a_link_or_a_submodule(daemon, client, project, session, model, patch):
    repository = daemon.repository(project)
    (repository / "link").symlink_to("/tmp")
    git(repository, "add", "link")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{project['current_commit']},sub")
    git(repository, "commit", "-qm", "Link")
    before = on_disk(daemon.folder)
    refused(client, session, model, patch, "Patch validation failed")
    assert on_disk(daemon.folder) == before


@pytest.mark.parametrize("line", [
    "def broken(:", "  x = 1", "if True:\n+\tx = 1\n+        y = 2", "x = '\u2603", "return 1", "x = \x00",
    "(" * 300 + ")" * 300, "a" + "(" * 50 + ")" * 49, "x = " + "-" * 100_000 + "1",
])
def test_what_the_compiler_says_is_told_word_for_word(client, session, model, line):
    with pytest.raises((SyntaxError, ValueError, MemoryError, RecursionError)) as caught:
        compile(line.replace("\n+", "\n").encode(), "x.py", "exec")
    expected = [f"x.py: {caught.type.__name__}: ", getattr(caught.value, "msg", str(caught.value))]
    refused(client, session, model, created("b/x.py", line=line).replace("+1 @@", "+1,3 @@"), *expected)


@pytest.mark.parametrize("text, kind", [
    ("Blåbær \U0001f600 \u202e\x00", "output_text"), ("I cannot.", "refusal"), ("submit_patch({})", "output_text")])
def test_words_are_an_answer(client, session, model, text, kind):
    model.vibecoder = [answer(message(text, kind))]
    result = vibe(client, session)
    assert (result["content"], result["diff_id"], result["error"]) == (text, None, None)
    works(client, session, model)


@pytest.mark.parametrize("step", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_an_error_and_spoils_nothing(client, session, model, step):
    model.vibecoder = [step] * 10
    result = vibe(client, session)
    assert result["error"] and result["diff_id"] is None and len(model.requests) <= 10
    works(client, session, model)


@pytest.mark.parametrize("step", TRANSIENT)
def test_what_may_pass_is_tried_again(daemon, client, session, model, step):
    model.vibecoder, model.evaluator = [step, submit(GOOD)], [step, verdict(True)]
    with subscribed(daemon, f"session:{session['id']}") as socket:
        assert vibe(client, session)["diff_id"]
        events = events_until(socket, "message.completed")
    retried = [event["data"]["agent"] for event in events if event["event"] == "message.retrying"]
    assert retried == ["vibecoder", "evaluator"]
    assert all(asked[0] == asked[1] for asked in (model.asked(), model.asked("evaluator")))


@pytest.mark.parametrize("asked, least", [("1", 1000), ("date", 1500)])
def test_the_pause_that_the_provider_asks_for_is_kept(daemon, client, session, model, asked, least):
    value = email.utils.formatdate(time.time() + 3, usegmt=True) if asked == "date" else asked
    model.vibecoder = [refuse(429, "slow down", retry_after=value), words("Done")]
    began = time.monotonic()
    with subscribed(daemon, f"session:{session['id']}") as socket:
        assert vibe(client, session)["content"] == "Done"
        pause = next(e["data"] for e in events_until(socket, "message.completed") if e["event"] == "message.retrying")
    assert pause["delay_ms"] >= least and time.monotonic() - began >= least / 1000


@pytest.mark.parametrize("step, times, reason", PERMANENT)
def test_an_error_that_stays_is_told_and_spoils_nothing(client, session, model, step, times, reason):
    model.vibecoder = [step] * 5
    result = vibe(client, session)
    assert reason in result["error"] and result["content"] == result["error"] and result["diff_id"] is None
    assert len(model.requests) == times
    last = client.get(f"/sessions/{session['id']}/messages").json()[-1]
    assert (last["role"], last["message_type"], last["content"]) == ("system", "run_result", result["error"])
    works(client, session, model)


def test_a_stream_that_is_cut_anywhere_is_asked_for_again(client, session, model):
    count = len(list(events_of([submission(GOOD)])))
    for half in range(2 * count):
        model.requests.clear()
        model.vibecoder = [cut_after(half / 2, submission(GOOD)), submit(GOOD)]
        result = vibe(client, session)
        assert result["diff_id"] and result["error"] is None, f"cut after {half / 2} events: {result}"
        assert len(model.asked()) == 2 and model.asked()[0] == model.asked()[1]


@pytest.mark.parametrize("count, agent", [(-1, "vibecoder"), (0, "vibecoder"), (1, "vibecoder"), (3, "vibecoder"),
                                          (3, "evaluator")])
@pytest.mark.parametrize("way", ["cancel", "stop"])
def test_a_stream_that_stalls_can_be_left(daemon, client, session, model, count, agent, way):
    stalled, model.vibecoder = stall_after(count, message("Wait")), [submit(GOOD)]
    getattr(model, agent).insert(0, stalled)
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": "x", "message_id": "m"},
                headers={"Prefer": "respond-async"}).raise_for_status()
    wait_until(lambda: model.asked(agent), "the model is asked")
    began = time.monotonic()
    if way == "cancel":
        assert client.post(f"/sessions/{session['id']}/cancel").json() == {"cancelled": 1}
        assert "cancelled" in client.get("/messages/m/result").json()["error"]
    else:
        daemon.stop()
        model.vibecoder = [submit(GOOD)]
        client = daemon.start().client()
        assert client.get("/messages/m/result").json()["diff_id"]
    assert time.monotonic() - began < 5 and model.left.wait(5)
    works(client, session, model)


@pytest.mark.parametrize("name, arguments, reason", [
    ("submit_patch", '{"patch": "', "JSON"), ("submit_patch", " ", "JSON"), ("submit_patch", "[" * 100_000, "JSON"),
    ("submit_patch", "[]", "'patch'"), ("submit_patch", '"x"', "'patch'"), ("submit_patch", {"patch": GOOD}, "'descr"),
    ("submit_patch", {"patch": 1, "description": "x"}, "'patch'"),
    ("run_shell", {"command": "rm -rf /"}, "no function 'run_shell'"), ("x" * 10_000, {}, "no function"),
    ("submit_patch; DROP TABLE", {}, "no function"),
])
def test_a_wrong_call_is_told_to_the_model(client, session, model, name, arguments, reason):
    model.vibecoder = [answer(function_call(name, arguments)), submit(GOOD)]
    assert vibe(client, session)["diff_id"]
    (told,) = model.told(1).values()
    assert reason in told["error"]


def test_of_several_calls_at_once_each_gets_an_answer(client, session, model):
    several = [submission(STALE, call_id="one"), submission(GOOD, call_id="two"), function_call("x", {}, "three")]
    model.vibecoder = [answer(*several), answer(submission(GOOD, call_id="four"), submission(GOOD, call_id="five"))]
    assert vibe(client, session)["diff_id"]
    told = model.told(1)
    assert set(told) == {"one", "two", "three"} and "hunk 1" in told["one"]["reasoning"]
    assert all("one call at a time" in told[call]["error"] for call in ("two", "three"))
    works(client, session, model)
    assert set(model.told(2)) == {"one", "two", "three", "four", "five"}


@pytest.mark.parametrize("steps, verdicts, most", [
    (lambda: submit(STALE), [], 3), (lambda: submit(GOOD), [verdict(False, "No.")] * 10, 3),
    (lambda: answer(function_call("x", {})), [], 10), (lambda: answer(function_call("submit_patch", "{")), [], 10),
    (itertools.cycle([submit(STALE), words("I tried.")]).__next__, [], 10),
    *((lambda: submit(GOOD), [answer(*items)] * 10, 3) for items in (
        [message("Looks good to me!")], [message("[]")], [message('{"approved": "yes"}')], [message(" ")], [],
        [message('{"approved": true')], [submission(GOOD)], [message("No.", "refusal")])),
])
def test_a_model_that_goes_on_for_ever_is_stopped(client, session, model, steps, verdicts, most):
    model.vibecoder, model.evaluator = [steps() for _ in range(20)], list(verdicts)
    result = vibe(client, session)
    assert result["error"] and result["diff_id"] is None and (verdicts or result["final_feedback"])
    assert len(model.asked()) <= most
    works(client, session, model)


@pytest.mark.parametrize("piece, status, reason", [
    (b'data: {"type":"response.output_text.delta","item_id":"i","delta":"%s"}\n\n', 200, "16777216"),
    (b": %s\n\n", 200, "16777216"), (b"data: %s\n", 200, "16777216"), (b"%s", 200, "16777216"), (b"%s", 400, "400"),
])
def test_a_model_that_talks_without_end_is_cut(daemon, client, session, model, piece, status, reason):
    model.vibecoder = [endless(piece % (b"x" * 65536), status)]
    result = vibe(client, session)
    assert reason in result["error"] and len(model.requests) == 1 and model.left.wait(5)
    assert int(next(line for line in open(f"/proc/{daemon.pid}/status") if "VmHWM" in line).split()[1]) < 512 << 10
    works(client, session, model)


def test_an_evaluator_that_refuses_twice_is_heard(daemon, client, session, model):
    reasons = ["Name it better.", "Better, but too short.", "Good."]
    model.vibecoder = [submit(GOOD, f"Try {number}") for number in range(3)]
    model.evaluator = [verdict(reason == "Good.", reason, "Add notes") for reason in reasons]
    with subscribed(daemon, f"session:{session['id']}") as socket:
        result = vibe(client, session)
        rounds = [e["data"] for e in events_until(socket, "message.completed") if e["event"] == "debug_iteration"]
    fields = ("iteration", "evaluator_approved", "evaluator_reasoning", "evaluator_feedback", "patch_description")
    assert [[data[field] for field in fields] for data in rounds] == [
        [0, False, reasons[0], reasons[0], "Try 0"], [1, False, reasons[1], reasons[1], "Try 1"],
        [2, True, "Good.", None, "Try 2"]]
    assert [told["reasoning"] for told in model.told(2).values()] == reasons[:2]
    diff = client.get(f"/diffs/{result['diff_id']}").json()
    assert (diff["evaluator_reasoning"], diff["commit_message"]) == ("Good.", "Add notes")


def test_usage_and_cost_are_stored(client, session, model):
    model.vibecoder = [submit(GOOD)]
    result = vibe(client, session)
    assert result["token_usage"] == {"total_tokens": 2200, "prompt_tokens": 2000, "completion_tokens": 200}
    rows = [row for row in client.get(f"/sessions/{session['id']}/messages").json()
            if row["stream_event_type"] == "raw_response_event"]
    for row in rows:
        assert len(rows) == 2 and [row[f"usage_{kind}_tokens"] for kind in KINDS] == [1000, 200, 100, 40, 1100]
        full = client.get(f"/messages/{row['id']}/full").json()
        assert full["openai_response"]["usage"] == USAGE and full["model"] == "gpt-5" and full["latency_ms"] >= 0
        assert full["cost_usd"] == pytest.approx((800 * 1.25 + 200 * 0.125 + 100 * 10) / 1e6)


def shown_in(daemon, client, session, secret):
    """The places where a text can be read: answers, events and whatever else is stored, the log."""
    urls = ["/sessions", "/health", f"/sessions/{session['id']}/messages", f"/sessions/{session['id']}/diffs"]
    urls += [f"/messages/{row['id']}/full" for row in client.get(urls[2]).json()]
    places = {"log": daemon.stderr, **{url: client.get(url).text for url in urls}}
    for path in daemon.folder.rglob("*.db"):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            places[path.name] = "\n".join(connection.iterdump())
    return [place for place, text in places.items() if secret in text]


@pytest.mark.parametrize("step", [
    refuse(401, "No such key: ***"), refuse(401, KEY), refuse(500, f"Bearer {KEY}"), page(f"data: {{{KEY}\n\n")])
def test_the_key_is_shown_nowhere(make_daemon, model, step):
    daemon = make_daemon(OPENAI_BASE_URL=model.url, OPENAI_API_KEY=KEY, LOG_LEVEL="trace")
    client = daemon.client()
    session = make_session(client, make_project(client))
    model.vibecoder = [step] * 3 + [submit(GOOD)]
    failed = vibe(client, session)
    model.vibecoder = [submit(GOOD)]
    result = vibe(client, session)
    approve(client, result["diff_id"])
    commit(client, result["diff_id"])
    assert set(model.authorizations) == {f"Bearer {KEY}"}
    assert KEY not in failed["error"] and shown_in(daemon, client, session, KEY) == []
