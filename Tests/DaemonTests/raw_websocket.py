"""A WebSocket client on a plain socket: it can send what no client may, and checks every frame that comes back.

RFC 6455 for the frames, RFC 7692 for compressed messages.
"""

import base64
import collections
import hashlib
import os
import pathlib
import re
import socket
import struct
import zlib

import pytest

from conftest import Daemon

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {TEXT: "text", BINARY: "binary", PING: "ping", PONG: "pong"}
RSV1, RSV2, RSV3 = 4, 2, 1
NORMAL, PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG = 1000, 1002, 1007, 1009
END = ("end",)
TAIL = b"\x00\x00\xff\xff"
PATH = "/ws/echo"
SECONDS = 20.0

Frame = collections.namedtuple("Frame", "fin rsv opcode payload")
Answer = collections.namedtuple("Answer", "status fields rest")


def masked(payload, mask):
    """The payload under its mask; one wide XOR, since messages here may have 16 MiB."""
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    both = int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")
    return both.to_bytes(len(payload), "little")


def frame(opcode, payload=b"", fin=True, rsv=0, mask=b"\x37\xfa\x21\x3d", length=None, width=None):
    """The bytes of a frame. `length` may lie; `width` is the size in bits of the length field (7, 16, 64)."""
    length = len(payload) if length is None else length
    width = width or (7 if length < 126 else 16 if length < 65536 else 64)
    marks = {7: (length, b""), 16: (126, struct.pack(">H", length & 0xFFFF)), 64: (127, struct.pack(">Q", length))}
    short, extended = marks[width]
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short]) + extended
    return head + (payload if mask is None else mask + masked(payload, mask))


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


def fragments(opcode, payload, size, rsv=0):
    """The frames of one message, each with `size` bytes; the last may have fewer."""
    pieces = [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]
    last = len(pieces) - 1
    return [
        frame(CONTINUATION if number else opcode, piece, fin=number == last, rsv=0 if number else rsv)
        for number, piece in enumerate(pieces)
    ]


def parse_extensions(values):
    """The extensions of an answer: a list of names with their parameters, None for a parameter without a value."""
    found = []
    for element in filter(None, (part.strip() for value in values for part in value.split(","))):
        name, *parameters = (part.strip() for part in element.split(";"))
        pairs = [(key.strip(), value.strip() if mark else None) for key, mark, value in
                 (each.partition("=") for each in parameters)]
        assert len(dict(pairs)) == len(pairs), f"a parameter stands twice: {element}"
        found.append((name, dict(pairs)))
    return found


class Deflate:
    """Both directions of permessage-deflate as the answer settled them; strict about the window of the server."""

    PARAMETERS = {
        "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"
    }

    def __init__(self, parameters, level=6):
        assert set(parameters) <= self.PARAMETERS, f"no client offered {parameters}"
        for name in self.PARAMETERS & set(parameters):
            value, allowed = parameters[name], [str(bits) for bits in range(8, 16)]
            assert value in allowed if name.endswith("bits") else value is None, f"{name} is {value!r}"
        self.parameters, self.level = parameters, level
        self.server_bits = int(parameters.get("server_max_window_bits", 15))
        # zlib has no window of 256 bytes; with one of 512 its distances end at 250, which fits in both.
        self.client_bits = max(9, int(parameters.get("client_max_window_bits", 15)))
        self.compressor = self.decompressor = None

    def compress(self, payload):
        """One message; the context is kept when it may be."""
        if self.compressor is None or "client_no_context_takeover" in self.parameters:
            self.compressor = zlib.compressobj(self.level, zlib.DEFLATED, -self.client_bits)
        data = self.compressor.compress(payload) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(TAIL)
        return data[:-4]

    def decompress(self, payload):
        """One message. Small steps below the full window, so that zlib refuses a distance beyond what was settled."""
        if self.decompressor is None or "server_no_context_takeover" in self.parameters:
            self.decompressor = zlib.decompressobj(-self.server_bits)
        step, output, data = 64 if self.server_bits < 15 else 1 << 20, [], payload + TAIL
        # zlib copies what it has not consumed with each step, so that it is given little.
        for start in range(0, len(data), step):
            rest = data[start : start + step]
            while True:
                output.append(self.decompressor.decompress(rest, step))
                rest = self.decompressor.unconsumed_tail
                if not rest and len(output[-1]) < step:
                    break
        return b"".join(output)


