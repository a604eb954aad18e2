"""A cancelled message frees everything at once, wherever the provider is at that moment.

A connection that is still being made is not the message's: the client's pool goes on with it for the next request, and
gives it up after the time that connecting may take. There the work itself is looked at.
"""

import contextlib
import os
import pathlib
import socket
import threading
import time

import pytest

from conftest import make_project, make_session, wait_until
from model_double import Responses
from model_wires import WIRES

pytestmark = pytest.mark.alone

LIMIT = 0.1
TRIES = 3
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Provider:
    """A server that goes as far as a point and then only watches its connection."""

    def __init__(self, point, wire):
        self.point, self.wire = point, wire
        self.arrived, self.left = threading.Event(), threading.Event()
        self.left_at = None
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0 if point == "connecting" else 16)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        if point == "connecting":
            # A queue that is full: further connections are neither taken nor refused.
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", self.port))
                self.fillers.append(filler)
        else:
            threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"http{'s' if self.point == 'TLS' else ''}://127.0.0.1:{self.port}{self.wire.base}"

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            self.count += 1
            if self.point != "TLS":
                self.read_request(connection)
            if self.point == "the stream":
                chunks = b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in map(
                    self.wire.encode, list(self.wire.events_of([]))[:2]))
                connection.sendall(HEAD + chunks)
            if self.point == "a pause":
                connection.sendall(b"HTTP/1.1 429 Slow\r\nretry-after: 30\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
            self.arrived.set()
            # A reset is as good an end: bytes may have been under way that nobody read.
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
            self.left_at = time.monotonic()
            self.left.set()

    @staticmethod
    def read_request(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)

    def close(self):
        self.listener.close()
        for filler in self.fillers:
            filler.close()


def sockets_to(pid, port):
    """How many sockets of a process go to a port, in whatever state."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{name}").removeprefix("socket:[").removesuffix("]"))
    lines = [line.split() for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for fields in lines if fields[9] in inodes and fields[2].endswith(f":{port:04X}"))


@pytest.mark.parametrize("point, wire, way", [
    ("connecting", Responses, "cancel"), ("TLS", Responses, "cancel"), ("a pause", Responses, "cancel"),
    *((point, wire, way) for point in ("the head", "the stream") for wire in WIRES for way in ("cancel", "DELETE")),
], ids=lambda value: getattr(value, "name", value))
def test_a_cancelled_message_frees_its_connection(make_daemon, point, wire, way, record_property):
    provider = Provider(point, wire)
    address, key = wire.settings
    daemon = make_daemon(THINKING_MODEL=wire.model, SMALL_MODEL=wire.model, **{address: provider.address, key: "sk-x"})
    client = daemon.client()
    project = make_project(client)
    times = []
    for number in range(TRIES):
        session = make_session(client, project)
        provider.arrived.clear()
        provider.left.clear()
        client.post(f"/sessions/{session['id']}/messages", json={"prompt": "x", "message_id": f"m{number}"},
                    headers={"Prefer": "respond-async"}).raise_for_status()
        if point in ("connecting", "TLS"):
            wait_until(lambda: sockets_to(daemon.pid, provider.port), "the daemon connects")
        else:
            assert provider.arrived.wait(10)
        if point == "a pause":
            wait_until(lambda: daemon.rows("SELECT * FROM events WHERE event = 'message.retrying' AND data LIKE ?",
                                           f"%m{number}%"), "the pause begins")
        began = time.monotonic()
        if way == "cancel":
            client.post(f"/sessions/{session['id']}/cancel").raise_for_status()
        else:
            assert client.delete(f"/sessions/{session['id']}").status_code == 204
        if point in ("connecting", "TLS", "a pause"):
            assert "cancelled" in client.get(f"/messages/m{number}/result").json()["error"]
            times.append(time.monotonic() - began)
        else:
            assert provider.left.wait(10), "the connection stays open"
            times.append(provider.left_at - began)
    record_property("seconds", sorted(times))
    print(f"{point}, {wire.name}, {way}: {[round(seconds * 1000, 1) for seconds in sorted(times)]} ms")
    assert sorted(times)[TRIES // 2] < LIMIT, times
    if point == "a pause":
        assert provider.count == TRIES
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 5, "a connection that is being made holds up the stop"
    provider.close()
