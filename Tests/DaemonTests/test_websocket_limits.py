"""What opens a WebSocket and what does not (RFC 6455 section 4.2), and how much one may carry.

Ids are case numbers of the Autobahn test suite where it has one.
"""

import functools
import random
import threading
import zlib

import pytest

from raw_websocket import (
    BINARY, CONTINUATION, END, PATH, PING, PONG, RSV1, TAIL, TEXT, TOO_BIG, RawWebSocket, dial, echo_daemon, fragments,
    frame, peak_memory, ws,
)

__all__ = ["dial", "echo_daemon", "ws"]  # fixtures

MIB = 1 << 20
LIMIT = 16 * MIB
KINDS = {TEXT: "text", BINARY: "binary"}
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


# The opening handshake

SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
KEY, VERSION = "Sec-WebSocket-Key", "Sec-WebSocket-Version"
BAD_HANDSHAKES = {
    "no key": ({KEY: None}, {400}),
    "empty key": ({KEY: ""}, {400}),
    "key of 15 bytes": ({KEY: "dGhlIHNhbXBsZSBub25j"}, {400}),
    "key of 17 bytes": ({KEY: "dGhlIHNhbXBsZSBub25jZSE="}, {400}),
    "key without its padding": ({KEY: SAMPLE_KEY.rstrip("=")}, {400}),
    "key that is no base64": ({KEY: "*" * 22 + "=="}, {400}),
    "key in the alphabet of addresses": ({KEY: "-_" * 11 + "=="}, {400}),
    "key with something behind it": ({KEY: SAMPLE_KEY + " x"}, {400}),
    "two keys": ({KEY: [SAMPLE_KEY, SAMPLE_KEY]}, {400}),
    "key of 100 KiB": ({KEY: "A" * 102_400}, {400, 431}),
    "no version": ({VERSION: None}, {400, 426}),
    **{f"version {version!r}": ({VERSION: version}, {426}) for version in ("8", "0", "7", "12", "14", "113", "-13")},
    **{f"version {version!r}": ({VERSION: version}, {400, 426}) for version in ("", "13x", "1 3", "0x0D", "13, 8")},
    "no Upgrade": ({"Upgrade": None}, {400, 426}),
    "other Upgrade": ({"Upgrade": "h2c"}, {400, 426}),
    "Upgrade that only begins so": ({"Upgrade": "websockets"}, {400, 426}),
    "no Connection": ({"Connection": None}, {400, 426}),
    "other Connection": ({"Connection": "keep-alive"}, {400, 426}),
    "Connection that only begins so": ({"Connection": "Upgraded, xUpgrade"}, {400, 426}),
    "no Host": ({"Host": None}, {400}),
    "two Hosts": ({"Host": ["127.0.0.1", "127.0.0.1"]}, {400}),
    "foreign Host": ({"Host": "evil.example"}, {403, 421}),
    "foreign Origin": ({"Origin": "http://evil.example"}, {403}),
    "Origin with our name in it": ({"Origin": "http://127.0.0.1.evil.example"}, {403}),
    "Origin of another port": ({"Origin": "http://127.0.0.1:1"}, {403}),
    "opaque Origin": ({"Origin": "null"}, {403}),
    "empty Origin": ({"Origin": ""}, {403}),
    "body": ({"Content-Length": "5"}, {400, 413}),
    "chunked body": ({"Transfer-Encoding": "chunked"}, {400}),
}
GOOD_HANDSHAKES = {
    "key of the RFC": {KEY: SAMPLE_KEY},
    "tokens in any case": {"Upgrade": "WebSocket", "Connection": "uPGRADE"},
    "a browser's Connection": {"Connection": "keep-alive, Upgrade"},
    "Connection in two fields": {"Connection": ["keep-alive", "Upgrade"]},
    "several tokens": {"Upgrade": "h2c , websocket", "Connection": "Upgrade,HTTP2-Settings"},
    "space around the values": {VERSION: "  13\t", "Upgrade": "  websocket  "},
    "extensions that nobody knows": {"Sec-WebSocket-Extensions": "x-one; a=b; c, x-two"},
    "unknown fields": {"X-Something": "x" * 4000, "Cookie": "a=b", "User-Agent": "Mozilla/5.0"},
    "a credential that nobody asked for": {"Authorization": "Basic eDp5"},
}
HELLO = frame(TEXT, b"Hello")


