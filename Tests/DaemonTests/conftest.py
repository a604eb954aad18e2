"""The daemon under test: a process of its own in a temporary folder, reached over real sockets."""

import contextlib
import json
import os
import pathlib
import queue
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import httpx
import pytest
from websockets.sync.client import connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXECUTABLE = os.path.abspath(os.environ.get("VIBEGRAPHER") or ROOT / ".build/debug/vibegrapher")
START_SECONDS = 30
STOP_SECONDS = 15


def wait_until(condition, what, seconds=20.0):
    """Asks until the condition gives something true, and gives it back; fails with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what}: not within {seconds} s")


class Process:
    """One child of the executable: its standard output by lines, its standard error kept."""

    def __init__(self, arguments, folder, environment):
        self.popen = subprocess.Popen(
            [EXECUTABLE, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.errors = []
        self.lines = queue.Queue()
        self.readers = [
            threading.Thread(target=self._read, args=(self.popen.stdout, self.lines.put), daemon=True),
            threading.Thread(target=self._read, args=(self.popen.stderr, self.errors.append), daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(pipe, take):
        with pipe:
            for line in pipe:
                take(line)
        take("")

    @property
    def stderr(self):
        return "".join(self.errors)

    def listening(self):
        """The address of the first line on standard output."""
        try:
            line = self.lines.get(timeout=START_SECONDS)
        except queue.Empty:
            self.end(signal.SIGKILL)
            pytest.fail(f"no line on standard output; standard error:\n{self.stderr}")
        if not line.startswith("listening on http://"):
            self.end(signal.SIGKILL)
            pytest.fail(f"first line {line!r}; standard error:\n{self.stderr}")
        return line.removeprefix("listening on ").strip()

    def end(self, number):
        """Sends the signal unless it has ended, waits for the end and gives the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.wait()

    def wait(self, seconds=STOP_SECONDS):
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            pytest.fail(f"still running {seconds} s after it was told to end; standard error:\n{self.stderr}")
        for reader in self.readers:
            reader.join(timeout=5)
        return code


def clean_environment(folder, **extra):
    """What a person's shell has, without any of the daemon's settings and without their git configuration."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{name: str(value) for name, value in extra.items() if value is not None},
    }


class Daemon:
    """The daemon in a folder: `Daemon(folder, NAME=value).start()`; the settings outlive restarts."""

    def __init__(self, folder, **env):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = self.folder / "vibegrapher.db"
        self.media = self.folder / "media"
        self.env = {
            "PORT": "0",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "MEDIA_PATH": str(self.media),
            **env,
        }
        self.process = None
        self.url = None
        self.past_errors = []
        self._clients = []

    def start(self, **env):
        self.env.update(env)
        self.process = Process(["serve"], self.folder, clean_environment(self.folder, **self.env))
        self.url = self.process.listening()
        return self

    @property
    def pid(self):
        return self.process.popen.pid

    @property
    def running(self):
        return self.process is not None and self.process.popen.poll() is None

    @property
    def stderr(self):
        return "".join(self.past_errors) + (self.process.stderr if self.process else "")

    @property
    def websocket_url(self):
        return self.url.replace("http://", "ws://") + "/ws"

    def client(self, **options):
        """An httpx client of the daemon as it runs now; closed with the daemon."""
        client = httpx.Client(base_url=self.url, timeout=options.pop("timeout", 60), trust_env=False, **options)
        self._clients.append(client)
        return client

    def stop(self):
        """SIGTERM; the exit code has to be 0."""
        code = self._end(signal.SIGTERM)
        assert code == 0, f"exit code {code} after SIGTERM; standard error:\n{self.stderr}"

    def kill(self):
        """SIGKILL: the next start() is on what is left on disk."""
        self._end(signal.SIGKILL)

    def restart(self, **env):
        self.stop()
        return self.start(**env)

    def close(self):
        if self.running:
            self._end(signal.SIGTERM)

    def _end(self, number):
        for client in self._clients:
            client.close()
        self._clients.clear()
        code = self.process.end(number)
        self.past_errors.append(self.process.stderr)
        self.process.errors = []
        return code

    def rows(self, sql, *values):
        """The rows of a query on the daemon's database, read only, while it runs or not."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def repository(self, project):
        return pathlib.Path(project["repository_path"])


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures the machine or loads all of it, and runs beside no other test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the daemons of a failed test wrote on standard error to its report."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for daemon in getattr(item, "daemons", []):
        report.sections.append((f"standard error of {daemon.folder}", daemon.stderr[-8000:]))


@pytest.fixture
def compiled(tmp_path):
    """Makes libraries of C, by the Swift toolchain's clang, to be loaded before all others (LD_PRELOAD in ld.so(8))."""
    clang = pathlib.Path(os.path.realpath(shutil.which("swift"))).parent / "clang"

    def compile_library(source):
        library = tmp_path / f"{abs(hash(source)):x}.so"
        subprocess.run([clang, "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=source.encode(), check=True)
        return str(library)

    return compile_library


@pytest.fixture
def make_daemon(request, tmp_path):
    """Makes started daemons, each in a folder of its own; all are stopped after the test."""
    daemons = request.node.daemons = []

    def make(name=None, **env):
        daemon = Daemon(tmp_path / (name or f"daemon{len(daemons)}"), **env)
        daemons.append(daemon)
        return daemon.start()

    yield make
    for daemon in daemons:
        daemon.close()


@pytest.fixture
def daemon(make_daemon):
    return make_daemon()


@pytest.fixture
def client(daemon):
    return daemon.client()


@pytest.fixture
def project(client):
    return make_project(client)


@pytest.fixture
def session(client, project):
    return make_session(client, project)


def make_project(client, name="Travel desk"):
    answer = client.post("/projects", json={"name": name})
    assert answer.status_code == 201, answer.text
    return answer.json()


def make_session(client, project):
    answer = client.post(f"/projects/{project['id']}/sessions", json={})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def vibe(client, session, prompt="Create a triage agent", **body):
    """Says something in a session and gives the answer once the work is done."""
    answer = client.post(f"/sessions/{session['id']}/messages", json={"prompt": prompt, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def approve(client, diff_id):
    answer = client.post(f"/diffs/{diff_id}/review", json={"approved": True})
    assert answer.status_code == 200, answer.text
    return answer.json()


def commit(client, diff_id, **body):
    answer = client.post(f"/diffs/{diff_id}/commit", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def git(repository, *arguments):
    """Runs the git command line in a repository and gives its standard output."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "safe.directory=*"]
    done = subprocess.run(
        ["git", *identity, "-C", str(repository), *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def subscribed(daemon, topic, after=None):
    """A WebSocket of the `websockets` client that follows a topic."""
    with connect(daemon.websocket_url, proxy=None, max_size=None) as socket:
        wanted = {"type": "subscribe", "topic": topic, **({} if after is None else {"after": after})}
        socket.send(json.dumps(wanted))
        answer = json.loads(socket.recv(timeout=10))
        assert (answer["type"], answer["topic"]) == ("subscribed", topic), answer
        yield socket


def events_until(socket, *names, seconds=30):
    """The events that come, up to the first that has one of the names, that one included."""
    events, deadline = [], time.monotonic() + seconds
    while not events or events[-1]["event"] not in names:
        events.append(json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic()))))
    return events
