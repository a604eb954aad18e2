"""The attack table, run through the daemon: no test gets out of its sandbox, whoever runs the daemon."""

import concurrent.futures
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import pytest

import conftest
from conftest import Daemon, Process, clean_environment, git, make_project
from test_test_cases import make_test, run_code, verdict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "SandboxTests" / "Attacks"))

import table

pytestmark = pytest.mark.alone

AT_ONCE = 8
SOMEBODY = 1000
PYTHON = "/usr/bin/python3"
NAMESPACES = ("user-namespace", "private-root", "pid-namespace", "network-namespace", "ipc-namespace", "uts-namespace",
              "cgroup-namespace", "own-proc")
ATTACKS = table.attacks()

# Without namespaces exactly these get what they are after, and here is why.
ESCAPES = {
    "memory-in-folders": "the work folder is one of the disk, and limits count a file, not a folder",
    "many-files": "the same",
    "remove-everything": "it can still see the folders of the host",
    "memory-in-sockets": "those of a network of its own can be counted, those of the host's network cannot",
}
# Landlock does not guard the metadata of a file, and only root can give its programs another user.
ESCAPES_OF_AN_ORDINARY_USER = {"metadata-outside": "the file belongs to the user who runs the daemon"}


class Run:
    """The whole table against one daemon."""

    def __init__(self, daemon, owner=None):
        self.daemon, self.owner, self.client = daemon, owner, daemon.client()
        self.project = make_project(self.client)
        self.health = self.client.get("/health/detailed").json()
        assert self.ask("pass", False)["status"] == "passed", "an ordinary test does not pass"
        before = table.system_v_objects()
        quick = [attack for attack in ATTACKS if attack.is_quick]
        others = [attack for attack in ATTACKS if not attack.is_quick]
        # Those that burn the processor until their limit would starve the others.
        self.outcomes = {**self._run_all(quick), **self._run_all(others)}
        self.new_system_v_objects = table.system_v_objects() - before

    def _run_all(self, attacks):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip((attack.name for attack in attacks), pool.map(self._run, attacks)))

    def _run(self, attack):
        host = table.Host(self.daemon.pid, self.daemon.database, self.owner)
        try:
            return table.run(attack, host, self.ask)
        finally:
            host.close()

    def ask(self, code, is_quick):
        body = {"name": "attack", "code": code, "quick_test": is_quick}
        answer = self.client.post(f"/projects/{self.project['id']}/tests", json=body)
        assert answer.status_code == 201, answer.text
        answer = self.client.post(f"/tests/{answer.json()['id']}/run", json={})
        assert answer.status_code == 200, answer.text
        return answer.json()


def as_somebody(folder, patch):
    """Lets daemons be run by an ordinary user, who may have to have a copy of the executable."""
    user = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
    executable = conftest.EXECUTABLE
    if subprocess.run([*user, "test", "-x", executable]).returncode:
        executable = shutil.copy(executable, folder / "vibegrapher")
    script = folder / "as-somebody"
    script.write_text(f'#!/bin/sh\nexec {" ".join(user)} "{executable}" "$@"\n')
    script.chmod(0o755)
    patch.setattr(conftest, "EXECUTABLE", str(script))
    os.chown(folder, SOMEBODY, SOMEBODY)


@pytest.fixture(scope="module", params=[
    "as this user", "as an ordinary user", "without namespaces", "as an ordinary user without namespaces"])
def run(request):
    owner, more = None, {}
    # Not pytest's own folder, which only root may enter.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="daemon-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "daemon").mkdir()
    (folder / "daemon" / ".env").write_text("LOG_LEVEL=info\n")
    with pytest.MonkeyPatch.context() as patch:
        if "ordinary user" in request.param:
            if os.getuid() != 0:
                pytest.skip("only root can run a daemon as somebody else")
            owner = SOMEBODY
            as_somebody(folder, patch)
            os.chown(folder / "daemon", SOMEBODY, SOMEBODY)
        if "without namespaces" in request.param:
            more = {"SANDBOX_WITHOUT": ",".join(NAMESPACES)}
        daemon = Daemon(folder / "daemon", PYTHON=PYTHON, QUICK_TEST_TIMEOUT="2", TEST_TIMEOUT="20",
                        KEY_OF_THE_DAEMON="nobody's business", **more)
        try:
            daemon.start()
            # Those of other tests are run by whom they always are.
            patch.undo()
            run = Run(daemon, owner)
            run.has_namespaces = "without namespaces" not in request.param
            yield run
        finally:
            if daemon.process:
                daemon.close()
            shutil.rmtree(folder, ignore_errors=True)


