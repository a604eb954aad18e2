"""One file is written as a commit, if it is still what the writer read."""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import signal
import threading

import httpx
import pytest

from conftest import git


def put(client, project, path, content, tag=None, none=None, **more):
    headers = {name: value for name, value in (("If-Match", tag), ("If-None-Match", none)) if value is not None}
    return client.put(f"/projects/{project['id']}/files/{path}", headers=headers, json={"content": content, **more})


def test_a_file_is_written_with_the_tag_it_was_read_with(client, project):
    read = client.get(f"/projects/{project['id']}/files/main.py")
    answer = put(client, project, "main.py", "x = 1\n", read.headers["etag"], message="Make it short")
    assert answer.status_code == 200
    repository = project["repository_path"]
    assert git(repository, "log", "-1", "--format=%H %an %s").strip() == \
        f"{answer.json()['committed_sha']} Vibegrapher Make it short"
    assert git(repository, "status", "--porcelain") == "" and git(repository, "show", "HEAD:main.py") == "x = 1\n"
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == "x = 1\n"
    assert put(client, project, "main.py", "x = 2\n", read.headers["etag"]).status_code == 412
    assert put(client, project, "main.py", "x = 2\n").status_code == 412


def test_a_new_file_needs_no_tag(client, project):
    answer = put(client, project, "deep/er/new.py", "y = 1\n")
    assert answer.status_code == 201
    read = client.get(f"/projects/{project['id']}/files/deep/er/new.py")
    assert read.json()["content"] == "y = 1\n" and read.headers["etag"] == answer.headers["etag"]
    assert put(client, project, "other.py", "y = 1\n", '"' + "0" * 40 + '"').status_code == 412


ZERO = '"' + "0" * 40 + '"'


@pytest.mark.parametrize("is_there, match, none, status", [
    (True, None, None, 412), (False, None, None, 201),
    (True, "TAG", None, 200), (True, "W/TAG", None, 200), (True, f"{ZERO}, TAG", None, 200), (True, ZERO, None, 412),
    (True, "*", None, 200), (False, "*", None, 412), (False, ZERO, None, 412), (True, "", None, 412),
    (True, None, "*", 412), (False, None, "*", 201), (True, None, "TAG", 412), (True, None, ZERO, 200),
    (False, None, ZERO, 201), (True, "TAG", "*", 412), (True, "TAG", ZERO, 200), (True, "*", "TAG", 412),
    (False, "*", "*", 412), (True, "nonsense", None, 412),
])
def test_conditions_hold_or_nothing_is_written(client, project, is_there, match, none, status):
    if is_there:
        put(client, project, "file.txt", "first\n").raise_for_status()
        tag = client.get(f"/projects/{project['id']}/files/file.txt").headers["etag"]
        match, none = (text.replace("TAG", tag) if text else text for text in (match, none))
    before = git(project["repository_path"], "rev-parse", "HEAD")
    answer = put(client, project, "file.txt", "second\n", match, none)
    assert answer.status_code == status, answer.text
    is_written = git(project["repository_path"], "rev-parse", "HEAD") != before
    assert is_written == (status < 300) and git(project["repository_path"], "status", "--porcelain") == ""
    if status == 412:
        assert answer.json()["code"] == "changed" and "ETag" in answer.json()["detail"]


def test_the_tag_of_an_answer_writes_the_file_again(client, project):
    tag = None
    for number in range(3):
        answer = put(client, project, "count.txt", f"{number}\n", tag)
        tag = answer.headers["etag"]
        assert answer.status_code == (201 if number == 0 else 200)
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "4"


def test_content_that_is_there_already_makes_no_commit(client, project):
    read = client.get(f"/projects/{project['id']}/files/main.py")
    answer = put(client, project, "main.py", read.json()["content"], read.headers["etag"])
    assert answer.status_code == 200 and answer.json()["committed_sha"] == project["current_commit"]
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "1"


def test_of_writers_at_once_with_one_tag_one_wins(client, daemon, project):
    tag = client.get(f"/projects/{project['id']}/files/main.py").headers["etag"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: put(client, project, "main.py", f"x = {number}\n", tag).status_code,
                                 range(8)))
    assert sorted(statuses) == [200] + [412] * 7
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "2"


def test_a_file_keeps_its_mode_and_an_odd_message_is_taken(client, project):
    repository = project["repository_path"]
    git(repository, "update-index", "--add", "--chmod=+x", "main.py")
    git(repository, "commit", "-qm", "Make it run")
    answer = put(client, project, "main.py", "x = 1\n", "*", message="  ")
    assert answer.status_code == 200 and git(repository, "log", "-1", "--format=%s").strip() == "Change main.py"
    assert git(repository, "ls-files", "-s", "main.py").startswith("100755")


def test_a_file_above_the_limit_is_refused(client, project):
    limit = 2 << 20
    assert put(client, project, "large.txt", "x" * limit).status_code == 201
    assert put(client, project, "larger.txt", "x" * (limit + 1)).status_code == 422
    assert put(client, project, "largest.txt", "x" * (5 << 20)).status_code == 413
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "2"


@pytest.mark.parametrize("path", [
    "..%2Fx", ".git/config", "a%5Cb", "main.py/x", "%00", "link", "link/x", "folder", ".GIT/x", "git~1/x", "a/..%2f..%2fx",
    "a//b", "x" * 300, "/".join(["deep"] * 300), ".git%20/x", "a%0ab", "%E2%80%8C.git/x", "folder/.git/hooks/post-commit"])
def test_no_path_leaves_the_repository(client, project, path):
    repository = pathlib.Path(project["repository_path"])
    (repository / "link").symlink_to("/tmp")
    (repository / "folder").mkdir()
    (repository / "folder" / "file").write_text("x\n")
    git(repository, "add", "link", "folder")
    git(repository, "commit", "-qm", "A link")
    assert put(client, project, path, "x").status_code in (400, 404, 422)
    assert put(client, project, path, "x", "*").status_code in (400, 404, 412, 422)
    assert git(repository, "rev-list", "--count", "HEAD").strip() == "2" and not pathlib.Path("/tmp/x").exists()


def test_a_kill_while_a_file_is_written_leaves_the_work_tree_at_the_branch(make_daemon):
    daemon = make_daemon()
    project = daemon.client().post("/projects", json={"name": "Killed"}).json()
    repository, acknowledged = project["repository_path"], 0
    for turn in range(8):
        client, microseconds = daemon.client(), random.randint(0, 60_000)
        print(f"killed {microseconds} microseconds into the writing")
        timer = threading.Timer(microseconds / 1e6, os.kill, (daemon.pid, signal.SIGKILL))
        timer.start()
        with contextlib.suppress(httpx.TransportError):
            for number in range(1000):
                answer = put(client, project, "main.py", f"x = {turn}, {number}\n", "*")
                answer.raise_for_status()
                acknowledged += 1
        timer.join()
        daemon.kill()
        daemon.start()
        assert git(repository, "status", "--porcelain") == ""
        assert git(repository, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
        assert git(repository, "fsck", "--strict", "--no-dangling") == ""
        assert acknowledged <= int(git(repository, "rev-list", "--count", "HEAD")) - 1
