"""permessage-deflate (RFC 7692) on the echo route. Ids are case numbers of the Autobahn test suite where it has one.

The server need not compress what gets no smaller by it, so only what is long enough is expected to come compressed.
"""

import json
import random
import zlib

import pytest

from raw_websocket import (
    BINARY, CLOSE, CONTINUATION, INVALID_PAYLOAD, PING, PONG, PROTOCOL_ERROR, RSV1, RSV2, RSV3, TAIL, TEXT, Deflate,
    close_payload, dial, echo_daemon, fragments, frame,
)

__all__ = ["dial", "echo_daemon"]  # fixtures

PLAIN = "permessage-deflate"
BITS = f"{PLAIN}; client_max_window_bits"
FORGETFUL = f"{PLAIN}; server_no_context_takeover; client_no_context_takeover"
SERVER_FORGETS, CLIENT_FORGETS = "server_no_context_takeover", "client_no_context_takeover"
SERVER_BITS, CLIENT_BITS = "server_max_window_bits", "client_max_window_bits"
KINDS = {TEXT: "text", BINARY: "binary"}
HELLO = b"Hello"
NOISE = random.Random(7).randbytes(1 << 17)


# Negotiation (section 7.1)

GOOD_OFFERS = [
    PLAIN,
    BITS,
    FORGETFUL,
    f"{PLAIN}; {SERVER_FORGETS}",
    f"{PLAIN}; {CLIENT_FORGETS}",
    f"{PLAIN};{CLIENT_BITS};{SERVER_FORGETS}",
    f"{PLAIN} ;\t{CLIENT_BITS} ; {SERVER_BITS} = 10",
    f'{PLAIN}; {SERVER_BITS}="10"',
    f'{BITS}="11"; {SERVER_FORGETS}',
    *(f"{PLAIN}; {SERVER_BITS}={bits}" for bits in range(9, 16)),
    *(f"{BITS}={bits}" for bits in range(8, 16)),
    *(f"{BITS}={client}; {SERVER_BITS}={server}" for client in (9, 12, 15) for server in (9, 12, 15)),
    f"{FORGETFUL}; {SERVER_BITS}=9; {CLIENT_BITS}=9",
    f"{FORGETFUL}; {SERVER_BITS}=15; {CLIENT_BITS}",
]
BAD_OFFERS = [
    "permessage-foo",
    "x-webkit-deflate-frame",
    "permessage-deflate2",
    "permessage",
    f"{PLAIN}; unknown",
    f"{PLAIN}; unknown=1; {CLIENT_BITS}",
    f"{PLAIN}; {SERVER_FORGETS}=1",
    f"{PLAIN}; {CLIENT_FORGETS}=true",
    f"{PLAIN}; {SERVER_FORGETS}; {SERVER_FORGETS}",
    f"{PLAIN}; {CLIENT_FORGETS}; {CLIENT_FORGETS}",
    f"{PLAIN}; {SERVER_BITS}=10; {SERVER_BITS}=10",
    f"{BITS}; {CLIENT_BITS}=10",
    f"{PLAIN}; {SERVER_BITS}",
    *(f"{PLAIN}; {name}={bits}" for name in (SERVER_BITS, CLIENT_BITS)
      for bits in ("7", "16", "0", "-9", "+9", "09", "010", "1e1", "9.0", "abc", "999999999999999999999", "\u0661")),
]


def wanted(offer):
    """The parameters of an offer with their values; None for one that has none."""
    parameters = (part.strip() for part in offer.split(";")[1:])
    return {name.strip(): value.strip(' "') if mark else None for name, mark, value in
            (parameter.partition("=") for parameter in parameters)}


def speaks(ws, text=b"What is said twice is said twice, what is said twice is said twice."):
    """The connection carries messages in the way that was settled."""
    for payload in (text, text[::-1], text):
        ws.send_message(TEXT, payload)
        assert ws.event() == ("text", payload)
    ws.closed_cleanly()