def may_escape(run):
    """The names of those that this sandbox does not hold."""
    if run.has_namespaces:
        return set()
    return {*ESCAPES, *(ESCAPES_OF_AN_ORDINARY_USER if os.getuid() or run.owner else ())}


@pytest.mark.parametrize("attack", ATTACKS, ids=repr)
def test_an_attack_is_contained(run, attack):
    result, found = run.outcomes[attack.name]
    if attack.name in may_escape(run):
        assert "ESCAPED" in result["output"], "it is contained: the table of those that are not says too much"
        # What a program of the table gets is never used to do harm.
        assert not [sentence for sentence in found if "process" in sentence or "listener" in sentence], found
    else:
        assert found == [], attack.header["contained"]
    assert set(NAMESPACES) & set(result["sandbox"]["missing"]) == (
        set() if run.has_namespaces else set(NAMESPACES)), "the result says what it had to do without"


def test_the_table_is_complete():
    assert [attack.number for attack in ATTACKS] == list(range(1, len(ATTACKS) + 1)) and len(ATTACKS) >= 112
    assert {*ESCAPES, *ESCAPES_OF_AN_ORDINARY_USER} <= {
        attack.name for attack in ATTACKS if attack.needs in ("namespaces", "network-namespace")}


def test_nothing_of_the_attacks_is_left(run):
    daemon = run.daemon
    assert daemon.running and run.client.get("/health").json()["status"] == "healthy"
    assert run.ask("print('well')", False)["output"] == "well\n"
    assert run.new_system_v_objects == set()
    connection = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM test_results").fetchone()[0] >= len(ATTACKS)
    finally:
        connection.close()


def test_health_names_what_the_sandbox_has_and_lacks(run):
    sandbox = run.health["sandbox"]
    assert set(sandbox) >= {"features", "missing", "landlock", "sufficient"}
    assert "rlimits" in sandbox["features"] and not set(sandbox["features"]) & set(sandbox["missing"])
    if not run.has_namespaces:
        assert set(sandbox["missing"]) >= set(NAMESPACES)
    else:
        assert set(sandbox["features"]) >= {*NAMESPACES, "seccomp"}
    assert ("unprivileged-user" in sandbox["features"]) == (os.getuid() == 0 and run.owner is None)
    assert sandbox["sufficient"] is True and (sandbox["landlock"] > 0) == ("landlock" in sandbox["features"])


# Limits

@pytest.fixture(scope="module")
def hurried(tmp_path_factory):
    """A daemon whose time limits are short enough to be waited for."""
    daemon = Daemon(tmp_path_factory.mktemp("hurried"), TEST_TIMEOUT="1.5", QUICK_TEST_TIMEOUT="0.5")
    try:
        yield daemon.start()
    finally:
        daemon.close()


@pytest.mark.parametrize("code, status, limit, word", [
    ("while True: pass", "timeout", "wall", "time"),
    ("import time; time.sleep(60)", "timeout", "wall", "time"),
    ("x = [0] * 10**9", "error", "memory", "memory"),
    ("x = []\nwhile True: x.append(bytearray(1 << 20))", "error", "memory", "memory"),
    ("import os\nwhile True: os.write(1, b'x' * 65536)", "error", "output", "without end"),
    ("with open('big', 'wb') as file:\n    while True: file.write(b'x' * (1 << 20))", "failed", "files", "OSError"),
    ("import os, time\nwhile True:\n    if not os.fork(): time.sleep(9)", "failed", "processes", "BlockingIOError"),
], ids=["endless loop", "sleep", "a large list", "many blocks", "a flood", "a large file", "many processes"])
def test_a_limit_that_is_hit_is_named(hurried, code, status, limit, word):
    client = hurried.client()
    result = run_code(client, make_project(client), code)
    assert verdict(result) == (status, limit), result["error"][-500:]
    assert word in result["error"]
    assert result["execution_time_ms"] < 2500, "within a second of its limit"
    assert (result["execution_time_ms"] >= 1500) == (status == "timeout")


