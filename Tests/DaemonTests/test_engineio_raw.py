"""Engine.IO 4 and Socket.IO 5 byte by byte, with what no client library would send.

The answers to refused requests are those of the reference server.
"""

import base64
import json
import socket as sockets
import struct
import time

import pytest

from conftest import Daemon, make_project
from raw_http import Connection, ask, request
from raw_websocket import BINARY, CLOSE, END, TEXT, TOO_BIG, RawWebSocket, frame

SEPARATOR = "\x1e"
PATH = "/socket.io/?EIO=4&transport="
POLLING, WEBSOCKET = PATH + "polling", PATH + "websocket"
PLACEHOLDER = '{"_placeholder":true,"num":0}'
FAULTS = {0: "Transport unknown", 1: "Session ID unknown", 2: "Bad handshake method", 5: "Unsupported protocol version"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One daemon for all tests that need no settings; it has to live through them and to stop in order."""
    daemon = Daemon(tmp_path_factory.mktemp("shared")).start()
    yield daemon
    daemon.stop()


@pytest.fixture
def daemon(shared, request):
    request.node.daemons = [shared]
    return shared


def text(answer):
    assert answer.status == 200, answer
    return answer.body.decode()


class Polling:
    """A session over long polling."""

    def __init__(self, daemon, connects=True, query=""):
        self.url = daemon.url
        first = text(ask(self.url, "GET", POLLING + query))
        assert first.startswith("0{") and SEPARATOR not in first
        self.handshake = json.loads(first[1:])
        self.target = f"{POLLING}&sid={self.handshake['sid']}"
        if connects:
            self.send("40")
            self.until(lambda packet: packet.startswith("42[\"connected\""))

    def get(self):
        with Connection(self.url, seconds=5) as connection:
            return connection.send(request("GET", self.target)).final_answer()

    def poll(self):
        return text(self.get()).split(SEPARATOR)

    def send(self, *packets):
        assert text(ask(self.url, "POST", self.target, SEPARATOR.join(packets).encode())) == "ok"

    def until(self, is_wanted):
        """The packets of as many polls as it takes."""
        packets = []
        while not any(map(is_wanted, packets)):
            packets += self.poll()
            assert len(packets) < 5000
        return packets

    def has_ended(self):
        """Whether the session is gone; what it still had to say comes first."""
        for _ in range(3):
            if (answer := self.get()).status == 400:
                return json.loads(answer.body) == {"code": 1, "message": FAULTS[1]}
        return False


class Socket:
    """A session over WebSocket."""

    def __init__(self, daemon, connects=True, sid="", extensions=None):
        offer = {"Sec-WebSocket-Extensions": extensions} if extensions else {}
        self.raw = RawWebSocket(daemon.url, offer, path=WEBSOCKET + (sid and f"&sid={sid}")).accepted()
        if not sid:
            first = self.next()
            assert first.startswith("0{")
            self.handshake = json.loads(first[1:])
        if connects:
            self.send("40")
            self.until("42[\"connected\"")

    def send(self, *texts):
        for one in texts:
            self.raw.send_frame(*((BINARY, one) if isinstance(one, bytes) else (TEXT, one.encode())))

    def next(self):
        kind, payload = self.raw.event()
        assert kind == "text", (kind, payload)
        return payload.decode()

    def until(self, start):
        """The first packet with that beginning."""
        while not (packet := self.next()).startswith(start):
            pass
        return packet

    def has_ended(self):
        """Reads to the end; what comes before the close is not looked at."""
        self.raw.socket.settimeout(5)
        while (event := self.raw.event())[0] == "text":
            pass
        return event == END or event[0] == "close"


def subscribe(project, acknowledgement=""):
    return f'42{acknowledgement}["subscribe",{{"project_id":"{project["id"]}"}}]'


def rename(client, project, name):
    client.patch(f"/projects/{project['id']}", json={"name": name}).raise_for_status()


def polling_subscriber(daemon, project):
    session = Polling(daemon)
    session.send(subscribe(project, 1))
    session.until(lambda packet: packet.startswith("431"))
    return session


def names(packets):
    """The new names that `project.updated` told, in order."""
    return [json.loads(packet[2:])[1]["name"] for packet in packets if packet.startswith('42["project.updated"')]


@pytest.mark.parametrize("target", [
    POLLING, POLLING.replace("io/?", "io?"), "/socket.io/?transport=polling&EIO=4", POLLING + "&t=Oxyz&b64=1",
    POLLING + "&project_id=none",
])
def test_the_handshake_says_how_the_session_is_kept(daemon, target):
    answer = ask(daemon.url, "GET", target)
    opened = json.loads(text(answer)[1:])
    assert opened.pop("maxPayload") >= 100_000 and len(opened.pop("sid")) >= 20
    assert opened == {"upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 60000}
    assert answer["content-type"].lower() == "text/plain; charset=utf-8"


def test_a_websocket_needs_no_polling(daemon, make_daemon):
    socket = Socket(daemon, connects=False)
    assert socket.handshake["upgrades"] == [] and socket.handshake["pingInterval"] == 25000
    assert len({socket.handshake["sid"], *(Polling(daemon, False).handshake["sid"] for _ in range(20))}) == 21
    other = make_daemon(SOCKETIO_PING_INTERVAL=1.5, SOCKETIO_PING_TIMEOUT=2)
    assert Polling(other, False).handshake["pingInterval"] == 1500
    assert Socket(other, False).handshake["pingTimeout"] == 2000


@pytest.mark.parametrize("code, method, query", [
    *((5, "GET", f"{eio}transport={way}") for way in ("polling",) for eio in
      ("", "EIO=3&", "EIO=&", "EIO=5&", "EIO=04&", "EIO=4x&", "EIO=-4&", "EIO=%34%20&")),
    *((0, "GET", f"EIO=4{transport}") for transport in
      ("", "&transport=", "&transport=flash", "&transport=POLLING", "&transport=polling%00", "&transport=webtransport",
       "&transport=constructor", "&transport=__proto__", "&transport=polling,websocket")),
    *((1, method, f"EIO=4&transport=polling&sid={sid}") for method in ("GET", "POST") for sid in
      ("none", "", "%00", "__proto__", "..%2f", "a" * 5000, "01a00000-0000-7000-8000-000000000000")),
    (2, "POST", "EIO=4&transport=polling"),
])
def test_a_request_that_belongs_to_no_session_is_refused(daemon, code, method, query):
    answer = ask(daemon.url, method, "/socket.io/?" + query, b"40" if method == "POST" else None)
    assert (answer.status, json.loads(answer.body)) == (400, {"code": code, "message": FAULTS[code]})
    assert answer["content-type"] == "application/json"


@pytest.mark.parametrize("method, target, statuses", [
    ("GET", WEBSOCKET, (400, 426)), ("POST", WEBSOCKET, (400,)), ("PUT", POLLING, (400, 405)),
    ("DELETE", POLLING, (400, 405)), ("GET", "/socket.io/other" + POLLING[10:], (400, 404)),
    ("GET", "/socket.io", (400,)), ("GET", "/socket.iox/" + POLLING[11:], (404,)),
    ("GET", POLLING + "&sid=%ff", (400,)),
])
def test_a_request_that_is_none_of_engine_io_is_refused(daemon, method, target, statuses):
    assert ask(daemon.url, method, target, b"40" if method in ("POST", "PUT") else None).status in statuses


@pytest.mark.parametrize("query", ["EIO=4&transport=websocket&sid=none", "EIO=4&transport=websocket&sid=%00",
                                   "EIO=3&transport=websocket", "transport=websocket", "EIO=4&transport=flash"])
def test_a_websocket_that_belongs_to_no_session_is_refused(daemon, query):
    assert RawWebSocket(daemon.url, path=f"/socket.io/?{query}").answer.status == 400


def test_a_payload_carries_several_packets_both_ways(daemon, client, project):
    session = Polling(daemon)
    session.send(subscribe(project, 1), '422["dance",{"a":["\u00e4 \U0001f600",null]}]', '423["leave_project",{}]')
    packets = session.until(lambda packet: packet.startswith("433"))
    assert [packet[:3] for packet in packets if packet.startswith("43")] == ["431", "432", "433"]
    (acknowledged,) = json.loads(next(packet for packet in packets if packet.startswith("431"))[3:])
    assert acknowledged["project_id"] == project["id"] and "432[]" in packets


@pytest.mark.parametrize("binary", [b"", b"\x00", b"\x1e\xff" * 100, bytes(range(256)) * 300])
def test_binary_attachments_come_by_both_transports(daemon, project, binary):
    head = f'451-7["subscribe",{{"project_id":"{project["id"]}","blob":{PLACEHOLDER}}}]'
    polling, socket = Polling(daemon), Socket(daemon)
    polling.send(head, "b" + base64.b64encode(binary).decode())
    assert project["id"] in polling.until(lambda one: one.startswith("437"))[-1]
    socket.send(head, binary)
    assert project["id"] in socket.until("437")


def test_an_event_waits_for_all_its_attachments(daemon, project):
    session = Polling(daemon)
    two = f'{{"project_id":"{project["id"]}","a":{PLACEHOLDER},"b":{PLACEHOLDER.replace("0", "1")}}}'
    session.send(f'452-7["subscribe",{two}]')
    session.send("bAAA=")
    session.send("bAQE=", '428["dance"]')
    packets = session.until(lambda packet: packet.startswith("438"))
    assert [packet[:3] for packet in packets if packet.startswith("43")] == ["437", "438"]


def waiting_poll(daemon, session):
    """A poll that the daemon holds: sent, and silent."""
    connection = Connection(daemon.url)
    connection.send(request("GET", session.target))
    assert connection.is_silent(0.1)
    return connection


def test_two_polls_at_once_end_the_session(daemon):
    session = Polling(daemon)
    with waiting_poll(daemon, session) as first:
        assert session.get().status == 400
        assert first.final_answer().status in (200, 400)
    assert session.has_ended()


def test_an_event_after_a_poll_that_broke_off_is_not_lost_silently(daemon, client, project):
    session = polling_subscriber(daemon, project)
    connection = waiting_poll(daemon, session).socket
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    rename(client, project, "After the break")
    # Either it gets the event, or it learns that it must come back with the last number it saw.
    answer = session.get()
    assert answer.status == 400 or "After the break" in text(answer)


@pytest.mark.parametrize("way", [Polling, Socket])
def test_a_client_that_answers_pings_is_kept_and_one_that_does_not_is_let_go(make_daemon, way):
    session = way(make_daemon(SOCKETIO_PING_INTERVAL=0.2, SOCKETIO_PING_TIMEOUT=0.5), connects=False)
    read = session.next if way is Socket else lambda: session.poll()[-1]
    session.send("40")
    for _ in range(4):
        while read() != "2":
            pass
        session.send("3")
    while read() != "2":
        pass
    asked = time.monotonic()
    assert session.has_ended()
    assert 0.3 < time.monotonic() - asked < 3


def test_an_upgrade_moves_the_session_and_loses_nothing(daemon, client, project):
    session = polling_subscriber(daemon, project)
    rename(client, project, "While polling")
    seen = session.until(lambda packet: "While polling" in packet)
    with waiting_poll(daemon, session) as poll:
        socket = Socket(daemon, connects=False, sid=session.handshake["sid"])
        socket.send("2probe")
        assert socket.next() == "3probe"
        # The client must be able to leave its poll.
        assert text(poll.final_answer()) == "6"
    rename(client, project, "While probing")
    socket.send("5")
    rename(client, project, "After the upgrade")
    while "After the upgrade" not in seen[-1]:
        seen.append(socket.next())
    assert names(seen) == ["While polling", "While probing", "After the upgrade"]
    assert session.get().status == 400


@pytest.mark.parametrize("texts", [["2foo"], ["40"], ["5"], ["3probe"], ["x"], [""], [b"2probe"], ["2probe", "40"],
                                   ["2probe", "2probe"], ["2probe", CLOSE], [CLOSE]])
def test_a_probe_that_fails_leaves_the_session_polling(daemon, client, project, texts):
    session = polling_subscriber(daemon, project)
    socket = Socket(daemon, connects=False, sid=session.handshake["sid"])
    for one in texts:
        socket.raw.send_frame(CLOSE, b"\x03\xe8") if one is CLOSE else socket.send(one)
    assert socket.has_ended()
    rename(client, project, "Still here")
    assert names(session.until(lambda packet: "Still here" in packet)) == ["Still here"]


def test_a_session_has_one_websocket(daemon):
    socket = Socket(daemon)
    second = RawWebSocket(daemon.url, path=f"{WEBSOCKET}&sid={socket.handshake['sid']}")
    if second.answer.status == 101:
        second.send(frame(TEXT, b"2probe") + frame(TEXT, b"5"))
        while second.event()[0] == "text":
            pass
    socket.send('421["dance"]')
    assert socket.until("431") == "431[]"


def padded(size):
    """An event of so many bytes."""
    return '421["dance","' + "x" * (size - 15) + '"]'


@pytest.mark.parametrize("frame, fields", [("%s", {}), ("%x\r\n%s\r\n0\r\n\r\n", {"Transfer_Encoding": "chunked"})])
def test_a_payload_may_be_as_large_as_announced_and_no_larger(daemon, frame, fields):
    session = Polling(daemon)
    for size, status in [(session.handshake["maxPayload"], 200), (session.handshake["maxPayload"] + 1, 413)]:
        body = frame % ((size, padded(size)) if fields else padded(size))
        assert ask(daemon.url, "POST", session.target, body.encode(), **fields).status == status
    assert "431[]" in session.poll()


def test_a_message_that_is_too_large_closes_the_websocket(daemon):
    socket = Socket(daemon)
    limit = socket.handshake["maxPayload"]
    socket.send(padded(limit))
    assert socket.until("431") == "431[]"
    socket.raw.send(frame(TEXT, b"", length=limit + 1))
    assert socket.raw.event()[:2] == ("close", TOO_BIG)


def test_a_poll_that_comes_late_gets_everything_in_pieces_that_clients_take(daemon, client, project):
    session = polling_subscriber(daemon, project)
    for number in range(200):
        rename(client, project, f"Name {number}")
    payloads = []
    while not payloads or "Name 199" not in payloads[-1][-1]:
        payloads.append(session.poll())
    assert names(sum(payloads, [])) == [f"Name {number}" for number in range(200)]
    # python-engineio, and with it the clients of python-socketio, ends the connection at a payload of more packets.
    assert max(map(len, payloads)) <= 16


BROKEN = {
    # Engine.IO; then the head, the data, the namespace and the attachments of Socket.IO
    "nothing": [""], "type 7": ["7"], "a letter": ["hello"], "a byte": ["\x00"], "a separator": [SEPARATOR],
    "no type": ["4"], "type 9": ["49"], "no digit": ['4x["a"]'], "no data": ["42"], "space": ['4 2["a"]'],
    "object": ['42{"a":1}'], "string": ['42"a"'], "no name": ["42[]"], "name null": ["42[null]"],
    "name object": ["42[{}]"], "cut": ['42["a"'], "rest": ['42["a"]x'], "no JSON": ["42nonsense"],
    "NaN": ['42["a",NaN]'], "raw control": ['42["a\n"]'], "deep": ['42["a",' + "[" * 100_000],
    "deep and closed": ["42" + "[" * 9999 + "]" * 9999],
    "connect with text": ['40"x"'], "disconnect with data": ["41[]"], "acknowledgement of an object": ["431{}"],
    "unknown namespace": ['42/admin,["subscribe"]'], "leave unknown namespace": ["41/admin,"],
    "no count": ['45["a"]'], "empty count": ['45-["a"]'], "no dash": ['451["a"]'], "count is text": ['45x-["a"]'],
    "negative": ['45-1-["a"]'], "huge count": ['45' + "9" * 40 + '-["a"]'], "million": ['451000000-["a"]'],
    "text instead of binary": [f'451-["a",{PLACEHOLDER}]', '42["b"]'], "binary of nothing": [b"\x00"],
    "binary too many": [f'451-["a",{PLACEHOLDER}]', b"\x00", b"\x00"],
    "placeholder beyond": ['451-["a",{"_placeholder":true,"num":1}]', b"\x00"],
    "placeholder negative": ['451-["a",{"_placeholder":true,"num":-1}]', b"\x00"],
    "placeholder text": ['451-["a",{"_placeholder":true,"num":"0"}]', b"\x00"],
    "placeholder half": ['451-["a",{"_placeholder":true,"num":0.5}]', b"\x00"],
    "binary acknowledgement": ["461-{}", b"\x00"],
}


@pytest.mark.parametrize("way", [Polling, Socket])
@pytest.mark.parametrize("packets", BROKEN.values(), ids=BROKEN)
def test_a_broken_packet_ends_the_session(daemon, way, packets):
    session = way(daemon)
    if way is Socket:
        session.send(*packets)
    else:
        parts = ["b" + base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in packets]
        assert ask(daemon.url, "POST", session.target, SEPARATOR.join(parts).encode()).status in (200, 400)
    assert session.has_ended()


@pytest.mark.parametrize("body", [b"\xff", b"b*", b"bAAA", b"b=", b"bA A=", b'42["a"]\x1e', b'\x1e42["a"]'])
def test_a_payload_that_is_none_ends_the_session(daemon, body):
    session = Polling(daemon)
    assert ask(daemon.url, "POST", session.target, body).status in (200, 400)
    assert session.has_ended()


@pytest.mark.parametrize("packet", ['42["subscribe",{}]', "41", "431[]", '450-["a"]', '42/admin,["a"]'])
@pytest.mark.parametrize("way", [Polling, Socket])
def test_nothing_may_come_before_the_connect(daemon, way, packet):
    session = way(daemon, connects=False)
    session.send(packet)
    assert session.has_ended()


@pytest.mark.parametrize("way", [Polling, Socket])
def test_a_close_ends_the_session_and_other_namespaces_do_not(daemon, way):
    session = way(daemon)
    session.send("40/admin,", '40/x?token=1,{"a":1}', "6", '421["dance"]')
    packets = session.until("431") if way is Socket else session.until(lambda packet: packet.startswith("431"))
    assert "431[]" in packets
    if way is Polling:
        assert packets[:2] == [f'44{namespace},{{"message":"Invalid namespace"}}' for namespace in ("/admin", "/x")]
    session.send("1")
    assert session.has_ended()
