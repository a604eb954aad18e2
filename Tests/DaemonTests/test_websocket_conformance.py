"""RFC 6455 frame by frame on the echo route. Ids are the case numbers of the Autobahn test suite, where it has one."""

import struct

import pytest

from raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    END,
    INVALID_PAYLOAD,
    NORMAL,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    close_payload,
    dial,
    echo_daemon,
    fragments,
    frame,
    ws,
)

__all__ = ["dial", "echo_daemon", "ws"]  # fixtures

HELLO = b"Hello, world!"
BYTES = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
ONE_PACKET, FRAMES, OCTETS = "one packet", "a packet a frame", "a packet an octet"


def cases(table):
    """Parameters from a table by case number; a value that is no tuple is one parameter."""
    return [pytest.param(*(row if isinstance(row, tuple) else (row,)), id=number) for number, row in table.items()]


def deliver(ws, frames, way):
    for data in [b"".join(frames)] if way == ONE_PACKET else frames:
        ws.send(data, chop=1 if way == OCTETS else None)


def converse(ws, frames, expected, code=None, way=ONE_PACKET):
    """Exactly the expected events come; then the server refuses with the code, or takes a clean close without one."""
    deliver(ws, frames, way)
    assert ws.events(len(expected)) == expected
    if code is None:
        ws.closed_cleanly()
    else:
        ws.refused(code)


# 1: framing

SIZES = [0, 125, 126, 127, 128, 65535, 65536]
ECHOES = {f"1.{kind}.{number}": (kind, size, None) for kind in (TEXT, BINARY) for number, size in enumerate(SIZES, 1)}
ECHOES |= {"1.1.8": (TEXT, 65536, 997), "1.2.8": (BINARY, 65536, 997)}


@pytest.mark.parametrize("opcode, size, chop", cases(ECHOES))
def test_a_message_of_any_size_comes_back_with_its_type(ws, opcode, size, chop):
    payload = (b"*" if opcode == TEXT else b"\xfe") * size
    ws.send_frame(opcode, payload, chop=chop)
    assert ws.event() == ("text" if opcode == TEXT else "binary", payload)
    ws.closed_cleanly()


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\x00\x7f\x01"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 1021])
def test_any_masking_key_is_taken_off_at_any_length(ws, mask, size):
    payload = bytes(number * 7 & 255 for number in range(size))
    ws.send_frame(BINARY, payload, mask=mask, chop=3)
    assert ws.event() == ("binary", payload)