def test_a_quick_test_has_less_time(hurried):
    client = hurried.client()
    result = run_code(client, make_project(client), "import time; time.sleep(60)", quick_test=True)
    assert verdict(result) == ("timeout", "wall") and result["limits"]["wall_ms"] == 500
    assert 500 <= result["execution_time_ms"] < 1500


@pytest.mark.parametrize("command", ["rm -rf /", "timeout -s KILL 1 rm -rf --no-preserve-root /"])
def test_removing_everything_harms_nothing_and_is_seen(hurried, command):
    client = hurried.client()
    project = make_project(client)
    sandbox = client.get("/health/detailed").json()["sandbox"]
    if not {"private-root", "own-proc", "pid-namespace"} <= set(sandbox["features"]):
        pytest.skip("this machine cannot hide itself from a test, and is not to be lost")
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as kept:
        os.chmod(kept.name, 0o666)
        code = f"import os\nassert not os.path.exists({kept.name!r})\nprint(os.system({command!r}))"
        result = run_code(client, project, code)
        assert os.path.exists(kept.name)
    assert result["status"] == "passed" and result["output"].strip() != "0", result["error"]
    assert "dangerous" in result["error"] or "Read-only file system" in result["error"] \
        or "Permission denied" in result["error"], result["error"][-500:]
    assert git(project["repository_path"], "status", "--porcelain") == ""
    assert run_code(client, project, command="ls /usr/bin | wc -l; ls")["output"].split()[1:] == ["main.py"]


# Machines that lack something

def test_without_python_a_run_is_refused_and_says_why(make_daemon):
    client = make_daemon(PYTHON="/no/such/python").client()
    test = make_test(client, make_project(client), "pass")
    answer = client.post(f"/tests/{test['id']}/run")
    assert answer.status_code == 503 and "/no/such/python" in answer.json()["detail"], answer.text


@pytest.mark.parametrize("required, without, missing", [
    ("full", "landlock", {"landlock"}), ("full", "seccomp,own-proc", {"seccomp", "own-proc"}),
    ("namespaces", "pid-namespace,own-proc", {"pid-namespace"}),
])
def test_with_less_than_is_required_nothing_is_run(make_daemon, required, without, missing):
    client = make_daemon(PYTHON=PYTHON, SANDBOX_REQUIRE=required, SANDBOX_WITHOUT=without).client()
    test = make_test(client, make_project(client), "print('ran')")
    for path in (f"/tests/{test['id']}/run", f"/projects/{test['project_id']}/tests/run"):
        answer = client.post(path)
        assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
        assert all(name in answer.json()["detail"] for name in missing), answer.text
    sandbox = client.get("/health/detailed").json()["sandbox"]
    assert sandbox["sufficient"] is False and missing <= set(sandbox["missing"])
    assert client.get(f"/tests/{test['id']}/results").json() == []


@pytest.mark.parametrize("required, without", [
    ("namespaces", "landlock,seccomp"), ("rlimits", "private-root"), ("rlimits", "user-namespace"),
    ("rlimits", "pid-namespace"), ("rlimits", "private-root,own-proc"),
    ("rlimits", "network-namespace,ipc-namespace,uts-namespace,cgroup-namespace"), ("rlimits", "own-proc"),
])
def test_what_is_not_required_may_be_missing(make_daemon, required, without):
    client = make_daemon(PYTHON=PYTHON, SANDBOX_REQUIRE=required, SANDBOX_WITHOUT=without).client()
    result = run_code(client, make_project(client), "print('ran')")
    assert verdict(result) == ("passed", None) and result["output"] == "ran\n", result["error"]
    assert set(without.split(",")) <= set(result["sandbox"]["missing"])


@pytest.mark.parametrize("name, value", [
    ("SANDBOX_REQUIRE", "most"), ("SANDBOX_WITHOUT", "landlok"), ("TEST_TIMEOUT", "0"), ("QUICK_TEST_TIMEOUT", "soon"),
])
def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(tmp_path, name, value):
    process = Process(["serve"], tmp_path, clean_environment(tmp_path, PORT="0", **{name: value}))
    assert process.wait() != 0 and name in process.stderr and process.stderr.count("\n") == 1
