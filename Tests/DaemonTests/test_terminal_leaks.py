"""Nothing is left of terminals: no process, descriptor, pseudo-terminal, mount or file."""

import concurrent.futures
import os
import pathlib
import signal
import socket

import pytest

from conftest import make_project, wait_until
from terminal_client import start, viewing
from test_sandbox_leaks import descendants, picture

pytestmark = pytest.mark.alone

# TERMINALS=200 makes the run as long as it is meant to be once.
TERMINALS = int(os.environ.get("TERMINALS", "12"))
AT_ONCE = 10
SHELL = "printf ready; sleep 1000 & setsid sleep 1001 & read x"


def open_terminals(daemon):
    """How many pseudo-terminals the daemon holds; what its processes hold ends with them."""
    links = []
    for path in pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir():
        try:
            links.append(os.readlink(path))
        except OSError:
            pass  # It was closed.
    return sum("ptmx" in link or "/pts" in link for link in links)


def use_and_cut_off(daemon, client, project, turn, kills=False):
    """One terminal; each is left in another way."""
    terminal = start(client, project, None if turn % 4 == 0 else SHELL)
    with viewing(daemon, terminal, mode="text" if turn % 2 else "binary") as viewer:
        if turn % 4 == 0:
            viewer.until(lambda: (viewer.output or viewer.bytes.decode()).endswith("$ "), "a prompt")
            viewer.type("yes\r")
            viewer.until(lambda: viewer.offset > 100_000, "a flood")
        else:
            viewer.until(lambda: "ready" in (viewer.output or viewer.bytes.decode()), "the program")
        if turn % 3 == 0:  # cut off in the middle, without a word
            viewer.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            viewer.socket.socket.shutdown(socket.SHUT_RDWR)
        elif kills:  # its supervisor, the only one, is killed from outside
            os.kill(next(pid for pid, name, _ in descendants(daemon.pid) if name == "sandbox"), signal.SIGKILL)
            assert viewer.see_end()["reason"] == "lost"
    assert client.delete(f"/api/terminals/{terminal['id']}").status_code == 204


def test_terminals_leave_nothing(make_daemon):
    daemon = make_daemon(TERMINAL_PROJECT_LIMIT="100")
    client = daemon.client()
    project = make_project(client)
    for turn in range(4):  # what is made once
        use_and_cut_off(daemon, client, project, turn)
    settled = lambda: not [name for _, name, _ in descendants(daemon.pid) if name == "sandbox"]
    wait_until(settled, "the end of the first")
    wait_until(lambda: open_terminals(daemon) == 0, "no pseudo-terminal of the first")
    before = picture(daemon)
    for turn in (1, 2):
        use_and_cut_off(daemon, client, project, turn, kills=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda turn: use_and_cut_off(daemon, client, project, turn), range(TERMINALS)))
    wait_until(lambda: open_terminals(daemon) == 0, "no pseudo-terminal left")
    wait_until(settled, "the end of all processes")

    def left():
        now = picture(daemon)
        # Connections of this client and files of the database come and go.
        return [(kind, thing) for (kind, thing), _ in (now - before).items()
                if kind in ("process", "namespace", "mount", "our mount", "temporary file", "control group")
                or "pts" in thing or "pidfd" in thing or "ptmx" in thing]

    wait_until(lambda: not left(), f"nothing left; {left()}")
    assert client.get("/api/terminals").json() == []
