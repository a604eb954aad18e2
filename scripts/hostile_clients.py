"""The clients of scripts/hostile: one that behaves, and a crowd that does not. Each is a process of its own.

    hostile_clients.py good PORT SECONDS
    hostile_clients.py bad PORT CONNECTIONS PIPELINES-A-SECOND SECONDS

What they saw and did is printed as JSON.
"""
import gc
import heapq
import itertools
import json
import random
import resource
import socket
import struct
import sys
import time

REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
POST = b"POST /projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
ONE_PIPELINE = 10_000


def frame(payload, opcode=1):
    """A client's frame under the mask 0, which leaves the bytes as they are."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload


class Good:
    """One connection that is used as it should be, one thing at a time."""

    def __init__(self, port, path=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if path:
            self.socket.sendall(UPGRADE % path)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += self._receive()
            assert answer.startswith(b"HTTP/1.1 101 "), answer

    def _receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise OSError("the daemon closed the good client's connection")
        return data

    def health(self):
        self.socket.sendall(REQUEST % b"/health")
        data = self._receive()
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()

    def echo(self):
        self.socket.sendall(frame(b"are you there?"))
        data = self._receive()
        while len(data) < 16:
            data += self._receive()
        assert data == b"\x81\x0eare you there?", data


def good(port, seconds):
    """200 round trips a second; each is timed from when it was due, so that a stall counts for all it delays."""
    http, websocket = Good(port), Good(port, b"/ws/echo")
    kinds = itertools.cycle((("health", http.health), ("echo", websocket.echo)))
    times = {"health": [], "echo": []}
    gc.disable()
    due = time.perf_counter() + 0.1
    end = due + seconds
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        name, act = next(kinds)
        act()
        times[name].append(time.perf_counter() - due)
        due += 0.005
    return {name: summary(values) for name, values in times.items()}


def summary(values):
    """Seconds, and at which part of the run the worst was."""
    worst, ordered = max(values), sorted(values)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100], "max": worst,
            "max_at": values.index(worst) / len(values)}


class Gone(Exception):
    """The daemon ended the connection."""


class Bad:
    """One bad client: `run` does one thing after the other and yields how many seconds it pauses."""

    def __init__(self, crowd, window=None):
        self.crowd, self.born = crowd, time.monotonic()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.connect_ex(("127.0.0.1", crowd.port))

    def send(self, data):
        """How much of it went out."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Gone from error

    def read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    def drip(self, opening, rest):
        """One byte a second."""
        yield 0.1
        self.send(opening)
        while True:
            yield 1.0
            self.send(rest)

    def never_read(self, *sent):
        for data in sent:
            yield 0.3
            self.send(data)
        while not self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            yield 1.0

    def break_off(self):
        """A reset at any point of a request, a body or a frame."""
        whole = random.choice((
            REQUEST % b"/api/v1/openapi.json", POST % 99 + b"x" * 99, UPGRADE % b"/ws/echo" + frame(b"y" * 999, 2)))
        cut = random.randrange(len(whole) + 1)
        yield 0.1
        self.send(whole[: cut // 2])
        yield random.random()
        self.send(whole[cut // 2 : cut])
        yield random.random() * 2
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.crowd.count("resets")

    def pipeline(self):
        """10,000 requests without waiting for an answer; all must be answered, in order."""
        while not self.crowd.may_pipeline():
            yield 0.5 + random.random()
        rest = memoryview((REQUEST % b"/health") * ONE_PIPELINE)
        answers, tail = 0, b""
        while answers < ONE_PIPELINE:
            rest = rest[self.send(rest) :] if rest else rest
            data = tail + self.read()
            answers += data.count(b"HTTP/1.1 200 ")
            # What might be cut in two is looked at again; it is too short to be counted twice.
            tail = data[-12:]
            yield 0.01
        self.crowd.count("pipelines")
        while True:
            yield 1.0
            self.read()

    def publish(self):
        """Not bad itself: it fills the room that others follow without reading."""
        yield 0.3
        self.send(UPGRADE % b"/ws/fanout")
        while True:
            yield 0.1
            self.read()
            self.send(frame(b"z" * 900))


class Crowd:
    """All bad clients, each with its next turn; one that ends is followed by another of its kind."""

    # Of 100: how many, what they do, and their receive window, small for those who never read.
    KINDS = {
        "drip a head": (15, lambda bad: bad.drip(REQUEST[:4] + b"/ HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"), None),
        "drip a body": (15, lambda bad: bad.drip(POST % 100_000, b"x"), None),
        "drip frames": (15, lambda bad: bad.drip(UPGRADE % b"/ws/echo" + frame(b"x" * 60_000, 2)[:8], b"x"), None),
        "never read answers": (15, lambda bad: bad.never_read(REQUEST % b"/api/v1/openapi.json" * 50), 2048),
        "never read events": (8, lambda bad: bad.never_read(
            UPGRADE % b"/ws", frame(b'{"type":"subscribe","topic":"echo:room"}')), 2048),
        "never read a stream": (7, lambda bad: bad.never_read(REQUEST % b"/sse/fanout"), 2048),
        "break off": (20, Bad.break_off, None),
        "pipeline 10,000": (5, Bad.pipeline, 1 << 20),
        "publisher": (0, Bad.publish, None),
    }

    def __init__(self, port, connections, rate):
        self.port, self.rate = port, rate
        self.counts = {"resets": 0, "pipelines": 0, "opened": 0, "ended by the daemon": 0}
        self.longest = dict.fromkeys(self.KINDS, 0.0)
        self.last_pipeline = time.monotonic()
        names = ["publisher"]
        for name, (share, _, _) in self.KINDS.items():
            names += [name] * (share * connections // 100)
        random.shuffle(names)
        now, self.turns, self.numbers = time.monotonic(), [], itertools.count()
        # They come over some seconds, since opening them is work for this process too.
        for index, name in enumerate(names):
            heapq.heappush(self.turns, (now + index / 500, next(self.numbers), name, None, None))

    def count(self, what):
        self.counts[what] += 1

    def may_pipeline(self):
        now = time.monotonic()
        if now - self.last_pipeline < 1 / self.rate:
            return False
        self.last_pipeline = now
        return True

    def run(self, seconds):
        end = time.monotonic() + seconds
        while self.turns[0][0] < end:
            due, _, name, bad, steps = heapq.heappop(self.turns)
            time.sleep(max(0.0, due - time.monotonic()))
            if bad is None:
                _, act, window = self.KINDS[name]
                bad = Bad(self, window)
                steps = act(bad)
                self.count("opened")
            try:
                pause = next(steps, None)
            except Gone:
                self.count("ended by the daemon")
                pause = None
            now = time.monotonic()
            self.longest[name] = max(self.longest[name], now - bad.born)
            if pause is None:
                bad.socket.close()
                bad = steps = None
            heapq.heappush(self.turns, (now + (pause or 1.0), next(self.numbers), name, bad, steps))
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {**self.counts, "longest": self.longest, "processor": used.ru_utime + used.ru_stime}


if __name__ == "__main__":
    port = int(sys.argv[2])
    if sys.argv[1] == "good":
        print(json.dumps(good(port, float(sys.argv[3]))))
    else:
        print(json.dumps(Crowd(port, int(sys.argv[3]), float(sys.argv[4])).run(float(sys.argv[5]))))
