"""SIGKILL at any moment of the main job: what was acknowledged is there after the next start, and git agrees."""

import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import sqlite3
import threading

import httpx
import pytest
from websockets.exceptions import WebSocketException

from conftest import approve, commit, events_until, git, make_project, make_session, subscribed, vibe, wait_until
from proposals import patch, propose

PROMPTS = ["Create a triage agent", "Make it speak Spanish"]
ORDER = ["evaluator_approved", "human_approved", "committed"]
KEPT = {"id", "name", "slug", "project_id", "openai_session_key", "created_at"}
GONE = (httpx.TransportError, WebSocketException, OSError, EOFError)


def unless_killed(work, *arguments):
    """What the work gives, or None when the daemon dies meanwhile."""
    with contextlib.suppress(*GONE):
        return work(*arguments)


class Witness:
    """Somebody who does the main job, follows its events, and remembers all that was acknowledged."""

    def __init__(self, daemon, at, nth=1, after_microseconds=None):
        self.daemon, self.at, self.nth, self.after = daemon, at, nth, after_microseconds
        self.client = httpx.Client(base_url=daemon.url, timeout=60, trust_env=False)
        self.live, self.project, self.session = [], None, None
        self.messages, self.results, self.diffs, self.commits = [], {}, {}, {}

    def moment(self, name):
        """A step has been reached; the daemon is killed if it is the one."""
        if name == self.at:
            self.nth -= 1
            if self.nth == 0:
                os.kill(self.daemon.pid, signal.SIGKILL)
                raise EOFError(name)

    def post(self, name, path, body=None, **headers):
        if name == self.at and self.after is not None:
            threading.Timer(self.after / 1e6, os.kill, (self.daemon.pid, signal.SIGKILL)).start()
            self.after = None
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code in (200, 201, 202), f"{name}: {answer.text}"
        return answer.json()

    def follow(self):
        with subscribed(self.daemon, f"project:{self.project['id']}", after=0) as socket:
            for text in socket:
                self.live.append(text)
                self.moment(json.loads(text)["event"])

    def run(self):
        unless_killed(self.job)
        assert self.daemon.process.popen.wait(30) == -signal.SIGKILL, "the moment never came"
        if self.project:
            self.reader.join(timeout=10)
        return self

    def job(self):
        self.project = self.post("project", "/projects", {"name": "Travel desk"})
        self.reader = threading.Thread(target=unless_killed, args=[self.follow], daemon=True)
        self.reader.start()
        self.moment("project made")
        self.session = self.post("session", f"/projects/{self.project['id']}/sessions")
        self.moment("session made")
        self.turn("first", PROMPTS[0])
        self.turn("second", PROMPTS[1])

    def turn(self, message, prompt):
        self.post("message", f"/sessions/{self.session['id']}/messages", {"prompt": prompt, "message_id": message},
                  Prefer="respond-async")
        self.messages.append(message)
        self.moment("message accepted")
        self.results[message] = self.client.get(f"/messages/{message}/result").json()
        diff = self.results[message]["diff_id"]
        self.diffs[diff] = "evaluator_approved"
        self.moment("result read")
        self.post("review", f"/diffs/{diff}/review", {"approved": True})
        self.diffs[diff] = "human_approved"
        self.moment("diff approved")
        self.commits[diff] = self.post("commit", f"/diffs/{diff}/commit")["committed_sha"]
        self.diffs[diff] = "committed"
        self.moment("diff committed")


def agree(daemon, client):
    """Disk, git and database say the same of every project."""
    projects = client.get("/projects").json()
    folders = sorted(path.name for path in (daemon.media / "projects").iterdir() if path.is_dir())
    assert folders == sorted(project["slug"] for project in projects)
    rows = daemon.rows("SELECT id, current_commit, state FROM projects ORDER BY id DESC")
    assert rows == [{"id": one["id"], "current_commit": one["current_commit"], "state": "ready"} for one in projects]
    assert [*daemon.rows("PRAGMA integrity_check"), *daemon.rows("PRAGMA foreign_key_check")] == [
        {"integrity_check": "ok"}]
    for project in projects:
        repository = project["repository_path"]
        assert git(repository, "fsck", "--strict", "--no-dangling") == ""
        assert git(repository, "status", "--porcelain") == ""
        log = git(repository, "rev-list", "HEAD").split()
        assert log[0] == project["current_commit"]
        diffs = client.get(f"/projects/{project['id']}/diffs").json()
        committed = [diff["committed_sha"] for diff in diffs if diff["status"] == "committed"]
        assert log[:-1] == committed, "each commit but the first belongs to a diff"
        assert all(diff["committed_sha"] is None for diff in diffs if diff["status"] != "committed")
        assert not list(pathlib.Path(repository, ".git").rglob("*.lock"))
    assert daemon.rows("SELECT id FROM diffs WHERE committing_sha IS NOT NULL") == []


