"""A large file through a terminal beside reading the same terminal bare; keystrokes; interrupts; memory."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import statistics
import struct
import subprocess
import time

from benchmarks import load, servers, turns

MEGABYTES, ROUNDS = 200, 3
OPEN, KEYS = 50, 4000
MANY = 500
FLOODS = 20
SHELL = ["/bin/bash", "--norc"]


class Terminal:
    """A viewer in binary mode, by hand, so that a client library's threads are not what is measured."""

    def __init__(self, server, project, command):
        body = json.dumps({"project_id": project, "command": command}).encode()
        self.id = json.loads(servers.ask(server.port, "/api/terminals", body))["id"]
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=servers.DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall((
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.held = b""
        while b"\r\n\r\n" not in self.held:
            self.held += self.socket.recv(65536)
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise servers.Failure(f"a terminal was answered by {head[:200]!r}")

    @property
    def path(self):
        return f"/api/terminal/{self.id}?mode=binary"

    def send(self, opcode, payload):
        self.socket.sendall(struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + b"\0\0\0\0" + payload)

    def receive(self):
        """The next message: its opcode and payload."""
        while True:
            if len(self.held) >= 2:
                length, head = self.held[1], 2
                if length >= 126:
                    head = 4 if length == 126 else 10
                    length = int.from_bytes(self.held[2:head]) if len(self.held) >= head else 1 << 62
                if len(self.held) >= head + length:
                    opcode, payload = self.held[0] & 15, self.held[head:head + length]
                    self.held = self.held[head + length:]
                    return opcode, payload
            more = self.socket.recv(1 << 20)
            if not more:
                raise servers.Failure("a terminal's connection ended")
            self.held += more

    def wait_for(self, end):
        """Reads until the output ends so."""
        output = b""
        while not output.endswith(end):
            opcode, payload = self.receive()
            if opcode == 2:
                output = (output + payload)[-64:]


def make_project(server):
    return json.loads(servers.ask(server.port, "/projects", b'{"name":"Bench"}'))


def bench_file(options, server, project):
    """A file of lines, in turns bare and through the daemon; the rate is that of the file's bytes."""
    big = pathlib.Path(project["repository_path"]) / "big"
    line = b"".join(b"%c" % (33 + index % 90) for index in range(79)) + b"\n"
    with big.open("wb") as file:
        file.write(line * (MEGABYTES * 1_000_000 // 80))
        file.flush()
        os.fsync(file.fileno())  # not while the keys are pressed

    def bare():
        command = [load.program(), "pty", "--port=1", f"--path=read x; exec cat '{big.resolve()}'"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def daemon():
        terminal = Terminal(server, project["id"], ["/bin/sh", "-c", "read x; exec cat big"])
        terminal.socket.close()
        target = f"{terminal.path}&control=take"
        words = load.command("terminal", server, path=target, server=server.pid)
        return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)

    ways = {"bare": bare, "daemon": daemon}
    measured = dict(turns.take_turns(ways, lambda name: {**ways[name]()}, options.rounds))
    for runs in measured.values():
        for run in runs:
            run["MB/s"] = run["bytes"] / 1e6 / run["seconds"]
    if len({run["bytes"] for runs in measured.values() for run in runs}) != 1:
        raise servers.Failure(f"the ways gave different counts of bytes: {measured}")
    big.unlink()
    return [{
        "way": name, "MB": round(runs[0]["bytes"] / 1e6), "MB/s": turns.median(runs, "MB/s", 1),
        "to bare": turns.ratio(runs, measured["bare"], "MB/s"), "daemon cpu s": turns.median(runs, "server_cpu", 2),
        "rounds": [round(run["MB/s"], 1) for run in runs]} for name, runs in measured.items()]


def percentile(values, part):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000, 3)


def bench_keys(server, project):
    """From a key's being sent to its echo by the shell, one key at a time, in all terminals by turns."""
    terminals = [Terminal(server, project["id"], SHELL) for _ in range(OPEN)]
    for terminal in terminals:
        terminal.wait_for(b"$ ")
    times = []
    for turn in range(KEYS):
        terminal, key = terminals[turn % OPEN], b"a" if turn // OPEN % 2 == 0 else b"\x7f"
        began = time.perf_counter()
        terminal.send(2, key)
        while terminal.receive()[0] != 2:
            pass
        times.append(time.perf_counter() - began)
    for terminal in terminals:
        terminal.socket.close()
        delete(server, terminal.id)
    return {"open": OPEN, "keys": KEYS, "p50 ms": percentile(times, 0.5), "p99 ms": percentile(times, 0.99),
            "most ms": percentile(times, 1)}


def delete(server, id):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("DELETE", f"/api/terminals/{id}")
        connection.getresponse().read()


def bench_interrupt(server, project):
    """From an interrupt's being sent into a flood to the shell's prompt."""
    terminal, times = Terminal(server, project["id"], SHELL), []
    terminal.wait_for(b"$ ")
    for _ in range(FLOODS):
        terminal.send(2, b"yes\n")
        flooded = 0
        while flooded < 5_000_000:
            flooded += len(terminal.receive()[1])
        began = time.perf_counter()
        terminal.send(1, b'{"type":"interrupt"}')
        terminal.wait_for(b"$ ")
        times.append(time.perf_counter() - began)
    terminal.socket.close()
    delete(server, terminal.id)
    return {"floods": FLOODS, "median ms": percentile(times, 0.5), "longest ms": percentile(times, 1)}


def descendants(pid):
    found, waiting = [], [pid]
    while waiting:
        process = waiting.pop()
        for task in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
            below = [int(word) for word in task.read_text().split()]
            found += below
            waiting += below
    return found


def proportional_kibibytes(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1])


def bench_memory(server, project):
    """Memory of each of many terminals with a shell: what the daemon grows by, and what its processes have."""
    warm = Terminal(server, project["id"], SHELL)
    warm.wait_for(b"$ ")
    before, began = proportional_kibibytes(server.pid), time.perf_counter()
    terminals = [warm]
    for _ in range(MANY):
        terminals.append(Terminal(server, project["id"], SHELL))
    for terminal in terminals[1:]:
        terminal.wait_for(b"$ ")
    took = time.perf_counter() - began
    own = (proportional_kibibytes(server.pid) - before) / MANY
    memory = {"sandbox": [], "bash": []}
    for pid in descendants(server.pid):
        name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        if name in memory:
            memory[name].append(proportional_kibibytes(pid))
    cpu = processor_seconds([server.pid, *descendants(server.pid)])
    time.sleep(5)
    idle = (processor_seconds([server.pid, *descendants(server.pid)]) - cpu) / 5
    for terminal in terminals:
        terminal.socket.close()
        delete(server, terminal.id)
    return {
        "terminals": MANY, "daemon KiB each": round(own, 1),
        "supervisor KiB each": round(statistics.mean(memory["sandbox"]), 1),
        "shell KiB each": round(statistics.mean(memory["bash"]), 1), "start ms each": round(took * 1000 / MANY, 1),
        "cpu % when idle": round(idle * 100, 1)}


def processor_seconds(pids):
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def bench(options, folder):
    load.raise_descriptor_limit(4 * MANY)
    with servers.daemon(
            options.binary, folder("ours"), TERMINAL_LIMIT="1000", TERMINAL_PROJECT_LIMIT="1000") as server:
        project = make_project(server)
        rows = bench_file(options, server, project)
        return [*rows, bench_keys(server, project), bench_interrupt(server, project), bench_memory(server, project)]
