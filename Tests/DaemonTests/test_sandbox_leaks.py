"""Nothing is left of a test: no process, mount, control group, descriptor, file or memory, and whoever leaves first."""

import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re
import socket
import time

import pytest

from conftest import Daemon, events_until, make_project, subscribed, wait_until
from test_test_cases import make_test, run, run_code

pytestmark = pytest.mark.alone

# LEAK_RUNS=1000 makes the run long: so many in a row, and a fifth of them at once.
RUNS = int(os.environ.get("LEAK_RUNS", "60"))
RUNS_AT_ONCE = max(40, RUNS // 5)
AT_ONCE = 10
PROC = pathlib.Path("/proc")
# Two processes with a mark on their command line, one of which has left the test's session.
SLEEPERS = """
import subprocess, sys
for is_apart in (True, False):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "MARK"], start_new_session=is_apart)
child.wait()
"""
LEAVE_A_DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(60)
    os._exit(0)
os.wait()
"""


# What the machine shows of a daemon

def text(path):
    """A file of /proc, or nothing when its process has ended."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def processes_marked(mark):
    """The processes of the whole machine that have the mark on their command line."""
    return [path.parent.name for path in PROC.glob("[0-9]*/cmdline") if mark in text(path)]


def descendants(pid):
    """The processes below one, with their names and states; zombies count."""
    parents = {}
    for path in PROC.glob("[0-9]*/stat"):
        match = re.match(r"(\d+) \((.*)\) (\S) (\d+)", text(path), re.S)
        if match:
            parents.setdefault(int(match[4]), []).append((int(match[1]), match[2], match[3]))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += [child for child, _, _ in below]
    return sorted(found)


def control_groups(pid):
    """The groups that the daemon has made."""
    return sorted(str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob(f"sandbox-{pid}-*"))


def without_number(name):
    """Pipes, sockets, namespaces and control groups have new numbers each time."""
    return re.sub(r"\[\d+\]|\d+$", "", name)


def namespaces(pid):
    """All namespaces that a process of the machine is in, but those of our own: a mount can hide in one."""
    ours, found = {os.readlink(path) for path in PROC.glob("self/ns/*")}, set()
    for process, _, _ in descendants(pid):
        for path in PROC.glob(f"{process}/ns/*"):
            try:
                found.add(os.readlink(path))
            except OSError:
                pass  # It has ended.
    return [without_number(name) for name in found - ours]


def temporary_files(daemon):
    """What lies where the daemon and its sandbox may put things for a while."""
    places = [(daemon.folder, "*"), (daemon.media, "*"), (daemon.folder / "tmp", "*")]
    places += [(pathlib.Path(place), "vibegrapher-*") for place in ("/tmp", "/var/tmp", "/dev/shm", "/run")]
    return [str(path) for place, pattern in places if place.is_dir() for path in place.glob(pattern)]


def picture(daemon):
    """All that must be as before when the tests have ended."""
    process = PROC / str(daemon.pid)
    descriptors = []
    for path in (process / "fd").iterdir():
        try:
            descriptors.append(without_number(os.readlink(path)))
        except OSError:
            pass
    # A writer, a checkpointer and up to four readers that are made when they are first needed, with two files each;
    # and one that all share, and one to sync by.
    database = [path for path in descriptors if path.startswith(str(daemon.database))]
    assert len(database) <= 14, database
    descriptors = [path for path in descriptors if path not in database]
    parts = {
        # One sandbox is kept ready, another one after each test.
        "process": [(name, state == "Z") for _, name, state in descendants(daemon.pid)],
        "descriptor": descriptors, "namespace": namespaces(daemon.pid),
        # The threads of the language's own pool come and go.
        "thread": [name for name in map(text, process.glob("task/*/comm")) if "-qos" not in name],
        "control group": [without_number(name) for name in control_groups(daemon.pid)],
        "mount": text(process / "mounts").splitlines(), "our mount": text(PROC / "self" / "mounts").splitlines(),
        "temporary file": temporary_files(daemon),
    }
    return collections.Counter((kind, str(thing)) for kind, things in parts.items() for thing in things)


def resident_kibibytes(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", (PROC / str(daemon.pid) / "status").read_text())[1])


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """A daemon that has done everything once, so that what it keeps for good is there."""
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "tmp").mkdir()
    daemon = Daemon(folder, TMPDIR=folder / "tmp", TEST_TIMEOUT="20", QUICK_TEST_TIMEOUT="0.3")
    try:
        yield daemon.start()
    finally:
        daemon.close()


@pytest.fixture
def mark():
    return f"mark-{os.urandom(8).hex()}"


# Tests of all kinds, each with what it is to come to: many of them leave something behind on purpose.
KINDS = [
    ({"code": "print('well')"}, "passed"),
    ({"code": "assert 0"}, "failed"),
    ({"code": "import os; os.kill(os.getpid(), 9)"}, "error"),
    ({"code": LEAVE_A_DAEMON}, "passed"),
    ({"code": "for n in range(500): open(f'{n}', 'w').write('x' * 1000)"}, "passed"),
    ({"code": "import multiprocessing as m\nlock, queue = m.Lock(), m.Queue()\nqueue.put(1)\nos_exit = queue.get()"},
     "passed"),
    ({"code": "open('/dev/shm/left', 'wb').write(b'x' * (1 << 20))"}, "passed"),
    ({"command": "mkfifo left; sleep 60 & (sleep 60 &) ; yes | head -c 2000000"}, "passed"),
    ({"command": "cat main.py; exit 3"}, "failed"),
    ({"code": "import time; time.sleep(60)", "quick_test": True}, "timeout"),
]


def run_all(daemon, tests, count, at_once):
    """Runs tests in turn, so many at once; each has to come to what it always comes to."""
    client = daemon.client()

    def run_one(number):
        test, status = tests[number % len(tests)]
        result = run(client, test)
        assert result["status"] == status, (test["code"] or test["command"], result)

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(run_one, range(count)):
            pass
    client.close()


def test_many_runs_leave_nothing(settled):
    client = settled.client()
    project = make_project(client)
    tests = [(make_test(client, project, **body), status) for body, status in KINDS]
    client.close()
    # What is made once and kept for good is made here: threads, connections to the database, pages of memory.
    run_all(settled, tests, RUNS_AT_ONCE, AT_ONCE)
    before, memory = picture(settled), resident_kibibytes(settled)
    for count, at_once in ((RUNS, 1), (RUNS_AT_ONCE, AT_ONCE)):
        run_all(settled, tests, count, at_once)
        # The daemon sees the end of a client's connections a moment later.
        with contextlib.suppress(pytest.fail.Exception):
            wait_until(lambda: picture(settled) <= before, "nothing more", seconds=5)
        left = picture(settled) - before
        assert not left, f"after {count} runs, {at_once} at once"
    grown = resident_kibibytes(settled) - memory
    assert grown < 8192, f"{grown} KiB more after {RUNS + RUNS_AT_ONCE} runs"


# Those who leave in the middle

def begin(daemon, project, mark):
    """Starts a long test by a client of its own; gives its socket once its two processes are there."""
    client = daemon.client()
    test = make_test(client, project, SLEEPERS.replace("MARK", mark))
    host, port = daemon.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(f"POST /tests/{test['id']}/run HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    wait_until(lambda: len(processes_marked(mark)) == 2, "the test does not begin")
    return test, connection


def test_nothing_outlives_a_test_whose_client_goes_away(make_daemon, mark):
    daemon = make_daemon(TEST_TIMEOUT="1.5")
    client = daemon.client()
    project = make_project(client)
    with subscribed(daemon, f"project:{project['id']}") as events:
        test, connection = begin(daemon, project, mark)
        connection.close()
        events_until(events, "test_completed", seconds=5)
        assert processes_marked(mark) == []
    assert client.get(f"/tests/{test['id']}/results").json()[0]["status"] == "timeout"


def test_nothing_outlives_a_daemon_that_is_killed(make_daemon, mark):
    daemon = make_daemon()
    test, connection = begin(daemon, make_project(daemon.client()), mark)
    daemon.kill()
    wait_until(lambda: not processes_marked(mark), "what the daemon leaves behind is to end", seconds=2)
    connection.close()
    daemon.start()
    client = daemon.client()
    results = client.get(f"/tests/{test['id']}/results").json()
    assert all(result["status"] == "error" for result in results), "a run without an end is no success"
    assert run_code(client, {"id": test["project_id"]}, "pass")["status"] == "passed"


def listening_sockets(port):
    """The sockets that listen on a port of this machine, as their descriptors show them (proc(5))."""
    rows = [row.split() for row in text(PROC / "net" / "tcp").splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}


def holders(sockets):
    """The processes that have one of these sockets open."""
    found = set()
    for path in PROC.glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(path) in sockets:
                found.add(path.parts[2])
    return found


def test_what_is_just_being_made_lets_the_port_go_when_the_daemon_is_killed(make_daemon):
    daemon = make_daemon()
    host, port = daemon.url.removeprefix("http://").split(":")
    client = daemon.client()
    project = make_project(client)
    test = make_test(client, project, "import time; time.sleep(60)")
    request = f"POST /tests/{test['id']}/run HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    for number in range(8):
        sockets = listening_sockets(int(port))
        assert sockets and holders(sockets) == {str(daemon.pid)}
        connections = [socket.create_connection((host, int(port))) for _ in range(AT_ONCE)]
        for connection in connections:
            connection.sendall(request)
        time.sleep(number / 250)
        daemon.kill()
        wait_until(lambda: not holders(sockets), f"round {number}: the port is still held", seconds=5)
        for connection in connections:
            connection.close()
        assert daemon.start(PORT=port).client().get("/health").json()["status"] == "healthy"


def test_a_daemon_that_is_told_to_stop_does_so_within_ten_seconds(make_daemon, mark):
    daemon = make_daemon()
    _, connection = begin(daemon, make_project(daemon.client()), mark)
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 10 and processes_marked(mark) == []
    connection.close()
