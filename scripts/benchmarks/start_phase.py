"""Time to the first answer and idle memory, beside FastAPI."""
import functools
import pathlib
import re
import statistics
import time

from benchmarks import servers

STARTS = 15


def resident_memory(pid):
    """Of a page that processes share, Pss counts the process's part."""
    text = "".join(pathlib.Path(f"/proc/{pid}/{name}").read_text() for name in ("status", "smaps_rollup"))
    kilobytes = {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1]) for name in ("VmRSS", "Pss")}
    return {f"{name} MiB": round(size / 1024, 1) for name, size in kilobytes.items()}


def bench(options, folder):
    """A row a server. The first start makes the database, without projects in it, and is not counted."""
    starts = {
        "ours": functools.partial(servers.daemon, options.binary), "fastapi": functools.partial(servers.fastapi, b"[]")}
    times, memory = {name: [] for name in starts}, {}
    for number in range(STARTS + 1):
        for name, start in starts.items():
            with start(folder(name)) as server:
                times[name].append(round(server.started_in * 1000, 1))
                if number == STARTS:
                    time.sleep(2)
                    memory[name] = resident_memory(server.pid)
    return [
        {"server": name, "median ms": round(statistics.median(counted), 1), "slowest ms": max(counted), **memory[name],
         "starts": counted} for name, (_, *counted) in times.items()]