@pytest.mark.parametrize("opcode", [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
@pytest.mark.parametrize("payload", [b"", HELLO])
def test_a_frame_without_a_mask_is_refused(ws, opcode, payload):
    converse(ws, [frame(opcode, payload, mask=None)], [], PROTOCOL_ERROR)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size, width", [(0, 16), (1, 16), (125, 16), (0, 64), (125, 64), (126, 64), (65535, 64)])
def test_a_length_in_more_bytes_than_it_needs_is_refused(ws, opcode, size, width):
    converse(ws, [frame(opcode, b"*" * size, width=width)], [], PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [1 << 63, (1 << 63) + 5, (1 << 64) - 1])
def test_a_length_with_its_top_bit_set_is_refused(ws, length):
    converse(ws, [frame(BINARY, HELLO, length=length, width=64)], [], PROTOCOL_ERROR)


# 2: pings and pongs

UNASKED = frame(PONG, b"unsolicited pong payload")
TEN_PINGS = [frame(PING, b"payload-%d" % number) for number in range(10)]
TEN_PONGS = [("pong", b"payload-%d" % number) for number in range(10)]
PINGS = {
    "2.1": ([frame(PING)], [("pong", b"")], None, ONE_PACKET),
    "2.2": ([frame(PING, HELLO)], [("pong", HELLO)], None, ONE_PACKET),
    "2.3": ([frame(PING, BYTES)], [("pong", BYTES)], None, ONE_PACKET),
    "2.4": ([frame(PING, b"\xfe" * 125)], [("pong", b"\xfe" * 125)], None, ONE_PACKET),
    "2.5": ([frame(PING, b"\xfe" * 126)], [], PROTOCOL_ERROR, ONE_PACKET),
    "2.5-64-bit": ([frame(PING, b"\xfe" * 65536)], [], PROTOCOL_ERROR, ONE_PACKET),
    "2.6": ([frame(PING, b"\xfe" * 125)], [("pong", b"\xfe" * 125)], None, OCTETS),
    "2.7": ([frame(PONG)], [], None, ONE_PACKET),
    "2.8": ([UNASKED], [], None, ONE_PACKET),
    "2.9": ([UNASKED, frame(PING, b"ping payload")], [("pong", b"ping payload")], None, ONE_PACKET),
    "2.10": (TEN_PINGS, TEN_PONGS, None, FRAMES),
    "2.11": (TEN_PINGS, TEN_PONGS, None, OCTETS),
}


@pytest.mark.parametrize("frames, expected, code, way", cases(PINGS))
def test_pings_are_answered_and_pongs_are_not(ws, frames, expected, code, way):
    converse(ws, frames, expected, code, way)


# 3: reserved bits. 4: reserved opcodes. What came before such a frame is answered, what comes after it is not.

ECHO, ECHOED = frame(TEXT, HELLO), [("text", HELLO)]
RESERVED = {
    "3.1": ([frame(TEXT, HELLO, rsv=1)], [], ONE_PACKET),
    "3.2": ([ECHO, frame(TEXT, HELLO, rsv=2), frame(PING)], ECHOED, ONE_PACKET),
    "3.3": ([ECHO, frame(TEXT, HELLO, rsv=3), frame(PING)], ECHOED, FRAMES),
    "3.4": ([ECHO, frame(TEXT, HELLO, rsv=4), frame(PING)], ECHOED, OCTETS),
    "3.5": ([frame(BINARY, BYTES, rsv=5)], [], ONE_PACKET),
    "3.6": ([frame(PING, HELLO, rsv=6)], [], ONE_PACKET),
    "3.7": ([frame(CLOSE, rsv=7)], [], ONE_PACKET),
    "3.8-continuation": ([frame(TEXT, HELLO, fin=False), frame(CONTINUATION, HELLO, rsv=4)], [], ONE_PACKET),
}
for series, first in ((1, 3), (2, 11)):
    RESERVED |= {
        f"4.{series}.1": ([frame(first)], [], ONE_PACKET),
        f"4.{series}.2": ([frame(first + 1, b"reserved opcode payload")], [], ONE_PACKET),
        f"4.{series}.3": ([ECHO, frame(first + 2), frame(PING)], ECHOED, ONE_PACKET),
        f"4.{series}.4": ([ECHO, frame(first + 3, HELLO), frame(PING)], ECHOED, FRAMES),
        f"4.{series}.5": ([ECHO, frame(first + 4, HELLO), frame(PING)], ECHOED, OCTETS),
    }


@pytest.mark.parametrize("frames, expected, way", cases(RESERVED))
def test_reserved_bits_and_opcodes_are_refused(ws, frames, expected, way):
    converse(ws, frames, expected, PROTOCOL_ERROR, way)


# 5: fragmentation

WHOLE = [("text", b"fragment1fragment2")]
HALVES = fragments(TEXT, b"fragment1fragment2", 9)
PINGED = [HALVES[0], frame(PING, b"ping payload"), HALVES[1]]
PONGED = [("pong", b"ping payload"), *WHOLE]
STRAY, OPEN_STRAY = (frame(CONTINUATION, b"non-continuation payload", fin=fin) for fin in (True, False))
FRAGMENTED = {
    "5.3": (HALVES, WHOLE, None, ONE_PACKET),
    "5.4": (HALVES, WHOLE, None, FRAMES),
    "5.5": (HALVES, WHOLE, None, OCTETS),
    "5.6": (PINGED, PONGED, None, ONE_PACKET),
    "5.7": (PINGED, PONGED, None, FRAMES),
    "5.8": (PINGED, PONGED, None, OCTETS),
    "5.15": ([*HALVES, frame(CONTINUATION, b"fragment3", fin=False), ECHO], WHOLE, PROTOCOL_ERROR, ONE_PACKET),
    "5.16": ([frame(CONTINUATION, b"fragment1", fin=False), *HALVES] * 2, [], PROTOCOL_ERROR, ONE_PACKET),
    "5.17": ([frame(CONTINUATION, b"fragment1"), *HALVES] * 2, [], PROTOCOL_ERROR, ONE_PACKET),
    "5.18": ([HALVES[0], frame(TEXT, b"fragment2")], [], PROTOCOL_ERROR, ONE_PACKET),
    "5.18-binary": ([HALVES[0], frame(BINARY, b"fragment2")], [], PROTOCOL_ERROR, ONE_PACKET),
}
for number, opcode in enumerate((PING, PONG, CLOSE)):
    halves = [frame(opcode, b"\x03\xe8" * 3, fin=False), frame(CONTINUATION, b"fragment2")]
    FRAGMENTED[f"5.{number + 1}" if opcode != CLOSE else "5.2-close"] = (halves, [], PROTOCOL_ERROR, ONE_PACKET)
for number, stray in ((9, STRAY), (12, OPEN_STRAY)):
    for offset, way in enumerate((ONE_PACKET, FRAMES, OCTETS)):
        FRAGMENTED[f"5.{number + offset}"] = ([stray, ECHO], [], PROTOCOL_ERROR, way)


@pytest.mark.parametrize("frames, expected, code, way", cases(FRAGMENTED))
def test_fragments_make_one_message_and_nothing_else_may_continue(ws, frames, expected, code, way):
    converse(ws, frames, expected, code, way)


@pytest.mark.parametrize("way", [pytest.param(ONE_PACKET, id="5.19"), pytest.param(FRAMES, id="5.20")])
def test_a_ping_between_fragments_is_answered_before_the_message_ends(ws, way):
    pieces = fragments(TEXT, b"fragment1fragment2fragment3fragment4fragment5", 9)
    deliver(ws, [*pieces[:2], frame(PING, b"pongme 1!")], way)
    assert ws.event() == ("pong", b"pongme 1!")
    deliver(ws, [*pieces[2:4], frame(PING, b"pongme 2!"), pieces[4]], way)
    assert ws.events(2) == [("pong", b"pongme 2!"), ("text", b"fragment1fragment2fragment3fragment4fragment5")]
    ws.closed_cleanly()


# 6: UTF-8

WORD = "κόσμε".encode()
COUPLED = "Hello-µ@ßöäüàá-UTF-8!!".encode()
VALID_TEXTS = {
    "6.1.1": [frame(TEXT)],
    "6.1.2": [frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)],
    "6.1.3": [frame(TEXT, fin=False), frame(CONTINUATION, b"middle frame payload", fin=False), frame(CONTINUATION)],
    "6.2.1": [frame(TEXT, COUPLED)],
    "6.2.2": fragments(TEXT, COUPLED, len("Hello-µ@ßöä".encode())),
    "6.2.3": fragments(TEXT, COUPLED, 1),
    "6.2.4": fragments(TEXT, WORD, 1),
}
TEXTS = {"6.1.1": b"", "6.1.2": b"", "6.1.3": b"middle frame payload", "6.2.4": WORD}

# After Markus Kuhn's decoder stress test, each as hexadecimal digits. Python's own decoder says which are valid.
SEQUENCES = {
    5: "68656c6c6f24 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64 68656c6c6ff0a4ada2776f726c64 " + WORD.hex(),
    6: " ".join(WORD[:end].hex() for end in range(1, len(WORD) + 1)),
    7: "00 c280 e0a080 f0908080",
    8: "f888808080 fc8480808080",
    9: "7f dfbf efbfbf f48fbfbf",
    10: "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf",
    11: "ed9fbf ee8080 efbfbd f48fbfbf f4908080",
    12: "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf " + bytes(range(0x80, 0xC0)).hex(),
    13: " ".join(bytes(byte for lead in range(first, last) for byte in (lead, 0x20)).hex()
                 for first, last in ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE))),
    14: "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf",
    15: "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf",
    16: "fe ff fefeffff",
    17: "c0af e080af f08080af f8808080af fc80808080af",
    18: "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf",
    19: "c080 e08080 f0808080 f880808080 fc8080808080",
    20: "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf",
    21: "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf",
    22: "efbfbe efbfbf " + " ".join(chr(plane << 16 | 0xFFFE | odd).encode().hex()
                                    for plane in range(1, 17) for odd in (0, 1)),
    23: "efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf",
}
STRESS = {
    f"6.{group}.{number}": bytes.fromhex(text)
    for group, texts in SEQUENCES.items() for number, text in enumerate(texts.split(), 1)
}


