"""Coming back where one was cut off: server-sent events, `/ws` and Socket.IO read by bare sockets.

The readers stop at any byte they like, half way through an event too, and trust nothing but the numbers they have seen
in whole events.
"""

import base64
import contextlib
import json
import os
import random
import select
import socket as sockets
import struct
import threading
import time
import urllib.parse

import pytest

from conftest import Daemon, approve, commit, make_project, make_session, vibe, wait_until
from raw_http import is_readable, request
from raw_websocket import TEXT, frame

SECONDS = 20.0


def dechunked(data):
    """The content of the chunks as far as it has come (RFC 9112 7.1)."""
    content = b""
    while data:
        size, mark, data = data.partition(b"\r\n")
        if not mark:
            break
        content, data = content + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return content


def frames(data):
    """The text messages that have come whole; the daemon is not offered compression and sends no fragments."""
    while len(data) >= 2:
        width = {126: 2, 127: 8}.get(data[1], 0)
        length = int.from_bytes(data[2 : 2 + width], "big") if width else data[1]
        end = 2 + width + length
        if len(data) < end or len(data) < 2 + width:
            return
        if data[0] == 0x80 | TEXT:
            yield data[2 + width : end].decode()
        data = data[end:]


class ServerSent:
    """`GET /api/v1/events`; an event counts once its empty line is there (WHATWG HTML 9.2.6)."""

    @staticmethod
    def opening(topic, after):
        # As EventSource does it: the address stays what it was, and the header carries the number.
        return [request(target=f"/api/v1/events?topic={topic}&after=0", Last_Event_ID=after or None)]

    @staticmethod
    def events(data):
        for block in dechunked(data.partition(b"\r\n\r\n")[2]).split(b"\n\n")[:-1]:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            if b"data" in fields:
                event = json.loads(fields[b"data"])
                if fields[b"event"] != b"resync":
                    assert (int(fields[b"id"]), fields[b"event"].decode()) == (event["seq"], event["event"])
                else:
                    assert b"id" not in fields, "what has no number of its own must not move the client's"
                yield event


class Socket:
    """`/ws`."""

    target = "/ws"

    @classmethod
    def upgrade(cls):
        key = base64.b64encode(os.urandom(16)).decode()
        return request(target=cls.target, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Version=13,
                       Sec_WebSocket_Key=key)

    @classmethod
    def opening(cls, topic, after):
        return [cls.upgrade(), frame(TEXT, json.dumps({"type": "subscribe", "topic": topic, "after": after}).encode())]

    @staticmethod
    def events(data):
        messages = map(json.loads, frames(data.partition(b"\r\n\r\n")[2]))
        return (message for message in messages if message.get("type") != "subscribed")


class SocketIO(Socket):
    """Socket.IO over WebSocket; the number of an event is `seq` in its data."""

    target = "/socket.io/?EIO=4&transport=websocket"

    @classmethod
    def opening(cls, topic, after):
        wanted = json.dumps(["subscribe", {"project_id": topic.removeprefix("project:"), "after": after}])
        return [cls.upgrade(), frame(TEXT, b"40") + frame(TEXT, b"42" + wanted.encode())]

    @staticmethod
    def events(data):
        for text in frames(data.partition(b"\r\n\r\n")[2]):
            name, *arguments = json.loads(text[2:]) if text.startswith("42") else [None]
            if name == "resync":
                yield arguments[0]
            elif name not in (None, "connected", "subscribed", "heartbeat"):
                yield {"seq": arguments[0]["seq"], "event": name,
                       "data": {key: value for key, value in arguments[0].items() if key != "seq"}}


WAYS = {"sse": ServerSent, "ws": Socket, "socket.io": SocketIO}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def same(event):
    """What all ways tell of an event."""
    return event["seq"], event["event"], event["data"]


def logged(daemon, topic, after=0):
    """The events of a topic as the database has them."""
    rows = daemon.rows("SELECT seq, event, data FROM events JOIN event_topics USING (seq) WHERE topic = ? AND seq > ? "
                       "ORDER BY seq", topic, after)
    return [(row["seq"], row["event"], json.loads(row["data"])) for row in rows]


def resident(daemon):
    """The bytes of memory in use."""
    return int(open(f"/proc/{daemon.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")


def rename(client, project, name):
    client.patch(f"/projects/{project['id']}", json={"name": name}).raise_for_status()


@contextlib.contextmanager
def opened(way, url, topic, after=0, window=None):
    """A connection that has asked for the events after a number; its end is a reset, as when a machine goes away."""
    address = urllib.parse.urlsplit(url)
    with sockets.socket() as connection:
        connection.settimeout(SECONDS)
        if window:
            connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, window)
        connection.connect((address.hostname, address.port))
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        first, *then = way.opening(topic, after)
        connection.sendall(first)
        head = b""
        # A byte at a time: what follows the head is for the reader.
        while then and not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise ConnectionResetError(f"the end came within the head: {head!r}")
            head += byte
        assert not then or head.startswith(b"HTTP/1.1 101 "), head
        connection.sendall(b"".join(then))
        yield connection, head