class RawWebSocket:
    """A connection after its handshake, whatever the answer was; `accepted()` asks for a 101."""

    def __init__(self, url, changes=None, after=b"", path=PATH, method="GET", version="HTTP/1.1", chop=None):
        host, _, port = url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.deflate, self.frames = bytearray(), None, []
        self.key = base64.b64encode(os.urandom(16)).decode()
        fields = {
            "Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": self.key, "Sec-WebSocket-Version": "13", **(changes or {}),
        }
        lines = [f"{method} {path} {version}"]
        for name, value in fields.items():
            values = [] if value is None else [value] if isinstance(value, str) else value
            lines += [f"{name}: {each}" for each in values]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + after, chop)
        self.answer = self._read_answer()

    def _read_answer(self):
        while b"\r\n\r\n" not in self.buffer:
            assert self._fill(), f"the connection ended within the head of the answer: {bytes(self.buffer)!r}"
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = collections.defaultdict(list)
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()].append(value.strip())
        self.buffer = bytearray(rest)
        return Answer(int(status.split()[1]), fields, rest)

    def accepted(self):
        """This connection, once the answer is sure to be the right 101; sets up what was settled on compression."""
        status, fields, _ = self.answer
        assert status == 101, f"{status}: {bytes(self.buffer)!r}"
        digest = hashlib.sha1((self.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert fields["sec-websocket-accept"] == [base64.b64encode(digest).decode()]
        assert [value.lower() for value in fields["upgrade"]] == ["websocket"]
        assert "upgrade" in fields["connection"][0].lower()
        assert not fields["content-length"] and not fields["transfer-encoding"]
        extensions = parse_extensions(fields["sec-websocket-extensions"])
        assert [name for name, _ in extensions] in ([], ["permessage-deflate"])
        self.deflate = Deflate(extensions[0][1]) if extensions else None
        return self

    def _fill(self):
        try:
            piece = self.socket.recv(1 << 18)
        except TimeoutError:
            pytest.fail(f"nothing came within {SECONDS} s; last frames: {str(self.frames[-3:])[:300]}")
        self.buffer += piece
        return bool(piece)

    def send(self, data, chop=None):
        """Bytes as they are; with `chop`, in pieces of so many bytes, each in a packet of its own."""
        for start in range(0, len(data), chop or len(data) or 1):
            self.socket.sendall(data[start : start + (chop or len(data))])

    def send_frame(self, opcode, payload=b"", chop=None, **bits):
        self.send(frame(opcode, payload, **bits), chop)

    def send_message(self, opcode, payload, size=None):
        """A whole message: compressed if that was settled, in fragments of `size` bytes if that is given."""
        rsv = RSV1 if self.deflate else 0
        data = self.deflate.compress(payload) if self.deflate else payload
        self.send(b"".join(fragments(opcode, data, size or max(len(data), 1), rsv)))

    def receive_frame(self):
        """The next frame, sure to be one that a server may send; None at the end of the connection."""
        if not self._need(2):
            return None
        first, second = self.buffer[:2]
        assert second < 128, "a server must not mask (section 5.1)"
        extended = {126: 2, 127: 8}.get(second, 0)
        assert self._need(2 + extended)
        length = int.from_bytes(self.buffer[2 : 2 + extended], "big") if extended else second
        assert extended == (0 if length < 126 else 2 if length < 65536 else 8), "a length that is not minimal"
        assert self._need(2 + extended + length)
        payload = bytes(memoryview(self.buffer)[2 + extended : 2 + extended + length])
        del self.buffer[: 2 + extended + length]
        found = Frame(first >> 7 == 1, first >> 4 & 7, first & 15, payload)
        assert found.opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), found
        assert found.rsv == 0 or (found.rsv == RSV1 and self.deflate and found.opcode in (TEXT, BINARY)), found
        assert found.opcode < 8 or (found.fin and length <= 125), found
        self.frames.append(found)
        return found

    def _need(self, count):
        """Whether so many bytes are there; False at the end between two frames, a failure within one."""
        while len(self.buffer) < count:
            if not self._fill():
                assert not self.buffer, f"the connection ended within a frame: {bytes(self.buffer[:80])!r}"
                return False
        return True

    def event(self):
        """The next message or control frame: (kind, payload), ("close", code, reason) or END."""
        found = self.receive_frame()
        if found is None:
            return END
        if found.opcode == CLOSE:
            assert len(found.payload) != 1, "a close frame with half a code"
            code = struct.unpack(">H", found.payload[:2])[0] if found.payload else None
            return ("close", code, found.payload[2:].decode())
        if found.opcode in (PING, PONG):
            return (NAMES[found.opcode], found.payload)
        assert found.opcode != CONTINUATION, "there was nothing to continue"
        pieces, last = [found.payload], found
        while not last.fin:
            last = self.receive_frame()
            assert last is not None and last.opcode == CONTINUATION, last
            pieces.append(last.payload)
        payload = b"".join(pieces)
        payload = self.deflate.decompress(payload) if found.rsv else payload
        if found.opcode == TEXT:
            payload.decode()
        return (NAMES[found.opcode], payload)

    def events(self, count):
        return [self.event() for _ in range(count)]

    def refused(self, *codes):
        """The next event is a close with one of the codes, and then the server ends the connection."""
        event = self.event()
        assert event[0] == "close" and event[1] in codes, f"wanted close {codes}, found {str(event)[:200]}"
        assert self.event() == END

    def closed_cleanly(self):
        """Closes; nothing else comes before the answer, which repeats our code, and the server hangs up first."""
        self.send_frame(CLOSE, close_payload(NORMAL))
        self.refused(NORMAL)

    def close(self):
        self.socket.close()


def peak_memory(daemon):
    """The most that the daemon ever held, in bytes."""
    status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


@pytest.fixture(scope="module")
def echo_daemon(tmp_path_factory):
    """One daemon with the echo route for a whole file; it has to live through it and to stop in order."""
    daemon = Daemon(tmp_path_factory.mktemp("echo"), WEBSOCKET_ECHO="true").start()
    yield daemon
    daemon.stop()


@pytest.fixture
def dial(echo_daemon):
    """Opens raw connections to the echo route, closed after the test."""
    opened = []

    def open_connection(offer=None, **options):
        changes = {**options.pop("changes", {}), **({"Sec-WebSocket-Extensions": offer} if offer else {})}
        opened.append(RawWebSocket(echo_daemon.url, changes, **options))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()


@pytest.fixture
def ws(dial):
    """A connection without extensions."""
    return dial().accepted()
