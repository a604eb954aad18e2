"""Projects begin as templates, as clones, and with a repository on GitHub; whatever the other side does."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import httpx
import pytest

from conftest import Daemon, approve, commit, events_until, git, make_project, make_session, subscribed, vibe
from git_double import TOKEN, Forge, run

FILES = {"agents.py": "x = 1\n", "docs/read me.txt": "Hello\n", "ünï.txt": "ü\n"}


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    with Forge(tmp_path_factory.mktemp("forge")) as forge:
        forge.repository("ada/spoilt", {"big.bin": os.urandom(300_000), **FILES})
        forge.repository("ada/taken")
        yield forge


def settings(forge, **more):
    return {"CLONE_HOSTS": f"github.com,{forge.host}", "CLONE_TIMEOUT": "60", "MAX_REPO_SIZE_MB": "2",
            "GITHUB_API_URL": forge.url, "GITHUB_TOKEN": TOKEN, **more}


@pytest.fixture(scope="module")
def daemon(forge, tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("origins"), **settings(forge)).start()
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def client(daemon):
    return daemon.client()


def make(client, **body):
    return client.post("/projects", json={"name": "Cloned", **body})


def left(daemon):
    """What there is of projects on the disk and in the database, and of git as a process."""
    sandboxes = [pid for pid in os.listdir("/proc") if pid.isdigit() and is_git_of(pid, daemon)]
    return sorted(os.listdir(daemon.media / "projects")), daemon.rows("SELECT id FROM projects"), sandboxes


def is_git_of(pid, daemon):
    try:
        environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        return b"GIT_ALLOW_PROTOCOL" in environment and b"git" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture
def nothing_is_left(daemon):
    before = left(daemon)
    yield
    assert left(daemon) == before


# Templates.

def test_the_templates_are_listed_with_their_files(client):
    templates = client.get("/api/v1/templates").json()
    assert [one["name"] for one in templates] == ["research-team", "support-desk", "tool-assistant"]
    assert all(one["summary"] and one["entry"] == "main.py" and "README.md" in one["files"] for one in templates)


@pytest.mark.parametrize("name, agents", [("research-team", 3), ("support-desk", 3), ("tool-assistant", 1)])
def test_a_project_begins_as_a_template_that_runs(client, name, agents):
    project = make(client, template=name).json()
    repository = project["repository_path"]
    assert project["remote_url"] is None and project["current_code"].startswith('"""')
    assert len(client.get(f"/projects/{project['id']}/nodes").json()) == agents
    assert git(repository, "status", "--porcelain") == "" and ".gitignore" in git(repository, "ls-files").split()
    done = subprocess.run([sys.executable, "-c", "import main"], cwd=repository, capture_output=True, text=True,
                          env={**os.environ, "OPENAI_API_KEY": "none", "PYTHONDONTWRITEBYTECODE": "1"}, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_agents_work_on_a_template(client):
    project = make(client, template="support-desk").json()
    result = vibe(client, make_session(client, project), "Make the triage agent speak Spanish")
    approve(client, result["diff_id"])
    commit(client, result["diff_id"])
    assert "Spanish" in client.get(f"/projects/{project['id']}").json()["current_code"]


# Clones.

def test_a_repository_is_cloned_with_its_history(client, forge):
    path = forge.repository("ada/good", [{"agents.py": "x = 0\n"}, FILES], branch="trunk")
    answer = make(client, clone_url=forge.clone_url("ada/good"))
    project = answer.json()
    assert answer.status_code == 201, answer.text
    assert (project["current_branch"], project["current_code"]) == ("trunk", "x = 1\n")
    assert project["remote_url"] == forge.clone_url("ada/good") and project["github_repository"] is None
    assert project["current_commit"] == run("git", "rev-parse", "trunk", cwd=path)
    repository = pathlib.Path(project["repository_path"])
    assert len(git(repository, "rev-list", "HEAD").split()) == 2
    assert git(repository, "fsck", "--strict") == "" and git(repository, "status", "--porcelain") == ""
    assert {name: (repository / name).read_text() for name in FILES} == FILES
    result = vibe(client, make_session(client, project))
    approve(client, result["diff_id"])
    commit(client, result["diff_id"])
    assert git(repository, "fsck", "--strict") == "" and git(repository, "status", "--porcelain") == ""


def test_nothing_of_the_remote_but_its_commits_is_taken(client, forge):
    path = forge.repository("ada/tricky", FILES)
    (path / "hooks").mkdir(exist_ok=True)
    (path / "hooks" / "post-checkout").write_text("#!/bin/sh\ntouch /tmp/never\n")
    run("git", "tag", "v1", "main", cwd=path)
    repository = pathlib.Path(make(client, clone_url=forge.clone_url("ada/tricky")).json()["repository_path"])
    assert git(repository, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    config = (repository / ".git" / "config").read_text()
    assert "remote" not in config and "127.0.0.1" not in config
    assert [hook for hook in (repository / ".git" / "hooks").glob("*") if not hook.name.endswith(".sample")] == []


def test_links_and_submodules_lead_nowhere(client, forge):
    commit_name = "1" * 40
    forge.raw_tree("ada/links", [("120000", "a-link", b"/etc/passwd"), ("100644", "main.py", b"x = 1\n"),
                                 ("160000", "sub", commit_name), ("120000", "up", b"../..")])
    project = make(client, clone_url=forge.clone_url("ada/links")).json()
    repository = pathlib.Path(project["repository_path"])
    assert not any(path.is_symlink() for path in repository.rglob("*"))
    assert (repository / "a-link").read_text() == "/etc/passwd"
    assert git(repository, "status", "--porcelain") == ""
    base = f"/projects/{project['id']}/files"
    kinds = {entry["path"]: entry["type"] for entry in client.get(base).json()}
    assert kinds == {"a-link": "symlink", "main.py": "file", "sub": "submodule", "up": "symlink"}
    assert client.get(f"{base}/a-link").status_code == 404
    for path in ("a-link", "up/x", "sub/x", "sub"):
        assert client.put(f"{base}/{path}", json={"content": "x"}).status_code in (412, 422), path


def test_a_project_of_this_daemon_is_cloned_by_another(client, daemon, forge, make_daemon):
    project = make_project(client, "To be cloned")
    for number in range(3):
        client.put(f"/projects/{project['id']}/files/f{number}.txt", json={"content": f"{number}\n"}).raise_for_status()
    other = make_daemon(CLONE_HOSTS=daemon.url.removeprefix("http://"))
    clone = make(other.client(), clone_url=f"{daemon.url}/projects/{project['id']}/git").json()
    head = client.get(f"/projects/{project['id']}").json()["current_commit"]
    assert clone["current_commit"] == head and git(clone["repository_path"], "fsck", "--strict") == ""


@pytest.mark.parametrize("address, words", [
    ("file:///etc", "https"), ("/etc", "https"), ("../x", "https"), ("git@github.com:a/b.git", "https"),
    ("ssh://git@github.com/a/b", "'ssh' is not allowed"), ("git://github.com/a/b", "'git' is not allowed"),
    ("ext::sh -c id", "ASCII"), ("http://github.com/a/b", "http is for this machine"), ("https://gitlab.com/a/b", "CLONE_HOSTS"),
    ("https://github.com.evil.org/a/b", "CLONE_HOSTS"), ("https://github.com:8443/a/b", "CLONE_HOSTS"),
    ("https://user:secret@github.com/a/b", "user name or a password"), ("https://github.com", "path"),
    ("https://github.com/a/b?x=1", "query"), ("https://github.com/a/b#x", "query"), ("https://github.com/../b", "path"),
    ("https://github.com/-x/b", "path"), ("https://github.com/a b", "ASCII"), ("http://127.0.0.1:1/a/b", "CLONE_HOSTS"),
    ("https://[::1]/a/b", "CLONE_HOSTS"), ("https://169.254.169.254/latest", "CLONE_HOSTS"), ("", "https"),
    ("https://github.com/" + "a" * 1000, "1000"), ("HTTPS://github.com:99999/a/b", "port"),
])
def test_an_address_that_is_not_allowed_is_refused(client, nothing_is_left, address, words):
    answer = make(client, clone_url=address)
    assert answer.status_code == 422 and words in answer.text, answer.text


@pytest.mark.parametrize("way, status, words", [
    ("redirect", 422, "redirects"), ("loop", 422, "redirects"), ("moved", 422, "redirects"),
    ("private", 422, "none that anybody may read"), ("cut", 502, "git could not clone"),
    ("corrupt", 502, "git could not clone"), ("nonsense", 502, "git could not clone"),
])
def test_a_server_that_goes_wrong_leaves_nothing(client, forge, nothing_is_left, way, status, words):
    asked = len(forge.asked)
    answer = make(client, clone_url=f"{forge.url}/{way}/ada/spoilt.git")
    assert answer.status_code == status and words in answer.json()["detail"], answer.text
    assert all(path.startswith(f"/{way}/") for _, path, _ in forge.asked[asked:]), "nothing else was asked for"


def test_what_is_not_there_is_said_so(client, forge, nothing_is_left):
    answer = make(client, clone_url=forge.clone_url("ada/none"))
    assert answer.status_code == 422 and "none that anybody may read" in answer.json()["detail"]
    forge.repository("ada/empty")
    answer = make(client, clone_url=forge.clone_url("ada/empty"))
    assert answer.status_code == 422 and "no commit" in answer.json()["detail"]
    answer = make(client, clone_url=forge.clone_url("ada/spoilt"), template="support-desk")
    assert answer.status_code == 422 and "neither" in answer.text
    assert make(client, template="none").status_code == 422


HOSTILE = {
    "dot git": [("100644", ".git", b"x")], "git config": [("40000", ".GIT", None)], "dots": [("40000", "..", None)],
    "slash": [("100644", "a/../../../tmp/x", b"x")], "ntfs": [("100644", "git~1", b"x")],
    "absolute": [("100644", "/etc/x", b"x")], "backslash": [("100644", "a\\..\\b", b"x")],
    "control": [("100644", "a\x1b[2J", b"x")], "twice": [("100644", "a", b"x"), ("100644", "a", b"y")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_path_in_the_tree_is_refused(client, forge, nothing_is_left, name):
    repository = f"ada/{name.replace(' ', '-')}"
    path = forge.repository(repository)
    inner = forge.tree(path, [("100644", "config", b"[core]\n\tfsmonitor = touch /tmp/never\n")])
    forge.commit(path, forge.tree(path, [(mode, entry, content if content is not None else inner)
                                         for mode, entry, content in HOSTILE[name]]))
    answer = make(client, clone_url=forge.clone_url(repository))
    assert answer.status_code in (422, 502), answer.text


def test_bombs_are_refused(client, forge, nothing_is_left):
    deep = forge.repository("ada/deep")
    tree = forge.tree(deep, [("100644", "x", b"x")])
    for _ in range(1500):
        tree = forge.tree(deep, [("40000", "d" * 40, tree)])
    forge.commit(deep, tree)
    wide = forge.repository("ada/wide")
    tree = forge.tree(wide, [("100644", "x", b"x")])
    for _ in range(10):
        tree = forge.tree(wide, [("40000", f"d{number}", tree) for number in range(9)])
    forge.commit(wide, tree)
    flat = forge.repository("ada/flat", {"zeros.bin": bytes(8 << 20)})  # packs to some kilobytes
    assert sum(file.stat().st_size for file in flat.rglob("*") if file.is_file()) < 2 << 20
    for name, words in [("deep", "path"), ("wide", "files"), ("flat", "larger than 2 MB")]:
        answer = make(client, clone_url=forge.clone_url(f"ada/{name}"))
        assert answer.status_code == 422 and words in answer.text, answer.text


def test_a_large_repository_is_cut_off_while_it_comes(client, forge, nothing_is_left):
    forge.repository("ada/large", {f"{number}.bin": os.urandom(1 << 20) for number in range(24)})
    answer = make(client, clone_url=forge.clone_url("ada/large"))
    assert answer.status_code == 422 and "larger than 2 MB" in answer.json()["detail"], answer.text


@pytest.mark.parametrize("way", ["slow", "endless"])
def test_a_slow_server_is_given_up(make_daemon, forge, way):
    daemon = make_daemon(**settings(forge, CLONE_TIMEOUT="2"))
    client, began = daemon.client(), time.monotonic()
    answer = make(client, clone_url=f"{forge.url}/{way}/ada/spoilt.git")
    assert answer.status_code == 502 and "CLONE_TIMEOUT" in answer.json()["detail"], answer.text
    assert time.monotonic() - began < 10 and left(daemon)[:2] == ([], [])


def test_a_clone_does_not_hold_up_anybody(make_daemon, forge):
    daemon = make_daemon(**settings(forge, CLONE_TIMEOUT="30"))
    client = daemon.client()
    answers = []
    def ask():
        with httpx.Client(base_url=daemon.url, timeout=60, trust_env=False) as own, contextlib.suppress(httpx.HTTPError):
            answers.append(make(own, clone_url=f"{forge.url}/slow/ada/spoilt.git").status_code)

    slow = [threading.Thread(target=ask) for _ in range(4)]
    for thread in slow:
        thread.start()
    try:
        began = time.monotonic()
        assert vibe(client, make_session(client, make_project(client)))["diff_id"]
        assert client.get("/health").status_code == 200 and time.monotonic() - began < 10
        daemon.stop()  # in the midst of it
    finally:
        for thread in slow:
            thread.join(timeout=30)
    assert set(answers) <= {503}, answers
    daemon.start()
    assert [one["name"] for one in daemon.client().get("/projects").json()] == ["Travel desk"]
    assert {name.partition("_")[0] for name in left(daemon)[0]} == {"travel-desk"}


def test_a_clone_that_a_kill_cuts_leaves_nothing(make_daemon, forge):
    daemon = make_daemon(**settings(forge))
    client = daemon.client()
    answer = client.post("/projects", json={"name": "x", "clone_url": f"{forge.url}/slow/ada/spoilt.git"},
                         headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    project = answer.json()["project_id"]
    with subscribed(daemon, f"project:{project}", after=0) as socket:
        events_until(socket, "project.progress")
    daemon.kill()
    daemon.start()
    assert left(daemon)[:2] == ([], []) and daemon.client().get("/projects").json() == []
    with subscribed(daemon, f"project:{project}", after=0) as socket:
        assert events_until(socket, "project.failed")[-1]["data"]["id"] == project


def test_whoever_does_not_wait_follows_the_events(client, daemon, forge):
    forge.repository("ada/later", FILES)
    answer = client.post("/projects", json={"name": "Later", "clone_url": forge.clone_url("ada/later")},
                         headers={"Prefer": "respond-async"})
    project = answer.json()["project_id"]
    assert answer.status_code == 202 and answer.headers["location"] == f"/projects/{project}"
    with subscribed(daemon, f"project:{project}", after=0) as socket:
        created = events_until(socket, "project.created", "project.failed")[-1]
    assert created["event"] == "project.created" and created["data"] == client.get(f"/projects/{project}").json()


# GitHub.

def test_a_repository_is_made_on_github_and_pushed_to(client, forge):
    answer = make(client, name="Desk", template="support-desk", github={"owner": "Ada", "repo": "desk"})
    project = answer.json()
    assert answer.status_code == 201, answer.text
    assert forge.calls[-1] == ("POST", "/user/repos", {"name": "desk", "private": True, "auto_init": False})
    assert project["github_repository"] == "ada/desk" and project["remote_url"] == forge.clone_url("ada/desk")
    there = forge.path("ada/desk")
    assert project["pushed_commit"] == project["current_commit"] == run("git", "rev-parse", "main", cwd=there)
    result = vibe(client, make_session(client, project), "Make the triage agent speak Spanish")
    approve(client, result["diff_id"])
    sha = commit(client, result["diff_id"])["committed_sha"]
    assert run("git", "rev-parse", "main", cwd=there) != sha
    pushed = client.post(f"/projects/{project['id']}/push").json()
    assert pushed["pushed_commit"] == sha == run("git", "rev-parse", "main", cwd=there)
    assert client.post(f"/projects/{project['id']}/push").json()["pushed_commit"] == sha
    run("git", "update-ref", "refs/heads/main", Forge.commit(there, run("git", "mktree", cwd=there, stdin=b"")), cwd=there)
    client.put(f"/projects/{project['id']}/files/new.py", json={"content": "x = 1\n"}).raise_for_status()
    answer = client.post(f"/projects/{project['id']}/push")
    assert answer.status_code == 409 and "commits that this project does not have" in answer.json()["detail"]


def test_an_organisation_may_own_it(client, forge):
    project = make(client, github={"owner": "lovelace", "repo": "engine", "private": False}).json()
    assert project["github_repository"] == "lovelace/engine" and forge.calls[-1][1:] == (
        "/orgs/lovelace/repos", {"name": "engine", "private": False, "auto_init": False})


@pytest.mark.parametrize("github, status, words", [
    ({"owner": "ada", "repo": "taken"}, 409, "already a repository ada/taken"),
    ({"owner": "nobody", "repo": "x"}, 422, "no organisation 'nobody'"),
    ({"owner": "-x", "repo": "x"}, 422, "owner"), ({"owner": "a/b", "repo": "x"}, 422, "owner"),
    ({"owner": "ada", "repo": ".."}, 422, "repository"), ({"owner": "ada", "repo": "a/b"}, 422, "repository"),
    ({"owner": "ada"}, 422, "repo"), ("ada/x", 422, "github"),
])
def test_what_github_refuses_leaves_nothing(client, forge, nothing_is_left, github, status, words):
    answer = make(client, github=github)
    assert answer.status_code == status and words in answer.text, answer.text


@pytest.mark.parametrize("token, status, words", [("ghp_wrong", 502, "refuses the token (401)"),
                                                  (None, 422, "no GITHUB_TOKEN")])
def test_a_token_that_is_wrong_or_missing_is_said_so(make_daemon, forge, token, status, words):
    daemon = make_daemon(**settings(forge, GITHUB_TOKEN=token))
    answer = make(daemon.client(), github={"owner": "ada", "repo": "never"})
    assert answer.status_code == status and words in answer.text, answer.text
    assert left(daemon)[:2] == ([], []) and "ghp_" not in daemon.stderr


def test_a_push_that_fails_is_made_good_later(client, forge):
    forge.push_fails = True
    answer = make(client, github={"owner": "ada", "repo": "pushed-later"})
    project = answer.json()
    assert answer.status_code == 201 and project["pushed_commit"] is None and project["github_repository"] == "ada/pushed-later"
    answer = client.post(f"/projects/{project['id']}/push")
    assert answer.status_code == 502 and "git could not push" in answer.json()["detail"]
    forge.push_fails = False
    assert client.post(f"/projects/{project['id']}/push").json()["pushed_commit"] == project["current_commit"]


def test_the_token_goes_to_github_alone_and_is_kept_nowhere(client, daemon, forge):
    project = make(client, github={"owner": "ada", "repo": "secret"}).json()
    git(project["repository_path"], "config", "remote.origin.url", "http://127.0.0.1:1/")
    git(project["repository_path"], "config", "http.proxy", "http://127.0.0.1:1/")
    client.put(f"/projects/{project['id']}/files/new.py", json={"content": "x = 1\n"}).raise_for_status()
    assert client.post(f"/projects/{project['id']}/push").status_code == 200, "the project's own settings are not read"
    for path in daemon.folder.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in daemon.stderr and TOKEN not in json.dumps(client.get("/projects").json())


def test_a_project_that_is_not_on_github_is_not_pushed(client):
    answer = client.post(f"/projects/{make_project(client)['id']}/push")
    assert answer.status_code == 400 and "no repository on GitHub" in answer.json()["detail"]


NAMESPACES = ("user-namespace,private-root,pid-namespace,network-namespace,ipc-namespace,uts-namespace,"
              "cgroup-namespace,own-proc")


@pytest.mark.parametrize("without", [NAMESPACES, f"{NAMESPACES},landlock,seccomp,memory-group,process-group",
                                     f"{NAMESPACES},landlock,seccomp,unprivileged-user,memory-group,process-group"])
def test_git_works_with_whatever_holds_it(make_daemon, forge, without):
    daemon = make_daemon(**settings(forge, SANDBOX_WITHOUT=without))
    client, name = daemon.client(), f"held-by-{len(without)}"
    project = make(client, clone_url=forge.clone_url("ada/spoilt")).json()
    assert git(project["repository_path"], "fsck", "--strict") == ""
    project = make(client, github={"owner": "ada", "repo": name}).json()
    assert project["pushed_commit"] == run("git", "rev-parse", "main", cwd=forge.path(f"ada/{name}"))
    answer = make(client, clone_url=f"{forge.url}/cut/ada/spoilt.git")
    assert answer.status_code == 502 and len(os.listdir(daemon.media / "projects")) == 2


def test_without_the_sandbox_that_is_wanted_nothing_is_cloned(make_daemon, forge):
    daemon = make_daemon(**settings(forge, SANDBOX_REQUIRE="full", SANDBOX_WITHOUT=NAMESPACES))
    answer = make(daemon.client(), clone_url=forge.clone_url("ada/spoilt"))
    assert answer.status_code == 503 and "SANDBOX_REQUIRE" in answer.json()["detail"] and left(daemon)[:2] == ([], [])
