"""Clients that ask and ask and never read the answers: they are held back, and what waits for them is bounded."""

import contextlib
import json
import pathlib

import pytest

from conftest import Daemon
from raw_http import Connection, MalformedAnswer, ask, request
from raw_websocket import PING, TEXT, RawWebSocket, frame

pytestmark = pytest.mark.alone

POLLING = "/socket.io/?EIO=4&transport=polling"
SOCKET = "/socket.io/?EIO=4&transport=websocket"
# More than the buffers of the system and of the daemon hold together.
MOST = 24 << 20
ASK = '421["subscribe"]'


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """One daemon for all of them: it has to answer others meanwhile, and to stop in order."""
    daemon = Daemon(tmp_path_factory.mktemp("flooded"), WEBSOCKET_ECHO="true").start()
    yield daemon
    daemon.stop()


def resident(daemon):
    fields = pathlib.Path(f"/proc/{daemon.pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


@pytest.mark.parametrize("path, first, flood", [
    ("/ws", None, frame(TEXT, b'{"type":"dance"}')), ("/ws/echo", None, frame(PING, b"x" * 125)),
    ("/ws/echo", None, frame(TEXT, b"x" * 1000)), (SOCKET, b"40", frame(TEXT, ASK.encode())),
], ids=["requests", "pings", "echoes", "socket.io"])
def test_a_websocket_that_is_never_read_is_not_listened_to(flooded, path, first, flood):
    before = resident(flooded)
    socket = RawWebSocket(flooded.url, path=path).accepted()
    if first:
        socket.send(frame(TEXT, first))
    block, sent = flood * 200, 0
    socket.socket.settimeout(1.5)
    with contextlib.suppress(TimeoutError):
        while sent < MOST:
            sent += socket.socket.send(block[sent % len(block):])
    assert sent < MOST, "the daemon took all of it, and nobody took an answer"
    assert resident(flooded) - before < 32 << 20
    assert ask(flooded.url, "GET", "/health").status == 200
    # What was answered is not lost: it comes when it is read.
    socket.socket.settimeout(10)
    received = 0
    while received < 64 * 1024:
        part = socket.socket.recv(1 << 16)
        assert part
        received += len(part)
    socket.socket.close()


def test_a_session_that_is_never_polled_is_not_listened_to(flooded):
    before = resident(flooded)
    first = ask(flooded.url, "GET", POLLING)
    target = f"{POLLING}&sid={json.loads(first.body[1:])['sid']}"
    assert ask(flooded.url, "POST", target, b"40").status == 200
    body = "\x1e".join([ASK] * 2000).encode()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(Connection(flooded.url, seconds=1.5)) for _ in range(4)]
        for connection in waiting:
            connection.send(request("POST", target, body))
        with pytest.raises(MalformedAnswer, match="neither bytes nor an end came"):
            for connection in waiting:
                connection.final_answer()
        assert resident(flooded) - before < 32 << 20
        # Each poll makes room for more, until all that was asked is answered.
        answered = 0
        while answered < 2000 * len(waiting):
            answered += ask(flooded.url, "GET", target).body.count(b"431[")