def receive(way, connection, data, limit=None, is_enough=lambda events: False):
    """The whole events among the first bytes: `limit` of them, or until there are enough events, or to the end."""
    events, pieces, at = list(way.events(data)), [data], len(data)
    while not is_enough(events) and (limit is None or at < limit):
        try:
            piece = connection.recv(min(1 << 20, (limit or 1 << 30) - at))
        except ConnectionResetError:
            break
        if not piece:
            break
        pieces.append(piece)
        at += len(piece)
        # Only looked at when nothing more is there for now: a look begins anew.
        if not is_readable(connection):
            pieces = [b"".join(pieces)]
            events = list(way.events(pieces[0]))
    return list(way.events(b"".join(pieces)))


def read(way, url, topic, after=0, limit=None, last=None):
    """The events of one connection: those whole within `limit` bytes behind the head, and none after number `last`."""
    if last is not None and after >= last:
        return []
    with opened(way, url, topic, after) as (connection, data):
        events = receive(way, connection, data, None if limit is None else len(data) + limit,
                         lambda events: last is not None and events and events[-1]["seq"] >= last)
    return [same(event) for event in events]


class Recording:
    """A daemon with a finished conversation, and its events as the database has them."""

    def __init__(self, daemon):
        self.url, self.client = daemon.url, daemon.client()
        self.project = make_project(self.client, "Reise \u2708 \U0001f600")
        self.topic = f"project:{self.project['id']}"
        session = make_session(self.client, self.project)
        diff = vibe(self.client, session)["diff_id"]
        approve(self.client, diff)
        commit(self.client, diff)
        vibe(self.client, session, "Which agents are there?")
        self.events = logged(daemon, self.topic)
        self.last = self.events[-1][0]

    def size(self, way):
        """The bytes behind the head up to the end of the last event."""
        with opened(way, self.url, self.topic) as (connection, head):
            data = head
            while not any(event["seq"] == self.last for event in way.events(data)):
                data += connection.recv(65536)
        return len(data) - len(head)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """One for the whole file; the daemon has to live through it and to stop in order."""
    daemon = Daemon(tmp_path_factory.mktemp("recording")).start()
    try:
        yield Recording(daemon)
    finally:
        daemon.stop()