def decodes(payload):
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def fault(payload):
    """How many bytes it takes until the text cannot be mended; 0 if it only ends too early; None if it is valid.

    Each prefix is tried with what could follow; the incremental decoder waits for the third byte of a surrogate.
    """
    endings = [byte * count for byte in (b"\x80", b"\xbf") for count in range(4)]
    for end in range(1, len(payload) + 1):
        if not any(decodes(payload[:end] + ending) for ending in endings):
            return end
    return None if decodes(payload) else 0


def beyond_repair(table):
    return {number: payload for number, payload in table.items() if fault(payload)}


BAD_TEXTS = {"6.4.2": WORD + b"\xf4\x90\x80\x80edited", "6.4.2-surrogate": WORD + b"\xed\xa0\x80edited"}
BAD_TEXTS |= beyond_repair(STRESS)


@pytest.mark.parametrize("number", VALID_TEXTS)
@pytest.mark.parametrize("way", [ONE_PACKET, OCTETS])
def test_valid_text_comes_back_wherever_it_is_cut(ws, number, way):
    converse(ws, VALID_TEXTS[number], [("text", TEXTS.get(number, COUPLED))], way=way)


@pytest.mark.parametrize("payload", cases(STRESS))
@pytest.mark.parametrize("size", [65536, 1], ids=["whole", "octets"])
def test_text_comes_back_if_it_is_valid_and_is_refused_otherwise(ws, payload, size):
    frames = fragments(TEXT, payload, size)
    if fault(payload) is None:
        converse(ws, frames, [("text", payload)])
    else:
        converse(ws, frames, [], INVALID_PAYLOAD)