def ended(witness, daemon, client):
    """Waits for all work that is stored, what was acknowledged and perhaps one more; gives the results by message."""
    stored = [row["message_id"] for row in daemon.rows("SELECT message_id FROM message_runs ORDER BY created_at")]
    assert stored[: len(witness.messages)] == witness.messages and len(stored) <= len(witness.messages) + 1
    results = {message: client.get(f"/messages/{message}/result").json() for message in stored}
    for message, result in results.items():
        assert result["error"] is None and result["diff_id"], result
        assert result == witness.results.get(message, result)
        assert len(daemon.rows("SELECT id FROM diffs WHERE trace_id = ?", result["trace_id"])) == 1
    wait_until(lambda: not daemon.rows("SELECT 1 FROM message_runs WHERE memory IS NOT NULL"), "all is remembered")
    return results


def kept(witness, client, results):
    """All that the witness was told is there."""
    for path, was in [("projects", witness.project), ("sessions", witness.session)]:
        if not was:
            return
        now = client.get(f"/{path}/{was['id']}").json()
        assert all(now[name] == was[name] for name in KEPT & set(was))
    history = client.get(f"/sessions/{witness.session['id']}/messages").json()
    assert [(row["id"], row["content"]) for row in history if row["role"] == "user"] == list(zip(results, PROMPTS))
    ends = [(row["trace_id"], row["diff_id"]) for row in history if row["message_type"] == "run_result"]
    assert ends == [(result["trace_id"], result["diff_id"]) for result in results.values()]
    for diff, status in witness.diffs.items():
        now = client.get(f"/diffs/{diff}").json()
        assert ORDER.index(now["status"]) >= ORDER.index(status)
        assert witness.commits.get(diff) in (None, now["committed_sha"])
    shown = [event["data"] for event in map(json.loads, witness.live) if event["event"] == "conversation_message"]
    assert {data["message_id"] for data in shown} <= {row["id"] for row in history}


def remembered(session, key):
    """What stands in the memory of the conversation under a key."""
    memory = sqlite3.connect(f"file:{session['conversations_db_path']}?mode=ro", uri=True)
    rows = memory.execute("SELECT message_data FROM agent_messages WHERE session_id = ? ORDER BY id", [key]).fetchall()
    memory.close()
    return [json.loads(text) for (text,) in rows]


def remembered_once(session, messages):
    """Each turn is remembered once."""
    items = remembered(session, session["openai_session_key"]) if messages else []
    assert [item["content"] for item in items if item.get("role") == "user"] == PROMPTS[: len(messages)]
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    assert len(calls) == len(set(calls)) == len(messages)
    assert calls == [item["call_id"] for item in items if item.get("type") == "function_call_output"]


def replayed(witness, daemon, client, messages):
    """What was seen live comes again, byte for byte, and the numbers only grow."""
    project, texts = witness.project or make_project(client), []
    client.patch(f"/projects/{project['id']}", json={"name": "The end"}).raise_for_status()
    with subscribed(daemon, f"project:{project['id']}", after=0) as socket:
        while not texts or json.loads(texts[-1])["data"].get("name") != "The end":
            texts.append(socket.recv(timeout=10))
    assert texts[: len(witness.live)] == witness.live
    events = [json.loads(text) for text in texts]
    assert all(one["seq"] < next["seq"] for one, next in itertools.pairwise(events))
    assert [event["data"]["message_id"] for event in events if event["event"] == "message.completed"] == messages