@every_way
def test_a_reader_that_is_cut_off_at_any_byte_has_every_event_once(recording, way):
    assert len(recording.events) > 50
    size, places = recording.size(way), {event[0]: at for at, event in enumerate(recording.events)}
    # Every byte of the beginning with the head or the first event, then bytes all over the stream.
    for cut in [*range(1, 600, 7), *range(600, size, max(1, size // 120)), size - 2, size - 1]:
        seen = read(way, recording.url, recording.topic, limit=cut)
        assert seen == recording.events[: len(seen)], f"cut at {cut}"
        after = seen[-1][0] if seen else 0
        rest = read(way, recording.url, recording.topic, after, last=recording.last)
        assert rest == recording.events[places.get(after, -1) + 1 :], f"cut at {cut}"


@every_way
@pytest.mark.parametrize("most", [900, 9000])
def test_a_reader_that_is_cut_off_again_and_again_has_every_event_once(recording, way, most):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    lengths, seen, more, connections = random.Random(seed), [], 0, 0
    # So that there must be more than five pieces, whatever the seed.
    most = min(most, recording.size(way) // 7)
    while (after := seen[-1][0] if seen else 0) != recording.last:
        found = read(way, recording.url, recording.topic, after, lengths.randint(1, most) + more, recording.last)
        # An event that is longer than the pieces would never come whole.
        more = 0 if found else more + most // 4
        seen += found
        connections += 1
    assert seen == recording.events and connections > 5


@every_way
def test_a_reader_that_comes_while_events_are_made_has_every_event_once(make_daemon, way):
    daemon = make_daemon()
    client = daemon.client()
    project = make_project(client)
    topic = f"project:{project['id']}"
    with contextlib.ExitStack() as stack:
        readers = []
        for number in range(240):
            rename(client, project, f"Name {number}")
            if number % 8 == 0:
                after = logged(daemon, topic)[number // 2][0]
                writer = threading.Thread(target=rename, args=(client, project, f"Beside {number}"))
                # The number is read, and the subscription begun, while the next event is on its way.
                writer.start()
                readers.append((after, *stack.enter_context(opened(way, daemon.url, topic, after))))
                writer.join()
        events = logged(daemon, topic)
        for after, connection, data in readers:
            wanted = [event for event in events if event[0] > after]
            found = receive(way, connection, data, is_enough=lambda found: len(found) >= len(wanted))
            assert [same(event) for event in found] == wanted


def has_ended(events):
    return bool(events) and events[-1]["data"].get("name") == "The end"


class Follower(threading.Thread):
    """Reads a topic up to the project's last name, in pieces of any length, over connections and daemons that end."""

    def __init__(self, way, url, topic, seed):
        super().__init__(daemon=True)
        self.way, self.url, self.topic, self.lengths = way, url, topic, random.Random(seed)
        self.seen, self.connections, self.error = [], 0, None
        self.start()

    def run(self):
        deadline = time.monotonic() + 60
        try:
            while not (self.seen and self.seen[-1][2].get("name") == "The end") and time.monotonic() < deadline:
                with contextlib.suppress(ConnectionError):
                    self.read_piece()
        except BaseException as error:
            self.error = error

    def read_piece(self):
        after = self.seen[-1][0] if self.seen else 0
        with opened(self.way, self.url, self.topic, after) as (connection, head):
            self.connections += 1
            # What is read counts when a piece is whole: one that is too long for what is there would wait for more.
            limit = len(head) + self.lengths.randint(300, 3000)
            self.seen += [same(event) for event in receive(self.way, connection, head, limit, has_ended)]


def large_changes(client, project, count):
    """Commits that make events of 100 KB each, more together than the system keeps for a connection; then the end."""
    path = f"/projects/{project['id']}/files/main.py"
    for number in range(count):
        read = client.get(path)
        tag = {"If-Match": read.headers["etag"]} if read.status_code == 200 else {}
        content = f"x = {number}\n" + "# a line of some length that nobody reads\n" * 2400
        client.put(path, json={"content": content}, headers=tag).raise_for_status()
    rename(client, project, "The end")


@every_way
def test_a_reader_that_stops_reading_delays_nobody_and_misses_nothing(make_daemon, way):
    daemon = make_daemon()
    client = daemon.client()
    project = make_project(client)
    topic = f"project:{project['id']}"
    with opened(way, daemon.url, topic, window=4096) as (slow, begun), opened(way, daemon.url, topic) as (quick, head):
        before, found = resident(daemon), []
        reader = threading.Thread(target=lambda: found.extend(receive(way, quick, head, is_enough=has_ended)))
        reader.start()
        large_changes(client, project, 45)
        reader.join(timeout=20)
        events = logged(daemon, topic)
        assert [same(event) for event in found] == events
        assert resident(daemon) - before < 64 << 20
        seen = [same(event) for event in receive(way, slow, begun, is_enough=has_ended)]
    # It may have been let go, and then comes back for the rest.
    seen += read(way, daemon.url, topic, seen[-1][0] if seen else 0, last=events[-1][0])
    assert seen == events


@every_way
def test_a_reader_that_takes_nothing_for_too_long_is_let_go_and_can_come_back(make_daemon, way):
    daemon = make_daemon(HTTP_WRITE_TIMEOUT=0.3)
    client = daemon.client(timeout=10)
    project = make_project(client)
    topic = f"project:{project['id']}"
    with opened(way, daemon.url, topic, window=4096) as (slow, head):
        seen = [same(event) for event in receive(way, slow, head, is_enough=bool)]
        large_changes(client, project, 45)
        poll = select.poll()
        # Asks for nothing but a reset, which is told also while bytes wait to be read; an end behind them is not.
        poll.register(slow, 0)
        assert poll.poll(5000), "the connection was not reset"
    events = logged(daemon, topic)
    seen += read(way, daemon.url, topic, seen[-1][0], last=events[-1][0])
    assert seen == events


@pytest.mark.parametrize("number", [1, 10**15, 2**53 - 1])
def test_a_number_of_another_log_is_answered_by_resync_in_socket_io_as_elsewhere(recording, number):
    with opened(Socket, recording.url, recording.topic, number) as (connection, head):
        wanted = receive(Socket, connection, head, is_enough=bool)
    with opened(SocketIO, recording.url, recording.topic, number) as (connection, head):
        found = receive(SocketIO, connection, head, is_enough=bool)
    assert found == wanted and found[0]["topic"] == recording.topic
    assert recording.client.get(found[0]["snapshot"]).json()["id"] == recording.project["id"]


@pytest.mark.parametrize("last", ["abc", "-1", "1e3", "9" * 30, "0x10", "1,2", "1 2", "%31", "\xb9"])
def test_a_last_id_that_is_no_number_never_loses_events_silently(recording, last):
    with sockets.create_connection(recording.url.removeprefix("http://").split(":"), timeout=2) as connection:
        connection.sendall(request(target=f"/api/v1/events?topic={recording.topic}", Last_Event_ID=last))
        data = b""
        while not data.startswith(b"HTTP/1.1 4") and not (events := list(ServerSent.events(data))):
            data += connection.recv(65536) or pytest.fail(f"the end came after {data!r}")
    if not data.startswith(b"HTTP/1.1 4"):
        assert events[0].get("type") == "resync" or same(events[0]) == recording.events[0]