@pytest.mark.parametrize("payload", cases({"6.3.1": WORD + b"\xed\xa0\x80edited"}))
@pytest.mark.parametrize("size", [pytest.param(99, id="whole"), pytest.param(1, id="6.3.2")])
def test_invalid_text_is_refused(ws, payload, size):
    converse(ws, fragments(TEXT, payload, size), [], INVALID_PAYLOAD)


@pytest.mark.parametrize("payload", cases(BAD_TEXTS))
def test_the_first_bad_byte_is_refused_before_its_frame_ends(ws, payload):
    """6.4.3 and 6.4.4. No byte is sent after the bad one, so that nothing else can have brought the answer."""
    end = fault(payload)
    whole = frame(TEXT, payload + b"*" * 200)
    head = len(whole) - len(payload) - 200
    deliver(ws, [whole[: head + end - 1], whole[head + end - 1 : head + end]], FRAMES)
    ws.refused(INVALID_PAYLOAD)


@pytest.mark.parametrize("payload", cases(BAD_TEXTS))
def test_the_first_bad_byte_is_refused_before_its_message_ends(ws, payload):
    """6.4.1 and 6.4.2. The pong shows that everything before the bad byte was taken."""
    end = fault(payload)
    ws.send(frame(TEXT, payload[: end - 1], fin=False) + frame(PING, b"fine so far"))
    assert ws.event() == ("pong", b"fine so far")
    ws.send_frame(CONTINUATION, payload[end - 1 : end], fin=False)
    ws.refused(INVALID_PAYLOAD)


def test_no_text_is_checked_in_binary_messages_and_pings(ws):
    converse(ws, [frame(BINARY, b"\xff\xc0"), frame(PING, b"\xed\xa0\x80")], [("binary", b"\xff\xc0"),
                                                                            ("pong", b"\xed\xa0\x80")])


def test_a_character_that_one_message_left_open_does_not_go_on_in_the_next(ws):
    converse(ws, [frame(TEXT, b"\xc3"), frame(TEXT, b"\xa4")], [], INVALID_PAYLOAD)