def check(witness):
    """Starts the daemon on what is left, and asks for everything that has to be there."""
    daemon = witness.daemon
    daemon.kill()
    client = daemon.start(EMBEDDED_MODEL_DELAY_MS=0).client()
    results = ended(witness, daemon, client)
    kept(witness, client, results)
    agree(daemon, client)
    remembered_once(witness.session, list(results))
    replayed(witness, daemon, client, list(results))
    for row in daemon.rows("SELECT id FROM diffs WHERE status = 'human_approved'"):
        commit(client, row["id"])
    assert vibe(client, make_session(client, make_project(client)))["diff_id"], "the daemon works"
    daemon.restart()
    agree(daemon, daemon.client())


@pytest.mark.parametrize("at, nth", [
    *((at, 1) for at in ("project made", "session made", "message accepted", "message.started", "tool_call.started",
                         "token_usage", "debug_iteration", "diff_created", "message.completed", "result read",
                         "diff.updated", "diff approved", "code_changed", "code_update", "diff committed")),
    *((at, 2) for at in ("message accepted", "token_usage", "debug_iteration", "diff_created", "diff.updated",
                         "diff approved", "code_changed", "diff committed")),
    *(("conversation_message", nth) for nth in (1, 2, 3, 5)), *(("message.delta", nth) for nth in (1, 10, 11, 20, 45)),
])
def test_a_kill_after_a_step_loses_nothing(make_daemon, at, nth):
    check(Witness(make_daemon(EMBEDDED_MODEL_DELAY_MS=25), at, nth).run())


def moments(count, most):
    return [random.randint(most * part // count, most * (part + 1) // count) for part in range(count)]


@pytest.mark.parametrize("at, count, most", [("project", 10, 40_000), ("session", 3, 10_000), ("message", 4, 15_000),
                                             ("review", 3, 10_000), ("commit", 12, 30_000)])
def test_a_kill_during_a_request_leaves_it_done_or_not_done(make_daemon, at, count, most):
    for microseconds in moments(count, most):
        print(f"killed {microseconds} microseconds into {at}")
        check(Witness(make_daemon(), at, after_microseconds=microseconds).run())


def begin(daemon, waits=False):
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": PROMPTS[0], "message_id": "m"},
                headers={} if waits else {"Prefer": "respond-async"}).raise_for_status()
    return client, project, session


@pytest.mark.parametrize("is_working", [False, True])
def test_a_kill_while_a_project_is_deleted_leaves_all_of_it_or_nothing(make_daemon, is_working):
    for microseconds in moments(8, 25_000):
        print(f"killed {microseconds} microseconds into the deletion")
        daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=25 if is_working else 0)
        client, project, session = begin(daemon, waits=not is_working)
        other = make_project(client, "Other")
        timer = threading.Timer(microseconds / 1e6, os.kill, (daemon.pid, signal.SIGKILL))
        timer.start()
        acknowledged = unless_killed(client.delete, f"/projects/{project['id']}")
        timer.join()
        daemon.kill()
        client = daemon.start(EMBEDDED_MODEL_DELAY_MS=0).client()
        assert client.get(f"/projects/{other['id']}").status_code == 200
        is_there = client.get(f"/projects/{project['id']}").status_code == 200
        assert not (is_there and acknowledged)
        assert client.get("/messages/m/result").status_code == (200 if is_there else 404)
        agree(daemon, client)
        tables = ["vibecode_sessions", "conversation_messages", "diffs", "message_runs"]
        left = [row for table in tables for row in daemon.rows(f"SELECT * FROM {table}")]
        assert is_there or (left, os.listdir(daemon.media / "projects")) == ([], ["other"])


def test_work_that_kills_the_daemon_again_and_again_is_given_up(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=100)
    (_, _, session), after = begin(daemon), 0
    for _ in range(5):
        with subscribed(daemon, f"session:{session['id']}", after=after) as socket:
            last = events_until(socket, "message.started", "message.resumed", "message.failed")[-1]
        # A failure is seen again after each further crash.
        after = after if last["event"] == "message.failed" else last["seq"]
        daemon.kill()
        daemon.start()
    client = daemon.client()
    result = client.get("/messages/m/result").json()
    assert result["diff_id"] is None and "cut short" in result["error"]
    assert client.get(f"/sessions/{session['id']}/messages").json()[-1]["content"] == result["error"]
    agree(daemon, client)
    assert vibe(client, session)["diff_id"], "the conversation can be gone on with"


