"""SIGKILL at many moments of the main job: what was acknowledged is there, git and the database agree."""

import json
import subprocess
import threading
import time

import httpx
import pytest

from conftest import Daemon

MOMENTS = [0, 1, 2, 3, 5, 8, 11, 14, 17, 20, 22, 24, 26, 28]


def git(repository, *arguments):
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def begin(client):
    project = client.post("/projects", content='{"name": "Crash"}').raise_for_status().json()
    session = client.post(f"/projects/{project['id']}/sessions").raise_for_status().json()
    return project, session


def follow(daemon, topic, count):
    """The events of a topic as they come, until there are so many or the daemon is gone."""
    seen = []
    with httpx.stream("GET", f"{daemon.url}/api/v1/events?topic={topic}&after=0", timeout=30) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(line.removeprefix("data: "))
            if len(seen) >= count:
                break
    return seen


def check_consistency(daemon, client, project):
    repository = daemon.repository(project)
    assert git(repository, "fsck", "--strict") == ""
    assert git(repository, "status", "--porcelain") == ""
    head = git(repository, "rev-parse", "HEAD")
    shown = client.get(f"/projects/{project['id']}").raise_for_status().json()
    assert shown["current_commit"] == head
    log = git(repository, "log", "--format=%H").split()
    diffs = client.get(f"/projects/{project['id']}/diffs").raise_for_status().json()
    for diff in diffs:
        assert (diff["status"] == "committed") == (diff["committed_sha"] in log)
    assert len(log) == 1 + sum(diff["status"] == "committed" for diff in diffs)
    assert daemon.rows("SELECT * FROM diffs WHERE committing_sha IS NOT NULL") == []
    folders = {path.name for path in (daemon.media / "projects").iterdir()}
    assert not {name for name in folders if name.startswith(".")}
    return diffs


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_message_survives_a_kill_after_any_event(tmp_path, moment):
    daemon = Daemon(tmp_path, EMBEDDED_MODEL_DELAY_MS="10").start()
    try:
        client = daemon.client()
        project, session = begin(client)
        sent = client.post(
            f"/sessions/{session['id']}/messages", headers={"Prefer": "respond-async"},
            content=json.dumps({"prompt": "Create a triage agent", "message_id": f"m-{moment}"}))
        assert sent.status_code == 202
        seen = follow(daemon, f"project:{project['id']}", moment) if moment else []
        daemon.kill()
        client = daemon.start().client()
        result = client.get(f"/messages/m-{moment}/result").raise_for_status().json()
        assert result["diff_id"] and result["error"] is None
        diffs = check_consistency(daemon, client, project)
        assert [diff["id"] for diff in diffs] == [result["diff_id"]]
        again = follow(daemon, f"project:{project['id']}", len(seen)) if seen else []
        assert again == seen
        turns = client.get(f"/sessions/{session['id']}/messages").json()
        assert [row["content"] for row in turns if row["role"] == "user"] == ["Create a triage agent"]
        assert sum(row["message_type"] == "run_result" for row in turns) == 1
        daemon.stop()
    finally:
        daemon.close()


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 3, 5, 8, 13, 30])
def test_a_commit_happens_whole_or_not_at_all(tmp_path, milliseconds):
    daemon = Daemon(tmp_path).start()
    try:
        client = daemon.client()
        project, session = begin(client)
        answer = client.post(f"/sessions/{session['id']}/messages", content='{"prompt": "Create a triage agent"}').json()
        client.post(f"/diffs/{answer['diff_id']}/review", content='{"approved": true}').raise_for_status()
        answers = []

        def commit():
            try:
                answers.append(httpx.post(f"{daemon.url}/diffs/{answer['diff_id']}/commit", timeout=10).status_code)
            except httpx.HTTPError:
                pass

        request = threading.Thread(target=commit)
        request.start()
        time.sleep(milliseconds / 1000)  # The moment itself, not a wait for something.
        daemon.kill()
        request.join()
        client = daemon.start().client()
        (diff,) = check_consistency(daemon, client, project)
        if answers == [200]:
            assert diff["status"] == "committed"
        if diff["status"] == "human_approved":
            client.post(f"/diffs/{diff['id']}/commit").raise_for_status()
            check_consistency(daemon, client, project)
        daemon.stop()
    finally:
        daemon.close()


@pytest.mark.parametrize("milliseconds", [0, 2, 5, 10, 20])
@pytest.mark.parametrize("action", ["create", "delete"])
def test_a_project_is_there_whole_or_not_at_all(tmp_path, action, milliseconds):
    daemon = Daemon(tmp_path).start()
    try:
        client = daemon.client()
        first = client.post("/projects", content='{"name": "First"}').json()
        made = []

        def act():
            try:
                if action == "create":
                    made.append(httpx.post(f"{daemon.url}/projects", content='{"name": "Second"}', timeout=10).json())
                else:
                    made.append(httpx.delete(f"{daemon.url}/projects/{first['id']}", timeout=10).status_code)
            except httpx.HTTPError:
                pass

        request = threading.Thread(target=act)
        request.start()
        time.sleep(milliseconds / 1000)  # The moment itself, not a wait for something.
        daemon.kill()
        request.join()
        client = daemon.start().client()
        listed = client.get("/projects").json()
        if action == "create" and made:
            assert made[0]["id"] in [project["id"] for project in listed]
        if action == "delete" and made:
            assert listed == []
        folders = {path.name for path in (daemon.media / "projects").iterdir()}
        assert folders == {project["slug"] for project in listed}
        for project in listed:
            check_consistency(daemon, client, project)
        daemon.stop()
    finally:
        daemon.close()


def test_work_that_is_cut_short_again_and_again_ends_with_an_error(tmp_path):
    daemon = Daemon(tmp_path, EMBEDDED_MODEL_DELAY_MS="1000").start()
    try:
        client = daemon.client()
        project, session = begin(client)
        client.post(
            f"/sessions/{session['id']}/messages", headers={"Prefer": "respond-async"},
            content='{"prompt": "Create a triage agent", "message_id": "again"}')
        for attempt in range(1, 4):
            follow(daemon, f"session:{session['id']}", 1 + attempt)
            daemon.kill()
            daemon.start()
        client = daemon.client()
        result = client.get("/messages/again/result").raise_for_status().json()
        assert "cut short" in result["error"]
        assert check_consistency(daemon, client, project) == []
        daemon.stop()
    finally:
        daemon.close()