@pytest.mark.parametrize("offer", GOOD_OFFERS)
def test_an_offer_is_taken_and_its_parameters_are_kept(dial, offer):
    ws, asked = dial(offer).accepted(), wanted(offer)
    answer = ws.deflate.parameters
    for name in (SERVER_FORGETS, SERVER_BITS):
        assert name in answer or name not in asked, "section 7.1.1.1 and 7.1.2.1: what is asked of the server is said"
    assert CLIENT_BITS in asked or CLIENT_BITS not in answer, "section 7.1.2.2: only a client that offers it has it"
    for name in (SERVER_BITS, CLIENT_BITS):
        assert int(answer.get(name) or 8) <= int(asked.get(name) or 15), f"{name} may only become smaller"
    speaks(ws)


@pytest.mark.parametrize("offer", BAD_OFFERS, ids=ascii)
def test_an_offer_that_cannot_be_met_is_declined_and_the_connection_stands_without_it(dial, offer):
    ws = dial(offer.encode().decode("latin-1")).accepted()
    assert ws.deflate is None
    speaks(ws)


def test_the_smallest_window_is_declined_or_kept_to(dial):
    ws = dial(f"{PLAIN}; {SERVER_BITS}=8").accepted()
    assert ws.deflate is None or ws.deflate.parameters[SERVER_BITS] == "8"
    speaks(ws, NOISE[:600].hex().encode() * 3)


SEVERAL = {
    "declined, good": f"{PLAIN}; unknown, {PLAIN}; {SERVER_FORGETS}",
    "other extension, good": f"x-mux; size=4, {PLAIN}; {SERVER_FORGETS}, x-other",
    "duplicate, bad bits, good": f"{BITS}; {CLIENT_BITS}, {PLAIN}; {SERVER_BITS}=99, {PLAIN};{SERVER_FORGETS}",
    "good, also good": f"{PLAIN}; {SERVER_FORGETS}, {PLAIN}",
    "empty elements": f", ,{PLAIN}; {SERVER_FORGETS},",
    "two fields": [f"{PLAIN}; unknown", f"{PLAIN}; {SERVER_FORGETS}"],
    "two good fields": [f"{PLAIN}; {SERVER_FORGETS}", PLAIN],
}


@pytest.mark.parametrize("offer", SEVERAL.values(), ids=SEVERAL)
def test_the_first_good_one_of_several_offers_is_taken(dial, offer):
    ws = dial(offer).accepted()
    assert ws.deflate and SERVER_FORGETS in ws.deflate.parameters
    speaks(ws)


def test_the_second_good_offer_is_not_mixed_into_the_first(dial):
    ws = dial(f"{PLAIN}, {FORGETFUL}").accepted()
    assert not {SERVER_FORGETS, CLIENT_FORGETS} & set(ws.deflate.parameters)


# 12 and 13: messages

WORDS = "Habe nun, ach! Philosophie, Juristerei und Medizin, und leider auch Theologie durchaus studiert".split()


def corpus(kind):
    """A text or a file of 256 KiB, the same in every run."""
    chance, size = random.Random(kind), 1 << 18
    if kind == "noise":
        return chance.randbytes(size)
    if kind == "image":
        return bytes(min(255, max(0, int(chance.gauss(128 + number % 512 / 8, 4)))) for number in range(size))
    words = [chance.choice(WORDS) + "äöüß"[number % 5 : number % 5 + 1] for number in range(60_000)]
    if kind == "prose":
        return " ".join(words).encode()[:size]
    if kind == "markup":
        return "".join(f"<p class='{word}'>{number}</p>\n" for number, word in enumerate(words)).encode()[:size]
    return json.dumps([{"id": number, "name": word} for number, word in enumerate(words)]).encode()[:size]


CORPORA = {kind: corpus(kind) for kind in ("json", "image", "prose", "markup", "noise")}
SHAPES = [(size, None) for size in (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)]
SHAPES += [(size, 256) for size in (8192, 16384, 32768, 65536, 131072)]
SHAPES += [(131072, fragment) for fragment in (1024, 4096, 32768)]
OFFERS = [
    BITS,
    f"{BITS}; {SERVER_FORGETS}",
    f"{BITS}; {SERVER_BITS}=9",
    f"{BITS}; {SERVER_BITS}=15",
    f"{BITS}; {SERVER_FORGETS}; {SERVER_BITS}=9",
    f"{BITS}; {SERVER_FORGETS}; {SERVER_BITS}=15",
    f"{BITS}; {SERVER_FORGETS}; {SERVER_BITS}=9, {BITS}; {SERVER_FORGETS}, {BITS}",
    # From here on without a case of Autobahn.
    FORGETFUL,
    f"{BITS}=9; {CLIENT_FORGETS}",
]
SERIES = {f"12.{number}": (BITS, kind) for number, kind in enumerate(CORPORA, 1)}
SERIES |= {f"13.{number}": (offer, "json") for number, offer in enumerate(OFFERS, 1)}
MESSAGES = {
    f"{series}.{number}": (offer, kind, size, fragment)
    for series, (offer, kind) in SERIES.items() for number, (size, fragment) in enumerate(SHAPES, 1)
}