@pytest.mark.parametrize("name", ["index.lock", "refs/heads/main.lock"])
def test_a_lock_that_the_killed_daemon_left_does_not_hold_up_the_next(make_daemon, name):
    witness = Witness(make_daemon(), "diff approved").run()
    pathlib.Path(witness.project["repository_path"], ".git", name).touch()
    check(witness)


@pytest.mark.parametrize("at", [None, "diff.updated", "code_changed"])
def test_what_follows_a_commit_is_done_also_after_a_kill(make_daemon, at):
    daemon = make_daemon()
    client, project, session = begin(daemon, waits=True)
    first = client.get("/messages/m/result").json()
    second = vibe(client, session, "Create a weather agent")
    approve(client, first["diff_id"])
    with subscribed(daemon, f"project:{project['id']}") as socket:
        request = threading.Thread(target=unless_killed, args=[commit, client, first["diff_id"]])
        request.start()
        if at:
            events_until(socket, at)
            os.kill(daemon.pid, signal.SIGKILL)
        request.join()
    daemon.kill()
    client = daemon.start().client()
    assert client.get(f"/diffs/{first['diff_id']}").json()["status"] == "committed"
    assert client.get(f"/diffs/{second['diff_id']}").json()["merge_status"] == "conflicting"
    refs = git(project["repository_path"], "for-each-ref", "--format=%(refname)", "refs/proposals").split()
    assert refs == [f"refs/proposals/{second['diff_id']}"]
    assert remembered(session, session["openai_session_key"] + "_evaluator") == []


# Holds up whoever replaces an index, as long as the file named by HOLD is there.
HELD_INDEX = """
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int rename(const char *from, const char *to) {
    const char *hold = getenv("HOLD"), *name = strrchr(to, '/');
    while (name && strcmp(name, "/index") == 0 && access(hold, F_OK) == 0) usleep(1000);
    return (int)syscall(SYS_rename, from, to);
}
"""


def test_a_kill_while_the_work_tree_follows_a_commit_that_is_written_down(make_daemon, compiled, tmp_path):
    hold = tmp_path / "hold"
    daemon = make_daemon(LD_PRELOAD=compiled(HELD_INDEX), HOLD=str(hold))
    client = daemon.client()
    project = make_project(client)
    folder = pathlib.Path(project["repository_path"])
    diff = propose(client, project, patch("notes.txt", None, "new\n"))["id"]
    hold.touch()
    request = threading.Thread(target=unless_killed, args=[client.post, f"/diffs/{diff}/accept"])
    with subscribed(daemon, f"project:{project['id']}") as socket:
        request.start()
        assert events_until(socket, "diff.updated")[-1]["data"]["status"] == "committed"
    wait_until(lambda: (folder / ".git/index.lock").exists(), "the index being replaced")
    assert client.get(f"/diffs/{diff}").json()["status"] == "committed"
    changes = "SELECT seq FROM events WHERE event IN ('code_changed', 'code_update')"
    assert request.is_alive() and not daemon.rows(changes), "the work tree is not yet as it is to be"
    daemon.kill()
    request.join()
    assert git(folder, "status", "--porcelain") != ""
    hold.unlink()
    client = daemon.start().client()
    assert git(folder, "status", "--porcelain") == ""
    assert (folder / "notes.txt").read_text() == "new\n"
    assert client.get(f"/diffs/{diff}").json()["status"] == "committed"
    assert daemon.rows("SELECT id FROM diffs WHERE committing_sha IS NOT NULL") == []
    assert len(daemon.rows(changes)) == 2


def test_what_was_changed_since_a_commit_whose_end_was_not_written_down_stays(make_daemon):
    daemon = make_daemon()
    client = daemon.client()
    project = make_project(client)
    folder = pathlib.Path(project["repository_path"])
    diff = propose(client, project, patch("notes.txt", None, "new\n"))["id"]
    sha = client.post(f"/diffs/{diff}/accept").json()["committed_sha"]
    wait_until(lambda: daemon.rows("SELECT id FROM diffs WHERE committing_sha IS NULL"), "the end of the commit")
    (folder / "notes.txt").unlink()
    daemon.kill()
    with sqlite3.connect(daemon.database) as database:
        database.execute("UPDATE diffs SET committing_sha = ?", [sha])
    database.close()
    daemon.start()
    assert daemon.rows("SELECT id FROM diffs WHERE committing_sha IS NOT NULL") == []
    assert git(folder, "status", "--porcelain") == " D notes.txt\n"
