"""Machines that lack something, or lose it: an interpreter, its helper, the disk, /tmp, namespaces."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import conftest
from conftest import Daemon, git, make_project, wait_until
from test_sandbox_attacks import NAMESPACES, PYTHON
from test_sandbox_leaks import control_groups, descendants
from test_test_cases import make_test, put, run_code, verdict

AGENT = 'from agents import Agent\na = Agent(name="A")\n'
WITHOUT_NAMESPACES = ",".join(NAMESPACES)
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make such a machine")


@pytest.fixture
def wrapped():
    """Makes daemons whose process is started by a line of shell, in which "$@" stands for it; in no temporary folder."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="machine-", dir="/run"))
    started = []

    def make(line, **env):
        script = folder / f"start{len(started)}"
        script.write_text(f'#!/bin/sh\nset -- "{conftest.EXECUTABLE}" "$@"\n{line}\n')
        script.chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conftest, "EXECUTABLE", str(script))
            started.append(Daemon(folder / f"daemon{len(started)}", **{"PYTHON": PYTHON, **env}))
            return started[-1].start()

    yield make
    for daemon in started:
        daemon.close()
    shutil.rmtree(folder, ignore_errors=True)


def open_to_all(folder):
    """Opens pytest's own folders, which are closed to the user whom a test is."""
    for path in (folder, *folder.parents):
        if path.owner() == "root" and path not in (pathlib.Path("/"), pathlib.Path("/tmp")):
            path.chmod(0o755)


# Interpreters

@pytest.mark.parametrize("without", [None, WITHOUT_NAMESPACES], ids=["with namespaces", "without namespaces"])
def test_an_interpreter_of_a_virtual_environment_brings_its_packages(make_daemon, tmp_path, without):
    folder = tmp_path / "own"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "brought.py").write_text("WORD = 'from the environment'\n")
    open_to_all(tmp_path)
    client = make_daemon(PYTHON=folder / "bin" / "python3", SANDBOX_WITHOUT=without).client()
    project = make_project(client)
    put(client, project, "main.py", AGENT)
    result = run_code(client, project, "import brought, sys\nprint(brought.WORD, sys.prefix)")
    assert verdict(result) == ("passed", None), result["error"]
    assert result["output"] == f"from the environment {folder}\n"
    assert run_code(client, project, command="python3 -c 'import brought'")["status"] == "passed"
    assert [node["id"] for node in client.get(f"/projects/{project['id']}/nodes").json()] == ["A"]


@pytest.mark.parametrize("interpreter, words", [
    ("/no/such/python", "/no/such/python"), ("/bin/true", "/bin/true is no Python"), ("/bin/false", "is no Python"),
    ("/etc/passwd", "/etc/passwd"), ("/", "cannot start /"),
])
def test_what_is_no_interpreter_is_named_and_loses_nothing(make_daemon, interpreter, words):
    client = make_daemon(PYTHON=interpreter).client()
    project = make_project(client)
    put(client, project, "notes.txt", "kept")
    test = make_test(client, project, "pass")
    for method, path in (("POST", f"/tests/{test['id']}/run"), ("GET", f"/projects/{project['id']}/nodes")):
        answer = client.request(method, path)
        assert answer.status_code == 503 and words in answer.json()["detail"], answer.text
    assert client.get(f"/projects/{project['id']}/files/notes.txt").json()["content"] == "kept"
    assert client.get(f"/tests/{test['id']}/results").json() == [] and client.get("/health").status_code == 200


def test_an_interpreter_is_asked_once_by_all_who_come_at_the_start(make_daemon, tmp_path):
    asked, program = tmp_path / "asked", tmp_path / "python3"
    program.write_text(f'#!/bin/sh\necho . >> {asked}\nsleep 0.5\nexec {PYTHON} "$@"\n')
    program.chmod(0o755)
    client = make_daemon(PYTHON=program).client()
    project = make_project(client)
    put(client, project, "main.py", AGENT)
    address = f"/projects/{project['id']}/nodes"
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(client.get, [address] * 20))
    assert [answer.json()[0]["id"] for answer in answers] == ["A"] * 20
    assert run_code(client, project, "pass")["status"] == "passed"
    assert asked.read_text() == ".\n"


# The helper that knows Python

def interpreters(daemon):
    """The numbers of all interpreters below a daemon."""
    return [pid for pid, name, state in descendants(daemon.pid) if name.startswith("python") and state != "Z"]


def helper(daemon):
    """The number of the helper's process: the only interpreter below an idle daemon."""
    found = interpreters(daemon)
    assert len(found) <= 1, found
    return found[0] if found else None


