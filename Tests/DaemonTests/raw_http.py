"""HTTP/1.1 from the client's side on a bare socket: sends any bytes, and takes answers only when they are well formed.

It shares no code with the daemon and none with a client library, which would forgive what is checked here.
"""

import email.parser
import email.policy
import re
import select
import socket
import time
import urllib.parse
import zlib

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*"
                        rb"[\x21-\x7e\x80-\xff])?)?)[\t ]*")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[\t ]*;[\t\x20-\x7e]*)?")
PIECE_PAUSE = 0.00005


def is_readable(connection, seconds=0):
    """Whether bytes or the end come within so long; select() itself would not take a descriptor above 1023."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class MalformedAnswer(AssertionError):
    """What came is no HTTP/1.1 answer (RFC 9112), or did not come."""


class Answer:
    """One answer: the fields in order with names in lower case, and the body without its framing."""

    def __init__(self, status, reason, fields):
        self.status, self.reason, self.fields = status, reason, fields
        self.body, self.framing, self.trailers = b"", "none", []

    def values(self, name):
        return [value for known, value in self.fields if known == name]

    def __getitem__(self, name):
        """The value of a field that stands at most once, or None."""
        values = self.values(name)
        if len(values) > 1:
            raise MalformedAnswer(f"{name} stands {len(values)} times: {values}")
        return values[0] if values else None

    def tokens(self, name):
        """The members of a list field, in lower case."""
        members = ",".join(self.values(name)).split(",")
        return [member.strip(" \t").lower() for member in members if member.strip(" \t")]

    def decoded(self):
        """The body without its content coding, which has to be one whole gzip member with nothing behind it."""
        coding = self["content-encoding"]
        if coding is None:
            return self.body
        if coding != "gzip":
            raise MalformedAnswer(f"an unknown content coding: {self}")
        stream = zlib.decompressobj(wbits=31)
        body = stream.decompress(self.body)
        if not stream.eof or stream.unused_data:
            raise MalformedAnswer(f"the gzip member does not end where the body ends (RFC 1952): {self}")
        return body

    def parts(self):
        """The place and the bytes of each part of a multipart/byteranges body (RFC 9110 section 14.6)."""
        head = f"Content-Type: {self['content-type']}\r\n\r\n".encode("latin-1")
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        if message.get_content_type() != "multipart/byteranges" or message.defects:
            raise MalformedAnswer(f"no multipart/byteranges {message.defects}: {self}")
        return [(part["content-range"], part.get_payload(decode=True)) for part in message.iter_parts()]

    def __repr__(self):
        return f"<{self.status} {self.reason} {dict(self.fields)} {self.body[:200]!r}>"


class Connection:
    """One connection. Reading has a deadline, so that a daemon that says nothing fails the test."""

    def __init__(self, url, seconds=10):
        address = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.has_ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends what the daemon still takes: it may have answered and closed before all of it is out."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def send_pieces(self, pieces):
        """Sends each piece in a segment of its own, with time for the daemon to look at it alone."""
        for piece in pieces:
            self.send(piece)
            # Nothing tells when the other side has read.
            time.sleep(PIECE_PAUSE)
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def is_silent(self, seconds):
        """Whether nothing came in that time, neither a byte nor the end."""
        return not self.received and not is_readable(self.socket, seconds)

    def answer(self, method="GET"):
        """The next answer, also a 1xx one, to a request of that method."""
        answer = self._head()
        coding, length = answer["transfer-encoding"], answer["content-length"]
        if coding is not None and length is not None:
            raise MalformedAnswer(f"both Transfer-Encoding and Content-Length: {answer}")
        if coding not in (None, "chunked"):
            raise MalformedAnswer(f"an unknown transfer coding: {answer}")
        if length is not None and not re.fullmatch("[0-9]{1,15}", length):
            raise MalformedAnswer(f"Content-Length is no number: {answer}")
        if (answer.status < 200 or answer.status == 204) and (coding or length):
            raise MalformedAnswer(f"a body is announced where none may be (RFC 9110 8.6, RFC 9112 6.1): {answer}")
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return answer
        if coding:
            answer.framing = "chunked"
            answer.body, answer.trailers = self._chunks()
        elif length is not None:
            answer.framing = "length"
            answer.body = self._take(int(length))
        else:
            if "close" not in answer.tokens("connection"):
                raise MalformedAnswer(f"the body ends with the connection, which is not said to close: {answer}")
            answer.framing = "close"
            answer.body = self.rest()
        return answer

    def final_answer(self, method="GET"):
        """The next answer that is not 1xx."""
        while (answer := self.answer(method)).status < 200:
            pass
        return answer

    def has_more(self):
        """Waits for a byte or the end of the connection, and tells whether it was a byte."""
        return bool(self.received) or self._receive()

    def rest(self):
        """Everything up to the end of the connection."""
        while self._receive():
            pass
        data, self.received = self.received, b""
        return data

    def expect_end(self):
        """The daemon closes, without another byte."""
        rest = self.rest()
        if rest:
            raise MalformedAnswer(f"more came where the end of the connection was wanted: {rest[:300]!r}")

    def _receive(self):
        if self.has_ended:
            return False
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise MalformedAnswer(f"neither bytes nor an end came; before that {self.received[:300]!r}") from None
        except ConnectionResetError:
            raise MalformedAnswer(f"the connection was reset; before that {self.received[:300]!r}") from None
        self.received += data
        self.has_ended = not data
        return bool(data)

    def _take(self, count):
        while len(self.received) < count:
            if not self._receive():
                raise MalformedAnswer(f"{count} bytes were announced, the end came after {len(self.received)}")
        data, self.received = self.received[:count], self.received[count:]
        return data

    def _line(self):
        while b"\n" not in self.received:
            if not self._receive():
                raise MalformedAnswer(f"the connection ended within a line: {self.received[:300]!r}")
        line, _, self.received = self.received.partition(b"\n")
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise MalformedAnswer(f"a line must end with CR LF and hold no other CR: {line!r}")
        return line[:-1]

    def _head(self):
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        if not match:
            raise MalformedAnswer(f"no status line: {line!r}")
        return Answer(int(match[1]), match[2].decode("latin-1"), self._fields())

    def _fields(self):
        fields = []
        while line := self._line():
            match = FIELD_LINE.fullmatch(line)
            if not match:
                raise MalformedAnswer(f"no field line: {line!r}")
            fields.append((match[1].decode().lower(), match[2].decode("latin-1")))
        return fields

    def _chunks(self):
        body = b""
        while True:
            line = self._line()
            match = CHUNK_SIZE.fullmatch(line)
            if not match:
                raise MalformedAnswer(f"no chunk size: {line!r}")
            if int(match[1], 16) == 0:
                return body, self._fields()
            body += self._take(int(match[1], 16))
            if self._take(2) != b"\r\n":
                raise MalformedAnswer("chunk data must end with CR LF where its size says")


def request(method="GET", target="/health", body=None, version="1.1", host="localhost", **fields):
    """The bytes of a request; `Content_Type="x"` becomes `Content-Type: x`, and a field that is None is left out."""
    if body is not None and "Content_Length" not in fields and "Transfer_Encoding" not in fields:
        fields["Content_Length"] = len(body)
    lines = [f"{method} {target} HTTP/{version}", *([f"Host: {host}"] if host is not None else [])]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def ask(url, *arguments, **fields):
    """One request on a connection of its own, and its answer."""
    fields.setdefault("Connection", "close")
    with Connection(url) as connection:
        connection.send(request(*arguments, **fields))
        answer = connection.final_answer(arguments[0] if arguments else fields.get("method", "GET"))
        connection.expect_end()
        return answer
