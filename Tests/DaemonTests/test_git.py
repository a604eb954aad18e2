"""A project is an ordinary git repository, and the daemon and the git command line agree about it."""

import pathlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import approve, commit, git, make_project, make_session, vibe

NAMES = [
    ("My Project", "my-project"), ("  spaced   out  ", "spaced-out"), ("Ünïcödé", "unicode"), ("Straße", "strasse"),
    ("Ł & Ø", "l-o"), ("日本語", "ri-ben-yu"), ("Привет", "privet"), ("It's", "its"), ("A/B\\C", "a-b-c"),
    ("../../etc/passwd", "etc-passwd"), ("🚀", "project"), ("🚀 launch", "launch"), ("...", "project"),
    ("-x-", "x"), ("CON", "con"), (".git", "git"), ("é", "e"), ("e\u0301", "e"),
    ("\u202eevil", "evil"), ("x" * 250, "x" * 60),
]


def put_on_disk(project, name, text, message="By hand"):
    """A commit that a person makes with git in the project's folder."""
    folder = pathlib.Path(project["repository_path"])
    (folder / name).write_text(text)
    git(folder, "add", name)
    git(folder, "commit", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


def pending(client, session, prompt):
    return client.get(f"/diffs/{vibe(client, session, prompt)['diff_id']}").json()


@pytest.mark.parametrize("name, slug", NAMES, ids=[ascii(name)[:24] for name, _ in NAMES])
def test_any_name_gives_a_safe_slug(client, daemon, name, slug):
    project = make_project(client, name)
    assert (project["name"], project["slug"]) == (name, slug)
    assert project["repository_path"] == str(daemon.media / "projects" / slug)
    assert git(project["repository_path"], "status", "--porcelain") == ""


def test_the_second_project_of_a_name_gets_a_number(client):
    slugs = [make_project(client, "My Project")["slug"] for _ in range(3)]
    assert slugs == ["my-project", "my-project-1", "my-project-2"]


def test_many_projects_of_one_name_at_once_all_succeed_with_slugs_of_their_own(client, daemon):
    with ThreadPoolExecutor(20) as pool:
        projects = list(pool.map(lambda _: make_project(client, "Crowd"), range(20)))
    assert {project["slug"] for project in projects} == {"crowd"} | {f"crowd-{number}" for number in range(1, 20)}
    for project in projects:
        assert git(project["repository_path"], "rev-parse", "HEAD").strip() == project["current_commit"]
    assert len(list((daemon.media / "projects").iterdir())) == 20


def test_git_clones_reads_and_checks_a_project(client, project, session, tmp_path):
    result = vibe(client, session)
    approve(client, result["diff_id"])
    sha = commit(client, result["diff_id"])["committed_sha"]
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", project["repository_path"], str(clone))
    assert git(clone, "rev-parse", "HEAD").strip() == sha
    assert git(project["repository_path"], "fsck", "--strict", "--full", "--no-dangling") == ""
    assert git(project["repository_path"], "status", "--porcelain") == ""
    assert git(project["repository_path"], "branch", "--show-current").strip() == "main"
    assert (clone / "main.py").read_text() == client.get(f"/projects/{project['id']}").json()["current_code"]
    subprocess.run(["python3", "-m", "py_compile", clone / "main.py"], check=True)


def test_files_commits_and_branches_are_those_of_git(client, project):
    folder = pathlib.Path(project["repository_path"])
    (folder / "pack").mkdir()
    put_on_disk(project, "pack/ünï code.py", "# ü\n", "Add a file\n\nWith a body.")
    git(folder, "branch", "other", "HEAD~1")
    base = f"/projects/{project['id']}"
    listed = {entry["path"]: entry["sha"] for entry in client.get(f"{base}/files").json() if entry["type"] == "file"}
    tree = git(folder, "ls-tree", "-r", "-z", "HEAD").split("\0")
    assert listed == {line.split("\t")[1]: line.split()[2] for line in tree if line}
    assert client.get(f"{base}/files/pack/ünï code.py").json()["content"] == "# ü\n"
    log = [line.split("\0") for line in git(folder, "log", "--format=%H%x00%an%x00%ae").splitlines()]
    commits = client.get(f"{base}/commits").json()
    assert [[c["sha"], c["author_name"], c["author_email"]] for c in commits] == log
    assert commits[0]["message"].strip() == "Add a file\n\nWith a body." and commits[0]["parents"] == [log[1][0]]
    assert [one["sha"] for one in client.get(f"{base}/commits?limit=1").json()] == [log[0][0]]
    shown = client.get(f"{base}/commits/{log[0][0]}").json()
    assert "+# ü" in shown["diff"] and [file["change"] for file in shown["files"]] == ["added"]
    branches = {branch["name"]: branch["sha"] for branch in client.get(f"{base}/branches").json()}
    assert branches == {"main": log[0][0], "other": log[1][0]}
    old = client.get(f"{base}/files?ref={log[1][0]}").json()
    assert [entry["path"] for entry in old] == ["main.py"]


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "..%2fx", ".git/config", "/etc/passwd", "none.py", "main.py/x"])
def test_no_path_leaves_the_repository(client, project, path):
    answer = client.get(f"/projects/{project['id']}/files/{path}")
    assert answer.status_code in (400, 404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_commit_by_another_tool_is_seen_by_the_next_read(client, project):
    for number in range(5):
        sha = put_on_disk(project, "main.py", f"number = {number}\n")
        shown = client.get(f"/projects/{project['id']}").json()
        assert (shown["current_commit"], shown["current_code"]) == (sha, f"number = {number}\n")
        assert client.get("/projects").json()[0]["current_commit"] == sha
        assert client.get(f"/projects/{project['id']}/commits?limit=1").json()[0]["sha"] == sha


def test_the_entry_file_is_agents_then_main_then_the_first(client, project):
    folder = project["repository_path"]
    put_on_disk(project, "agents.py", "# agents\n")
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == "# agents\n"
    git(folder, "rm", "-q", "agents.py", "main.py")
    put_on_disk(project, "z.py", "# z\n")
    put_on_disk(project, "b.py", "# b\n")
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == "# b\n"


def test_a_commit_is_refused_when_head_has_moved(client, project, session):
    diff = pending(client, session, "Create a triage agent")
    approve(client, diff["id"])
    sha = put_on_disk(project, "notes.txt", "by hand\n")
    answer = client.post(f"/diffs/{diff['id']}/commit", json={})
    problem = answer.json()
    assert answer.status_code == 409 and problem["rebase_needed"] is True
    assert (problem["expected"], problem["current"]) == (diff["base_commit"], sha)
    assert git(project["repository_path"], "rev-parse", "HEAD").strip() == sha
    assert client.get(f"/diffs/{diff['id']}").json()["status"] == "human_approved"


def test_the_other_pending_diffs_are_labelled_anew_by_a_commit(client, project, session):
    first = pending(client, session, "Create a triage agent")
    same = pending(client, session, "Create a triage agent")
    clash = pending(client, session, "Create a weather agent")
    assert {one["merge_status"] for one in (first, same, clash)} == {"clean"}
    approve(client, first["id"])
    commit(client, first["id"])
    labels = {one["id"]: one for one in client.get(f"/projects/{project['id']}/diffs").json()}
    assert labels[first["id"]]["merge_status"] == "applied"
    assert labels[same["id"]]["merge_status"] == "applied"
    assert (labels[clash["id"]]["merge_status"], labels[clash["id"]]["merge_conflicts"]) == ("conflicting", ["main.py"])


def test_a_pending_diff_is_labelled_anew_when_another_tool_commits(client, project, session):
    diff = pending(client, session, "Create a triage agent")
    put_on_disk(project, "main.py", "# all different\n")
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == "# all different\n"
    assert client.get(f"/diffs/{diff['id']}").json()["merge_status"] == "conflicting"


def test_many_commits_of_one_diff_make_one_commit(client, project, session):
    diff = pending(client, session, "Create a triage agent")
    approve(client, diff["id"])
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.post(f"/diffs/{diff['id']}/commit", json={}), range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "2"


@pytest.mark.parametrize("approved", [True, False])
def test_a_diff_is_reviewed_once(client, session, approved):
    diff = pending(client, session, "Create a triage agent")
    assert client.post(f"/diffs/{diff['id']}/review", json={"approved": approved}).status_code == 200
    for again in (True, False):
        answer = client.post(f"/diffs/{diff['id']}/review", json={"approved": again})
        assert answer.status_code == 400 and "not pending" in answer.json()["detail"]


@pytest.mark.parametrize("body, feedback", [
    ({}, "No feedback provided"), ({"feedback": ""}, "No feedback provided"),
    ({"feedback": None}, "No feedback provided"), ({"feedback": "Müde 🚀"}, "Müde 🚀"),
])
def test_a_rejection_keeps_its_feedback(client, session, body, feedback):
    diff = pending(client, session, "Create a triage agent")
    answer = client.post(f"/diffs/{diff['id']}/review", json={"approved": False, **body})
    assert (answer.status_code, answer.json()["status"]) == (200, "human_rejected")
    assert client.get(f"/diffs/{diff['id']}").json()["human_feedback"] == feedback
    assert client.get(f"/sessions/{session['id']}/diffs/pending").json() == []


def test_only_an_approved_diff_is_committed(client, project, session):
    diff = pending(client, session, "Create a triage agent")
    assert client.post(f"/diffs/{diff['id']}/commit", json={}).status_code == 400
    client.post(f"/diffs/{diff['id']}/reject", json={"feedback": "no"})
    assert client.post(f"/diffs/{diff['id']}/commit", json={}).status_code == 400
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "1"


def test_accept_approves_and_commits(client, project, session):
    diff = pending(client, session, "Create a triage agent")
    done = client.post(f"/diffs/{diff['id']}/accept")
    assert done.status_code == 200
    assert git(project["repository_path"], "rev-parse", "HEAD").strip() == done.json()["committed_sha"]


def test_a_name_never_puts_one_project_into_another(client, daemon):
    outer = make_project(client, "desk")
    inner = make_project(client, "desk/conversations.db")
    make_session(client, outer), make_session(client, make_project(client, "desk_conversations.db"))
    paths = [pathlib.Path(one["repository_path"]) for one in client.get("/projects").json()]
    assert {path.parent for path in paths} == {daemon.media / "projects"} and len(set(paths)) == 3
    assert client.delete(f"/projects/{outer['id']}").status_code == 204
    assert git(inner["repository_path"], "rev-parse", "HEAD").strip() == inner["current_commit"]