def test_a_helper_that_was_killed_while_idle_is_no_fault_of_the_next_source(make_daemon):
    daemon = make_daemon(PYTHON=PYTHON)
    client = daemon.client()
    project = make_project(client)
    put(client, project, "main.py", AGENT)
    for _ in range(3):
        answer = client.get(f"/projects/{project['id']}/nodes")
        assert answer.status_code == 200 and answer.json()[0]["id"] == "A", answer.text
        os.kill(wait_until(lambda: helper(daemon), "there is no helper"), signal.SIGKILL)
    assert client.get(f"/projects/{project['id']}/graph").status_code == 200
    assert git(project["repository_path"], "status", "--porcelain") == ""


def test_a_helper_that_hangs_is_given_up_and_delays_nobody_else(make_daemon):
    daemon = make_daemon(PYTHON=PYTHON)
    client = daemon.client()
    project = make_project(client)
    put(client, project, "main.py", AGENT)
    address = f"/projects/{project['id']}/nodes"
    assert client.get(address).status_code == 200
    hanging = wait_until(lambda: helper(daemon), "there is no helper")
    os.kill(hanging, signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.get, address)
        while not asked.done():
            assert client.get(f"/projects/{project['id']}/files/main.py", timeout=2).json()["content"] == AGENT
            time.sleep(0.2)
        assert asked.result().status_code == 422 and "parser died" in asked.result().json()["detail"]
    assert client.get(address).json()[0]["id"] == "A"
    assert wait_until(lambda: helper(daemon), "there is no other helper") != hanging
    assert not os.path.exists(f"/proc/{hanging}")


@pytest.mark.parametrize("body", [
    "import os; os._exit(3)", "print('garbage', flush=True); input()", "import time; time.sleep(0.05)",
    "print('{\"id\": 999, \"ok\": true}', flush=True); input()", "print('[' * 100_000, flush=True); input()",
    "import sys\nwhile True: sys.stdout.write('x' * 65536)",
], ids=["dies", "garbage", "ends", "an answer to another question", "nested", "without end"])
def test_a_helper_that_is_broken_is_an_answer_and_loses_nothing(make_daemon, tmp_path, body):
    # An interpreter that says where it is, as it is asked first, and then is no good.
    broken = tmp_path / "python"
    broken.mkdir()
    open_to_all(broken)
    program = broken / "python3"
    program.write_text(f"#!{PYTHON} -IS\nimport sys\nif '-S' not in sys.argv:\n"
                       f"    print('{{\"executable\": \"{program}\", \"folders\": [\"{broken}\"]}}')\n"
                       f"    sys.exit()\n{body}\n")
    program.chmod(0o755)
    client = make_daemon(PYTHON=program).client()
    project = make_project(client)
    put(client, project, "main.py", AGENT)
    answer = client.get(f"/projects/{project['id']}/nodes")
    assert answer.status_code == 422 and "parser died" in answer.json()["detail"], answer.text
    assert client.get(f"/projects/{project['id']}/files/main.py").json()["content"] == AGENT
    assert client.get("/health").json()["status"] == "healthy"


# The disk

