"""A viewer of a terminal, with a terminal emulator (pyte) that judges what programs paint."""

import contextlib
import json
import time

import pyte
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def start(client, project, command=None, **body):
    """Starts a terminal and gives its row."""
    wanted = {"project_id": project["id"], **({} if command is None else {"command": command}), **body}
    answer = client.post("/api/terminals", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


def address(daemon, terminal, path="/api/terminal/{id}", **query):
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return daemon.url.replace("http://", "ws://") + path.format(id=terminal["id"]) + (f"?{words}" if words else "")


@contextlib.contextmanager
def viewing(daemon, terminal, paints=True, **query):
    """A viewer that has got its first status; floods are not painted, since the emulator is slow."""
    # A client whose queue is full reads no more, and would wait long for the end of a flood.
    options = {"proxy": None, "max_size": None, "compression": None, "close_timeout": 1}
    with connect(address(daemon, terminal, **query), **options) as socket:
        viewer = Viewer(socket, terminal, paints)
        viewer.hello = viewer.until(lambda: viewer.status, "a first status")
        yield viewer


@contextlib.contextmanager
def running(daemon, client, project, command=None, columns=80, rows=24, env=None, **query):
    """A new terminal with a viewer; it is deleted afterwards."""
    terminal = start(client, project, command, cols=columns, rows=rows, **({} if env is None else {"env": env}))
    assert terminal["state"] == "running", terminal
    with viewing(daemon, terminal, **query) as viewer:
        yield viewer
    assert client.delete(f"/api/terminals/{terminal['id']}").status_code == 204


class Screen(pyte.Screen):
    def select_graphic_rendition(self, *attributes, private=False):
        """vi asks for other keys by a sequence that only looks like colours."""
        if not private:
            super().select_graphic_rendition(*attributes)


class Viewer:
    def __init__(self, socket, terminal, paints=True):
        self.socket, self.terminal, self.paints = socket, terminal, paints
        self.screen = Screen(terminal["cols"], terminal["rows"])
        self.text_stream, self.byte_stream = pyte.Stream(self.screen), pyte.ByteStream(self.screen)
        self.output, self.bytes, self.offset, self.status, self.end = "", bytearray(), 0, None, None
        self.gaps, self.errors, self.pongs, self.closed = [], [], 0, None

    # What comes

    def take(self, seconds=20.0):
        """The next message; False when none came in time or the connection has ended."""
        try:
            message = self.socket.recv(timeout=seconds)
        except TimeoutError:
            return False
        except ConnectionClosed as closed:
            self.closed = closed.rcvd.code if closed.rcvd else 1006
            return False
        if isinstance(message, bytes):
            self.bytes += message
            self.offset += len(message)
            if self.paints:
                self.byte_stream.feed(message)
            return True
        message = json.loads(message)
        self.offset = message.get("offset", self.offset)
        match message["type"]:
            case "output":
                self.output += message["data"]
                self.text_stream.feed(message["data"])
            case "status" if message["state"] == "running":
                self.status = message
                if (message["cols"], message["rows"]) != (self.screen.columns, self.screen.lines):
                    self.screen.resize(message["rows"], message["cols"])
            case "status":
                self.end = message
            case "gap":
                self.gaps.append(message)
            case "error":
                self.errors.append(message)
            case "pong":
                self.pongs += 1
        return True

    def until(self, condition, what, seconds=20.0):
        """Takes messages until the condition gives something true."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if self.closed is not None or not self.take(max(0.0, deadline - time.monotonic())):
                if value := condition():
                    return value
                pytest.fail(f"{what}: did not come; closed {self.closed}; the screen:\n" + "\n".join(self.lines))
        return value

    def see(self, text, seconds=20.0):
        """Waits until the screen shows the text."""
        return self.until(lambda: text in "\n".join(self.lines), f"{text!r} on the screen", seconds)

    def see_prompt(self, seconds=20.0):
        """Waits until the shell waits for a command: the cursor stands behind a prompt."""
        row = lambda: self.screen.display[self.screen.cursor.y][: self.screen.cursor.x]
        return self.until(lambda: row().endswith("$ "), "a prompt", seconds)

    def see_end(self, seconds=20.0):
        self.until(lambda: self.end and self.closed, "the end", seconds)
        return self.end

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    # What is said

    def send(self, **message):
        self.socket.send(json.dumps(message))

    def type(self, text):
        self.send(type="input", data=text)

    def run(self, command):
        """A command at the prompt, and its output once there is a prompt again."""
        self.see_prompt()
        self.screen.reset()
        self.screen.cursor.y = 0
        begun = len(self.output)
        self.type(command + "; printf '\\e]0;do%s\\a' ne\r")
        self.until(lambda: "\x1b]0;done\x07" in self.output[begun:], f"the end of {command!r}")
        said = self.output[begun : self.output.index("\x1b]0;done\x07", begun)]
        self.see_prompt()
        # The shell switches its editor's modes off before a command.
        return said.partition("\r\n")[2].removeprefix("\x1b[?2004l\r").replace("\r\n", "\n")

    def ping(self):
        """Waits for an answer: all that was sent before has been dealt with."""
        wanted = self.pongs + 1
        self.send(type="ping")
        self.until(lambda: self.pongs >= wanted, "a pong")
