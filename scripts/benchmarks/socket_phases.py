"""WebSocket, server-sent events and idle connections, beside SwiftNIO and uvicorn."""
import contextlib
import functools
import pathlib
import re
import sys

from benchmarks import load, servers
from benchmarks.turns import median, ratio, take_turns

SIZE, MANY, IDLE, FEW_IDLE, BUSY = 64, 1000, 10_000, 100, 32
ENDLESS = 10_000_000  # events: the time ends a run
SPARE = 1000  # descriptors beside the connections


def starts(options):
    """By name, what starts a server in a folder; ours is the first."""
    known = {
        "ours": functools.partial(servers.daemon, options.binary, WEBSOCKET_ECHO="true"), "nio": servers.nio,
        "uvicorn": servers.starlette,
    }
    if getattr(options, "deflate", False):
        del known["nio"]
        print("SwiftNIO has no permessage-deflate: without it", file=sys.stderr)
    return {name: start for name, start in known.items() if name not in options.without}


def compare(case, unit, running, run, options):
    """A row a server; run(server, seconds) measures one for so long."""
    for server in running:
        run(server, 1)  # warms up
    turns = list(take_turns(running, lambda server: run(server, options.seconds), options.rounds))
    ours = turns[0][1]
    for server, runs in turns:
        yield {"case": case, "server": server.name, **summary(unit, ours, runs)}


def summary(unit, ours, runs):
    return {
        "bytes": median(runs, "bytes"), unit: median(runs, "rate"), "ours/it": ratio(ours, runs, "rate"),
        "p50 us": median(runs, "p50 us"), "p99 us": median(runs, "p99 us"),
        "cpu s/100k messages": median(runs, "cpu s/100k messages", 3), "load cpu %": median(runs, "load cpu %"),
        "rounds": list(runs),
    }


def bench_cases(cases, options, folder):
    """The rows of cases (name, unit, mode, arguments) on servers that all run, and of which one works at a time."""
    load.raise_descriptor_limit(MANY + SPARE)
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(start(folder(name))) for name, start in starts(options).items()]
        rows = []
        for case, unit, mode, arguments in cases:
            def run(server, seconds):
                return load.measure(mode, server, size=SIZE, seconds=seconds, **arguments)

            rows += compare(case, unit, running, run, options)
        return rows


def fan_out_cases(mode, **arguments):
    for window, name in ((1, "1 event"), (8, "8 events under way"), (64, "64 events under way")):
        given = {"connections": MANY, "events": ENDLESS, "window": window, **arguments}
        yield f"{name} to {MANY}", "deliveries/s", mode, given


def bench_websocket(options, folder):
    deflate = {"deflate": options.deflate}
    cases = [
        (f"echo of {count}", "round trips/s", "echo", {"connections": count, **deflate}) for count in (BUSY, MANY)]
    return bench_cases([*cases, *fan_out_cases("fanout", path="/ws/fanout", **deflate)], options, folder)


def bench_sse(options, folder):
    return bench_cases(fan_out_cases("sse", path="/sse/fanout"), options, folder)


def resident_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.M)[1]) * 1024


def idle_run(start, folder, seconds):
    """A new server's figures beside few idle connections, and beside many with the memory of each."""
    with start(folder) as server:
        echo = functools.partial(load.measure, "echo", server, size=SIZE, connections=BUSY)
        echo(seconds=1)  # warms up, and loads the pages of the code
        with load.holding(server, FEW_IDLE):
            few = echo(seconds=seconds)
        before = resident_bytes(server.pid)
        with load.holding(server, IDLE):
            each = (resident_bytes(server.pid) - before) / IDLE
            many = echo(seconds=seconds)
    return {"few": few, "many": {**many, "KiB each": round(each / 1024, 2)}}


def bench_idle(options, folder):
    """Every round starts each server anew: memory that an earlier round has left would hide what this one takes."""
    load.raise_descriptor_limit(IDLE + SPARE)
    known = starts(options)
    turns = {
        name: runs for name, runs in take_turns(
            known, lambda name: idle_run(known[name], folder(name), options.seconds), options.rounds)}
    few, many = ({name: [run[part] for run in runs] for name, runs in turns.items()} for part in ("few", "many"))
    rows = []
    for idle, runs in ((FEW_IDLE, few), (IDLE, many)):
        for name in known:
            memory = median(runs[name], "KiB each", 2) if runs is many else "-"
            rows.append({
                "idle": idle, "server": name, "KiB each": memory, "of its rate beside few": ratio(
                    runs[name], few[name], "rate"), **summary("round trips/s", runs["ours"], runs[name])})
    return rows