@needs_root
def test_a_full_disk_is_said_and_what_was_kept_stays(wrapped):
    disk = pathlib.Path(tempfile.mkdtemp(prefix="disk-", dir="/run"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True)
    try:
        daemon = wrapped('exec "$@"', DATABASE_URL=f"sqlite:///{disk}/vibegrapher.db")
        client = daemon.client()
        project = make_project(client)
        test = make_test(client, project, "print('x' * 500_000)")
        answers = [client.post(f"/tests/{test['id']}/run") for _ in range(10)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused and all(answer.status_code in (500, 503, 507) for answer in refused), refused
        assert all(answer.headers["content-type"] == "application/problem+json" for answer in refused)
        kept = client.get(f"/tests/{test['id']}/results").json()
        assert len(kept) == len(answers) - len(refused) and all(result["status"] == "passed" for result in kept)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert client.post(f"/tests/{test['id']}/run").json()["status"] == "passed", "it goes on when there is room"
        daemon.stop()
        assert daemon.start().client().get(f"/tests/{test['id']}").json() == test
    finally:
        daemon.close()
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


READ_ONLY = "mount --make-rprivate / && mount --bind {0} {0} && mount -o remount,ro,bind {0}"


@needs_root
@pytest.mark.parametrize("without", [None, WITHOUT_NAMESPACES], ids=["with namespaces", "without namespaces"])
def test_a_tmp_that_cannot_be_written_takes_nothing_away(wrapped, without):
    line = f"""exec unshare -m sh -c '{READ_ONLY.format("/tmp")} && ! touch /tmp/x 2>/dev/null && exec "$@"' sh "$@" """
    client = wrapped(line, SANDBOX_WITHOUT=without).client()
    project = make_project(client)
    put(client, project, "main.py", AGENT)
    has = set(client.get("/health/detailed").json()["sandbox"]["features"])
    assert ("private-root" in has) == (without is None) and {"landlock", "seccomp"} <= has
    result = run_code(client, project, "import tempfile\nprint(tempfile.TemporaryFile().write(b'x'), a.name)")
    assert verdict(result) == ("passed", None) and result["output"] == "1 A\n", result["error"]
    assert client.get(f"/projects/{project['id']}/nodes").status_code == 200


@needs_root
def test_without_any_place_for_files_a_test_is_refused_and_says_what_to_do(wrapped):
    places = " && ".join(READ_ONLY.format(place) for place in ("/tmp", "/var/tmp", "/dev/shm"))
    client = wrapped(f"""exec unshare -m sh -c '{places} && exec "$@"' sh "$@" """).client()
    test = make_test(client, make_project(client), "pass")
    answer = client.post(f"/tests/{test['id']}/run")
    assert answer.status_code == 503 and "set TMPDIR to a folder" in answer.json()["detail"], answer.text


# Users and namespaces

@needs_root
@pytest.mark.parametrize("line, wanted", [
    # Root of a container without user namespaces of its own.
    ("""exec unshare -U -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"' sh "$@" """,
     {"private-root", "pid-namespace", "network-namespace", "landlock", "seccomp"}),
    # The same without the right to make any.
    ("""exec unshare -U -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && \
        exec setpriv --bounding-set=-sys_admin "$@"' sh "$@" """, {"landlock", "seccomp"}),
    # An ordinary user of it.
    ("""exec unshare -U -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && \
        exec setpriv --bounding-set=-all "$@"' sh "$@" """, {"landlock", "seccomp"}),
], ids=["root", "root without rights", "nobody in particular"])
def test_a_machine_without_user_namespaces_runs_tests_and_says_what_is_missing(wrapped, line, wanted):
    daemon = wrapped(line)
    client = daemon.client()
    sandbox = client.get("/health/detailed").json()["sandbox"]
    assert "user-namespace" in sandbox["missing"] and wanted <= set(sandbox["features"]), sandbox
    assert sandbox["sufficient"] is True and "less than a full sandbox" in daemon.stderr
    result = run_code(client, make_project(client), "print('ran')")
    assert verdict(result) == ("passed", None) and result["output"] == "ran\n", result["error"]
    assert result["sandbox"]["missing"] == sandbox["missing"]
    refused = wrapped(line, SANDBOX_REQUIRE="full").client()
    test = make_test(refused, make_project(refused), "pass")
    answer = refused.post(f"/tests/{test['id']}/run")
    assert answer.status_code == 503 and "user-namespace" in answer.json()["detail"], answer.text


# What a daemon leaves that is killed

def work_folders(tmp_path):
    """A place for work folders on the host, which a test's user reaches."""
    place = tmp_path / "tmp"
    place.mkdir()
    open_to_all(place)
    return place


def test_a_daemon_that_is_killed_as_a_test_ends_leaves_no_folder(tmp_path):
    """Stopped, it sees no end and removes nothing: as if it was killed between the two."""
    place = work_folders(tmp_path)
    daemon = Daemon(tmp_path / "daemon", PYTHON=PYTHON, TMPDIR=place, SANDBOX_WITHOUT=WITHOUT_NAMESPACES)
    try:
        client = daemon.start().client()
        project = make_project(client)
        assert run_code(client, project, "pass")["status"] == "passed"
        wait_until(lambda: list(place.iterdir()) == [], "the first work folder is still there")
        test = make_test(client, project, "import time\nopen('begun', 'w').close()\ntime.sleep(1)")
        sent = subprocess.Popen([sys.executable, "-c", "import sys, urllib.request as u; u.urlopen(sys.argv[1], b'{}')",
                                 f"{daemon.url}/tests/{test['id']}/run"], stderr=subprocess.DEVNULL)
        wait_until(lambda: list(place.glob("*/begun")), "the test does not begin")
        os.kill(daemon.pid, signal.SIGSTOP)
        wait_until(lambda: list(place.iterdir()) == [], "its work folder is still there", seconds=10)
    finally:
        daemon.kill()
        sent.wait()


@pytest.mark.parametrize("without", [WITHOUT_NAMESPACES, "user-namespace"])
def test_a_daemon_that_is_killed_leaves_no_folder_and_no_group(tmp_path, without):
    place = work_folders(tmp_path)
    daemon = Daemon(tmp_path / "daemon", PYTHON=PYTHON, TMPDIR=place, SANDBOX_WITHOUT=without)
    try:
        client = daemon.start().client()
        project = make_project(client)
        test = make_test(client, project, "import time\nopen('begun', 'w').close()\ntime.sleep(60)")
        pid = daemon.pid
        sent = subprocess.Popen([sys.executable, "-c", "import sys, urllib.request as u; u.urlopen(sys.argv[1], b'{}')",
                                 f"{daemon.url}/tests/{test['id']}/run"], stderr=subprocess.DEVNULL)
        wait_until(lambda: interpreters(daemon), "the test does not begin")
        daemon.kill()
        sent.wait()
        wait_until(lambda: list(place.iterdir()) == [], "its work folder is still there", seconds=5)
        daemon.start()
        wait_until(lambda: control_groups(pid) == [], "its control group is still there", seconds=1)
    finally:
        daemon.close()