# 7: close

CLOSE_FRAME = frame(CLOSE, close_payload(NORMAL))
BIG = b"BAsd7&jh23" * 26214
AFTER_CLOSE = {
    "7.1.1": ([ECHO, CLOSE_FRAME], ECHOED),
    "7.1.2": ([CLOSE_FRAME, frame(CLOSE)], []),
    "7.1.3": ([CLOSE_FRAME, frame(PING)], []),
    "7.1.4": ([CLOSE_FRAME, ECHO], []),
    "7.1.5": ([HALVES[0], CLOSE_FRAME, HALVES[1]], []),
    "7.1.6": ([frame(TEXT, BIG), ECHO, CLOSE_FRAME, frame(PING)], [("text", BIG), *ECHOED]),
    "7.1.7-nonsense": ([CLOSE_FRAME, b"\xff" * 300], []),
}
GOOD_CLOSES = {"7.3.1": b"", "7.3.3": close_payload(NORMAL), "7.3.4": close_payload(NORMAL, b"Hello World!"),
               "7.3.5": close_payload(NORMAL, b"*" * 123), "7.3.5-utf8": close_payload(NORMAL, "ß".encode() * 61)}
CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014]
GOOD_CLOSES |= {f"7.7.{number}-{code}": close_payload(code) for number, code in enumerate(CODES, 1)}
NO_CODES = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015]
BAD_CLOSES = {"7.3.2": b"a", "7.3.6": close_payload(NORMAL, b"*" * 124), "7.13.1": close_payload(5000),
              "7.13.2": close_payload(65535)}
BAD_CLOSES |= {f"7.9.{number}-{code}": close_payload(code) for number, code in enumerate(NO_CODES, 1)}
BAD_REASONS = {"7.5.1": WORD + b"\xed\xa0\x80edited", "7.5.1-cut-short": b"\xe2\x82",
               "7.5.1-last": b"*" * 122 + b"\xff"}


@pytest.mark.parametrize("frames, expected", cases(AFTER_CLOSE))
def test_what_came_before_a_close_is_answered_and_what_comes_after_it_is_not(ws, frames, expected):
    converse(ws, frames, expected, NORMAL)


@pytest.mark.parametrize("payload", cases(GOOD_CLOSES))
def test_a_close_is_answered_with_its_code(ws, payload):
    code = struct.unpack(">H", payload[:2])[0] if payload else NORMAL
    ws.send_frame(CLOSE, payload)
    event = ws.event()
    assert event[0] == "close" and event[1] in (code, NORMAL, *([] if payload else [None])), event
    assert ws.event() == END


@pytest.mark.parametrize("payload", cases(BAD_CLOSES))
def test_a_close_with_a_bad_code_or_length_is_refused(ws, payload):
    converse(ws, [frame(CLOSE, payload)], [], PROTOCOL_ERROR)


@pytest.mark.parametrize("reason", cases(BAD_REASONS))
def test_a_close_with_a_reason_that_is_not_text_is_refused(ws, reason):
    ws.send_frame(CLOSE, close_payload(NORMAL, reason))
    ws.refused(INVALID_PAYLOAD, PROTOCOL_ERROR)


@pytest.mark.parametrize("sent", [b"", frame(TEXT, HELLO)[:1], frame(TEXT, HELLO)[:9], HALVES[0], CLOSE_FRAME[:3]])
def test_a_client_that_hangs_up_without_a_close_ends_only_its_own_connection(dial, ws, sent):
    leaver = dial().accepted()
    leaver.send(sent)
    leaver.socket.shutdown(1)
    while leaver.event() != END:
        pass
    converse(ws, [ECHO], ECHOED)


# 10: fragments of the size of a packet


@pytest.mark.parametrize("size", [pytest.param(1300, id="10.1.1"), 1, 125, 126, 65535])
def test_a_message_comes_back_in_one_piece_whatever_its_fragments_were(ws, size):
    payload = b"*" * (65536 if size > 1 else 4096)
    converse(ws, fragments(TEXT, payload, size), [("text", payload)])