@pytest.mark.parametrize("changes, statuses", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
def test_a_handshake_that_is_not_right_opens_nothing(dial, changes, statuses):
    answer = dial(changes=changes, after=HELLO).answer
    assert answer.status in statuses
    assert not answer.fields["sec-websocket-accept"]


@pytest.mark.parametrize("changes", [{VERSION: "8"}, {VERSION: "14"}, {"Upgrade": None}, {"Connection": "keep-alive"}])
def test_a_426_says_what_to_upgrade_to(dial, changes):
    status, fields, _ = dial(changes=changes).answer
    assert status == 426
    assert fields["upgrade"] == ["websocket"], "section 15.5.22 of RFC 9110"
    assert VERSION not in changes or fields["sec-websocket-version"] == ["13"], "section 4.4"
    assert "upgrade" in ",".join(fields["connection"]).lower(), "section 7.8 of RFC 9110"


@pytest.mark.parametrize("changes", GOOD_HANDSHAKES.values(), ids=GOOD_HANDSHAKES)
def test_a_handshake_that_is_right_opens_a_websocket(dial, changes):
    ws = dial(changes=changes)
    ws.key = changes.get(KEY, ws.key)
    ws.accepted().send(HELLO)
    assert ws.event() == ("text", b"Hello")
    ws.closed_cleanly()


def test_the_answer_to_the_sample_key_is_the_one_of_the_rfc(dial):
    """Section 1.3."""
    assert dial(changes={KEY: SAMPLE_KEY}).answer.fields["sec-websocket-accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "get"])
@pytest.mark.parametrize("path", [PATH, "/ws", "/socket.io/?EIO=4&transport=websocket"])
def test_only_get_opens_a_websocket(dial, method, path):
    """Section 4.1 item 2; a server that has other uses for the method may serve those."""
    answer = dial(method=method, path=path, changes={"Connection": "Upgrade, close"}).answer
    assert answer.status in (200, 204, 400, 404, 405, 426, 501) and not answer.fields["sec-websocket-accept"]


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0"])
def test_only_http_1_1_opens_a_websocket(dial, version):
    status = dial(version=version).answer.status
    assert status in (400, 426, 505) or (version == "HTTP/1.2" and status == 101), "1.2 may be answered as 1.1"


def test_no_websocket_is_opened_where_there_is_none(dial):
    assert dial(path="/ws/nothing").answer.status == 404
    assert dial(path="/health").answer.status in (200, 400, 404, 426)


def test_a_subprotocol_that_is_not_spoken_is_not_confirmed(dial):
    ws = dial(changes={"Sec-WebSocket-Protocol": "chat, superchat"}).accepted()
    assert not ws.answer.fields["sec-websocket-protocol"], "section 4.2.2 item 5.5: null unless it agrees"


def test_an_origin_of_our_own_and_one_that_was_named_are_taken(make_daemon):
    daemon = make_daemon(WEBSOCKET_ECHO="true", CORS_ORIGINS="https://app.example")
    for origin in (daemon.url, "https://app.example"):
        RawWebSocket(daemon.url, {"Origin": origin}).accepted().close()
    assert RawWebSocket(daemon.url, {"Origin": "https://app.example.evil"}).answer.status == 403


def test_there_is_no_echo_unless_it_is_wanted(make_daemon):
    assert RawWebSocket(make_daemon().url).answer.status == 404


def test_frames_in_the_packet_of_the_handshake_are_not_lost(dial):
    ws = dial(after=HELLO + frame(PING, b"x") + b"".join(fragments(BINARY, bytes(300), 7))).accepted()
    assert ws.events(3) == [("text", b"Hello"), ("pong", b"x"), ("binary", bytes(300))]
    ws.closed_cleanly()


def test_a_handshake_may_come_octet_by_octet(dial):
    ws = dial(after=HELLO, chop=1).accepted()
    assert ws.event() == ("text", b"Hello")
    ws.closed_cleanly()


def test_a_connection_that_served_requests_may_become_a_websocket(dial):
    """The first answer is read as the one to the handshake, the second as it stands behind it."""
    ws = dial(path="/health", changes={"Upgrade": None, "Connection": "keep-alive"})
    assert ws.answer.status == 200
    ws.buffer = ws.buffer[int(ws.answer.fields["content-length"][0]):]
    ws.send(f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{KEY}: {ws.key}\r\n{VERSION}: 13\r\n\r\n".encode() + HELLO)
    ws.answer = ws._read_answer()
    assert ws.accepted().event() == ("text", b"Hello")


# 9: sizes and many messages

SIZES = {1: 65536, 2: 262_144, 3: MIB, 4: 4 * MIB, 5: 8 * MIB, 6: LIMIT}
ECHOES = {f"9.{kind}.{number}": (kind, size) for kind in (TEXT, BINARY) for number, size in SIZES.items()}
# 4 MiB in fragments; those in the smallest ones are shorter, so that this client is done in time.
FRAGMENTS = {f"9.{kind + 2}.{number}": (kind, size, MIB if size < 1024 else 4 * MIB)
             for kind in (TEXT, BINARY) for number, size in enumerate((64 << 2 * step for step in range(9)), 1)}
CHOPS = {f"9.{kind + 4}.{number}": (kind, 64 << number - 1) for kind in (TEXT, BINARY) for number in range(1, 7)}
ROUNDS = {f"9.{kind + 6}.{number}": (kind, size)
          for kind in (TEXT, BINARY) for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1)}


@functools.cache
def payload_of(opcode, size):
    """A payload without a period that any buffer has; text has characters of one to four bytes, also across cuts."""
    if opcode == BINARY:
        return (random.Random(size).randbytes(10_007) * (size // 10_007 + 1))[:size]
    period = "".join(f"{number:x}ß€\U0001f600" for number in range(10_007)).encode()
    return (period * (size // len(period) + 1))[:size].decode(errors="ignore").encode().ljust(size, b"*")


@pytest.mark.parametrize("opcode, size", ECHOES.values(), ids=ECHOES)
def test_a_large_message_comes_back(ws, opcode, size):
    payload = payload_of(opcode, size)
    ws.send_frame(opcode, payload)
    assert ws.event() == (KINDS[opcode], payload)
    ws.closed_cleanly()


@pytest.mark.parametrize("opcode, size, total", FRAGMENTS.values(), ids=FRAGMENTS)
def test_a_large_message_in_fragments_comes_back(ws, opcode, size, total):
    payload = payload_of(opcode, total)
    ws.send_message(opcode, payload, size)
    assert ws.event() == (KINDS[opcode], payload)
    ws.closed_cleanly()


@pytest.mark.parametrize("opcode, chop", CHOPS.values(), ids=CHOPS)
def test_a_large_message_that_is_chopped_comes_back(ws, opcode, chop):
    payload = payload_of(opcode, 262_144)
    ws.send_frame(opcode, payload, chop=chop)
    assert ws.event() == (KINDS[opcode], payload)
    ws.closed_cleanly()


@pytest.mark.parametrize("opcode, size", ROUNDS.values(), ids=ROUNDS)
def test_a_thousand_messages_come_back_one_by_one(ws, opcode, size):
    payload = payload_of(opcode, size)
    for _ in range(1000):
        ws.send_frame(opcode, payload)
        assert ws.event() == (KINDS[opcode], payload)
    ws.closed_cleanly()


def test_a_thousand_messages_at_once_come_back_in_order(ws):
    payloads = [b"%d" % number for number in range(1000)]
    ws.send(b"".join(frame(TEXT, payload) for payload in payloads))
    assert ws.events(1000) == [("text", payload) for payload in payloads]
    ws.closed_cleanly()


# What is beyond the limits


@pytest.mark.parametrize("length", [LIMIT + 1, 1 << 31, 1 << 32, (1 << 63) - 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_frame_that_is_too_long_is_refused_by_its_head(ws, opcode, length):
    """Not one byte of the payload has been sent."""
    ws.send(frame(opcode, length=length))
    ws.refused(TOO_BIG)


@pytest.mark.parametrize("last", [1, 1000, 1 << 40])
def test_fragments_are_too_long_together(ws, last):
    ws.send(frame(BINARY, bytes(LIMIT - 1), fin=False) + frame(PING) + frame(CONTINUATION, b"*", fin=False))
    assert ws.event() == ("pong", b"")
    ws.send(frame(CONTINUATION, length=last))
    ws.refused(TOO_BIG)


def test_a_message_after_a_large_one_may_be_as_large(ws):
    for _ in range(2):
        ws.send_message(BINARY, bytes(LIMIT), 5 * MIB)
        assert ws.event() == ("binary", bytes(LIMIT))


def test_a_stream_of_empty_fragments_fills_no_memory(make_daemon):
    daemon = make_daemon(WEBSOCKET_ECHO="true")
    ws, before = RawWebSocket(daemon.url).accepted(), peak_memory(daemon)
    ws.send(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 500_000 + frame(CONTINUATION, b"end"))
    assert ws.event() == ("text", b"end")
    assert peak_memory(daemon) - before < 16 * MIB
    ws.close()


def test_heads_that_promise_much_hold_no_memory(make_daemon):
    daemon = make_daemon(WEBSOCKET_ECHO="true")
    sockets, before = [RawWebSocket(daemon.url, DEFLATE).accepted() for _ in range(100)], peak_memory(daemon)
    for ws in sockets:
        ws.send_frame(PING)
        ws.send(frame(BINARY, b"few", length=LIMIT))
    assert [ws.event() for ws in sockets] == [("pong", b"")] * 100
    assert peak_memory(daemon) - before < 16 * MIB
    for ws in sockets:
        ws.close()


def test_a_client_that_does_not_read_is_not_read_from(make_daemon):
    """Else its echoes would pile up here. Once it reads, everything is there and in order."""
    daemon = make_daemon(WEBSOCKET_ECHO="true")
    ws, before = RawWebSocket(daemon.url).accepted(), peak_memory(daemon)
    payloads = [bytes([number]) * MIB for number in range(64)]
    done = threading.Event()

    def send():
        ws.send(b"".join(frame(BINARY, payload) for payload in payloads))
        done.set()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    # What the system's buffers take is a few MiB; a server that reads on would be done with all within this second.
    assert not done.wait(1), "64 MiB were taken while nothing of the answers was"
    assert peak_memory(daemon) - before < 24 * MIB
    assert all(ws.event() == ("binary", payload) for payload in payloads)
    sender.join()
    ws.close()


def zeros(count):
    """So many zeros as a compressed message: about 1 KiB for each MiB, in blocks that need nothing before them."""
    def one(size):
        compressor = zlib.compressobj(wbits=-12)
        return compressor.compress(bytes(size)) + compressor.flush(zlib.Z_FULL_FLUSH)

    return (one(MIB) * (count // MIB) + one(count % MIB)).removesuffix(TAIL)


def test_a_compressed_message_may_have_16_mib_when_it_is_restored(dial):
    ws = dial(changes=DEFLATE).accepted()
    ws.send_frame(BINARY, zeros(LIMIT), rsv=RSV1)
    assert ws.event() == ("binary", bytes(LIMIT))
    ws.closed_cleanly()


def test_a_message_that_compression_made_longer_may_have_16_mib_too(dial):
    """The limit is one on what a message is restored to; blocks that are only stored take five bytes more each."""
    ws = dial(changes=DEFLATE).accepted()
    compressor = zlib.compressobj(0, wbits=-12)
    data = compressor.compress(bytes(LIMIT)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(data) > LIMIT
    ws.send(b"".join(fragments(BINARY, data.removesuffix(TAIL), MIB, RSV1)))
    assert ws.event() == ("binary", bytes(LIMIT))


@pytest.mark.parametrize("count", [LIMIT + 1, LIMIT + MIB])
@pytest.mark.parametrize("size", [LIMIT, 1000])
def test_a_compressed_message_that_would_have_more_is_refused(dial, count, size):
    ws = dial(changes=DEFLATE).accepted()
    ws.send(b"".join(fragments(BINARY, zeros(count), size, RSV1)))
    ws.refused(TOO_BIG)


@pytest.mark.parametrize("size", [LIMIT, 4096])
def test_a_bomb_is_refused_before_it_fills_the_memory(make_daemon, size):
    daemon = make_daemon(WEBSOCKET_ECHO="true")
    before = peak_memory(daemon)
    for opcode in (BINARY, TEXT):
        ws = RawWebSocket(daemon.url, DEFLATE).accepted()
        # 512 KiB, as the server takes no more than 1 MiB after its close: they would become half a GiB.
        ws.send(b"".join(fragments(opcode, zeros(512 * MIB), size, RSV1)))
        ws.refused(TOO_BIG)
        ws.close()
    assert peak_memory(daemon) - before < 64 * MIB


# Peers that are no longer there


def test_a_peer_that_answers_pings_stays_and_one_that_does_not_is_dropped(make_daemon):
    daemon = make_daemon(WEBSOCKET_ECHO="true", WEBSOCKET_PING_INTERVAL="1")
    silent, awake = (RawWebSocket(daemon.url).accepted() for _ in range(2))
    for _ in range(2):
        kind, payload = awake.event()
        assert kind == "ping"
        awake.send_frame(PONG, payload)
    assert silent.event()[0] == "ping"
    assert dropped(silent)
    awake.send(HELLO)
    assert awake.event() == ("text", b"Hello")
    awake.close()


def dropped(ws):
    try:
        return ws.event() == END or ws.event() == END
    except ConnectionResetError:
        return True