@pytest.mark.parametrize("offer, kind, size, fragment", MESSAGES.values(), ids=MESSAGES)
def test_messages_of_any_size_come_back(dial, offer, kind, size, fragment):
    ws, data = dial(offer).accepted(), CORPORA[kind]
    opcode = BINARY if kind in ("image", "prose", "noise") else TEXT
    for number in range(min(24, max(3, (1 << 17) // size))):
        start = number * size % (len(data) - size + 1)
        payload = data[start : start + size]
        payload = payload if opcode == BINARY else payload.decode(errors="ignore").encode()
        ws.send_message(opcode, payload, fragment)
        assert ws.event() == (KINDS[opcode], payload)
    was_compressed = [found.rsv == RSV1 for found in ws.frames]
    assert size < 256 or kind == "noise" or all(was_compressed)
    ws.closed_cleanly()


# The context that goes on from message to message, and the window (section 7.1.1 and 7.1.2)


def test_this_client_notices_a_distance_beyond_the_window():
    """Else the tests above could not tell a server that does not keep to what it said."""
    for bits in range(9, 15):
        apart = NOISE[: (1 << bits) + 300]
        wide = Deflate({}).compress(apart + apart)
        with pytest.raises(zlib.error):
            Deflate({SERVER_BITS: str(bits)}).decompress(wide)


def lengths_of_echoes(ws, payload, count=3):
    for _ in range(count):
        ws.send_message(BINARY, payload)
        assert ws.event() == ("binary", payload)
    return [len(found.payload) for found in ws.frames]


@pytest.mark.parametrize("offer", [PLAIN, BITS, f"{PLAIN}; {CLIENT_FORGETS}"])
def test_the_server_refers_to_the_messages_before(dial, offer):
    first, second, third = lengths_of_echoes(dial(offer).accepted(), NOISE[:1024])
    assert first >= 1024 and second < 100 and third < 100


@pytest.mark.parametrize("offer", [f"{PLAIN}; {SERVER_FORGETS}", FORGETFUL])
def test_the_server_forgets_each_message_when_that_was_settled(dial, offer):
    lengths = lengths_of_echoes(dial(offer).accepted(), NOISE[:1024])
    assert len(set(lengths)) == 1 and lengths[0] >= 1024


def reference_to(payload):
    """The payload as a message that says only 'that again': it cannot be read without the one before."""
    compressor = zlib.compressobj(wbits=-12, zdict=payload)
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(data) < 40 < len(payload)
    return data[:-4]


def test_a_client_may_refer_to_its_messages_before_plain_ones_do_not_count(dial):
    ws, payload = dial(BITS).accepted(), NOISE[:300]
    ws.send_message(BINARY, payload)
    ws.send_frame(BINARY, b"plain" * 10)
    ws.send_frame(BINARY, reference_to(payload), rsv=RSV1)
    assert ws.events(3) == [("binary", payload), ("binary", b"plain" * 10), ("binary", payload)]
    ws.closed_cleanly()


@pytest.mark.parametrize("offer", [FORGETFUL, f"{BITS}; {CLIENT_FORGETS}"])
def test_a_client_that_was_to_forget_may_not_refer_to_its_messages_before(dial, offer):
    ws, payload = dial(offer).accepted(), NOISE[:300]
    ws.send_message(BINARY, payload)
    ws.send_frame(BINARY, reference_to(payload), rsv=RSV1)
    assert ws.event() == ("binary", payload)
    ws.refused(INVALID_PAYLOAD, PROTOCOL_ERROR)


# Single messages, the examples of section 7.2.3 first


def blocks(*pieces, flush=zlib.Z_SYNC_FLUSH):
    """A message in which each piece is flushed, so that it holds several blocks."""
    compressor = zlib.compressobj(wbits=-12)
    data = b"".join(compressor.compress(piece) + compressor.flush(flush) for piece in pieces)
    return data.removesuffix(TAIL)


def final_block(payload):
    """A message that ends with BFINAL set, and the empty byte behind it (section 7.2.3.4)."""
    compressor = zlib.compressobj(wbits=-12)
    return compressor.compress(payload) + compressor.flush(zlib.Z_FINISH) + b"\0"


def stored(payload, length=None, check=None):
    """A block without compression (RFC 1951 section 3.2.4), whose length and its complement may lie."""
    length = len(payload) if length is None else length
    check = length ^ 0xFFFF if check is None else check
    return b"\0" + length.to_bytes(2, "little") + check.to_bytes(2, "little") + payload


COMPRESSED = {
    "7.2.3.1 one block": (bytes.fromhex("f248cdc9c90700"), HELLO),
    "7.2.3.3 no compression": (bytes.fromhex("000500faff48656c6c6f00"), HELLO),
    "7.2.3.4 final block": (bytes.fromhex("f348cdc9c9070000"), HELLO),
    "7.2.3.5 two blocks": (bytes.fromhex("f24805000000ffffcac9c90700"), HELLO),
    "7.2.3.6 empty": (b"\0", b""),
    "empty, fixed block": (bytes.fromhex("0200"), b""),
    "empty, final": (bytes.fromhex("030000"), b""),
    "many flushes inside": (blocks(*([b"ab", b"", b"cd" * 50] * 20)), (b"ab" + b"cd" * 50) * 20),
    "full flushes inside": (blocks(HELLO, HELLO, HELLO, flush=zlib.Z_FULL_FLUSH), HELLO * 3),
    "only empty blocks": (b"\0\0\0\xff\xff" * 50 + b"\0", b""),
    "final, then another": (final_block(HELLO) + b"\0\0\xff\xff" + blocks(b", again"), b"Hello, again"),
    "two stored blocks": (stored(HELLO) + stored(HELLO) + b"\0", HELLO * 2),
    "own codes": (blocks(NOISE[:999].hex().encode()), NOISE[:999].hex().encode()),
}


@pytest.mark.parametrize("data, payload", COMPRESSED.values(), ids=COMPRESSED)
@pytest.mark.parametrize("size", [1 << 20, 1])
def test_any_deflate_stream_makes_a_message_wherever_it_is_cut(dial, data, payload, size):
    ws = dial(BITS).accepted()
    ws.send(b"".join(fragments(TEXT, data, size, RSV1)))
    assert ws.event() == ("text", payload)
    speaks(ws)


def test_the_second_hello_is_five_bytes(dial):
    """Section 7.2.3.2, octet for octet."""
    ws = dial(BITS).accepted()
    ws.send(frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=RSV1) + frame(TEXT, bytes.fromhex("f200110000"), rsv=RSV1))
    assert ws.events(2) == [("text", HELLO)] * 2
    speaks(ws)


@pytest.mark.parametrize("final", [final_block(NOISE[:300]), blocks(NOISE[:300]) + b"\0\0\xff\xff\x03\0\0"])
def test_the_context_goes_on_behind_a_final_block(dial, final):
    ws, again = dial(BITS).accepted(), reference_to(NOISE[:300])
    ws.send(frame(BINARY, final, rsv=RSV1) + frame(BINARY, again, rsv=RSV1))
    assert ws.events(2) == [("binary", NOISE[:300])] * 2


def test_plain_messages_and_control_frames_may_stand_between_compressed_ones(dial):
    ws = dial(BITS).accepted()
    first, *others = fragments(TEXT, blocks(HELLO * 9), 3, RSV1)
    ping, pong = frame(PING, b"not compressed"), ("pong", b"not compressed")
    ws.send(first + b"".join(ping + other for other in others) + frame(TEXT, b"plain") + frame(PONG, b"unasked"))
    assert ws.events(len(others) + 2) == [pong] * len(others) + [("text", HELLO * 9), ("text", b"plain")]
    speaks(ws)


def test_a_compressed_message_may_begin_with_an_empty_fragment(dial):
    ws = dial(BITS).accepted()
    ws.send(frame(TEXT, fin=False, rsv=RSV1) + frame(CONTINUATION, fin=False) + frame(CONTINUATION, blocks(HELLO)))
    assert ws.event() == ("text", HELLO)
    speaks(ws)


@pytest.mark.parametrize("offer", [PLAIN, FORGETFUL])
def test_a_compressed_message_comes_back_when_it_is_chopped_into_octets(dial, offer):
    ws = dial(offer).accepted()
    ws.send(frame(TEXT, blocks(NOISE[:200].hex().encode()), rsv=RSV1), chop=1)
    assert ws.event() == ("text", NOISE[:200].hex().encode())


# What is refused

PART = frame(TEXT, blocks(HELLO), fin=False, rsv=RSV1)
MISPLACED = {
    "continuation": PART + frame(CONTINUATION, b"\0", rsv=RSV1),
    "continuation of a plain message": frame(TEXT, HELLO, fin=False) + frame(CONTINUATION, blocks(HELLO), rsv=RSV1),
    "ping": frame(PING, HELLO, rsv=RSV1),
    "ping between fragments": PART + frame(PING, HELLO, rsv=RSV1),
    "pong": frame(PONG, rsv=RSV1),
    "close": frame(CLOSE, close_payload(1000), rsv=RSV1),
    "RSV2": frame(TEXT, blocks(HELLO), rsv=RSV1 | RSV2),
    "RSV3": frame(BINARY, blocks(HELLO), rsv=RSV1 | RSV3),
    "RSV2 alone": frame(TEXT, HELLO, rsv=RSV2),
    "reserved opcode": frame(3, blocks(HELLO), rsv=RSV1),
    "stray continuation": frame(CONTINUATION, blocks(HELLO)),
    "message within a message": PART + frame(TEXT, blocks(HELLO), rsv=RSV1),
    "no mask": frame(TEXT, blocks(HELLO), rsv=RSV1, mask=None),
}


@pytest.mark.parametrize("sent", MISPLACED.values(), ids=MISPLACED)
def test_reserved_bits_are_refused_where_they_mean_nothing(dial, sent):
    ws = dial(BITS).accepted()
    ws.send(sent)
    ws.refused(PROTOCOL_ERROR)


@pytest.mark.parametrize("offer", [None, "permessage-foo", f"{PLAIN}; unknown"])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_compressed_message_is_refused_when_none_were_settled(dial, offer, opcode):
    ws = dial(offer).accepted()
    ws.send_frame(opcode, blocks(HELLO), rsv=RSV1)
    ws.refused(PROTOCOL_ERROR)


GARBAGE = {
    "reserved block type": b"\x06",
    "all ones": b"\xff" * 20,
    "complement of a length": stored(HELLO, check=5),
    "distance before the beginning": reference_to(NOISE[:300]),
    "no codes": bytes.fromhex("040000000000000000"),
    "too many codes": bytes.fromhex("fdffffffffffffffffff"),
    "zlib header": zlib.compress(HELLO),
    "gzip header": zlib.compress(HELLO, wbits=31),
    "cut within a block": stored(HELLO, length=99),
    "no byte at all": b"",
    "plain text": b"Hello, world, this was never compressed.",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("size", [1 << 20, 1])
def test_what_is_no_deflate_stream_is_refused(dial, data, size):
    ws = dial(BITS).accepted()
    ws.send(b"".join(fragments(BINARY, data, size, RSV1)))
    ws.refused(INVALID_PAYLOAD, PROTOCOL_ERROR)


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\xc3", b"fine so far \xf4\x90"])
def test_compressed_text_that_is_not_utf8_is_refused(dial, text):
    ws = dial(BITS).accepted()
    ws.send_message(TEXT, text)
    ws.refused(INVALID_PAYLOAD)


def test_compressed_text_that_is_not_utf8_is_refused_before_its_message_ends(dial):
    ws = dial(BITS).accepted()
    ws.send_frame(TEXT, blocks(b"fine so far \xff") + TAIL, fin=False, rsv=RSV1)
    ws.refused(INVALID_PAYLOAD)
