"""Time of a test through the daemon, beside the same Python started bare, and by bubblewrap with the same walls."""
import functools
import json
import os
import shutil
import statistics
import sys
import time

from benchmarks import servers, turns

ROUNDS = 60
WARM_UP = 5
PYTHON = "/usr/bin/python3"
BARE = [PYTHON, "-I", "-c", "pass"]
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "TMPDIR": "/tmp", "LANG": "C.UTF-8",
               "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
# The namespaces, mounts and user of the daemon's sandbox. bubblewrap has no limits, no Landlock, and no filter of system
# calls unless it is given one, nor does it watch over its program: what it is spared counts for it.
WALLS = ["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--die-with-parent", "--new-session",
         "--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv", "--ro-bind", "/usr", "/usr", "--proc", "/proc",
         "--dev", "/dev", "--tmpfs", "/work", "--tmpfs", "/tmp", "--chdir", "/work"]


def bubblewrap(program):
    """Its command line; folders of the root that are links into /usr are links there, too."""
    command = [program, *WALLS]
    for folder in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder).lstrip("/"), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    return [*command, *BARE]


def time_process(command):
    """From posix_spawn(3) to the end of the process, milliseconds; output is dropped."""
    null = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=null)
    _, status = os.waitpid(child, 0)
    elapsed = (time.perf_counter() - began) * 1000
    if status:
        raise servers.Failure(f"{command[0]} ended with status {os.waitstatus_to_exitcode(status)}, wanted 0")
    return {"ms": elapsed}


def time_test(port, test):
    """The run of a test: the whole request, and the time that the daemon says the program took."""
    began = time.perf_counter()
    result = json.loads(servers.ask(port, f"/tests/{test}/run", b"{}"))
    elapsed = (time.perf_counter() - began) * 1000
    if result["status"] != "passed":
        raise servers.Failure(f"the test ended with {result['status']}, wanted passed: {result['error']}")
    return {"ms": elapsed, "said ms": result["execution_time_ms"]}


def make_tests(port):
    """A test that is the same program as the others, and one that is a line of Python after the entry file."""
    project = json.loads(servers.ask(port, "/projects", b'{"name":"Bench"}'))["id"]
    for name, body in {
        "daemon, the same program": {"command": f"exec {' '.join(BARE)}"}, "daemon, a line of code": {"code": "pass"},
    }.items():
        body = json.dumps({"name": name, **body}).encode()
        yield name, json.loads(servers.ask(port, f"/projects/{project}/tests", body))["id"]


def bench(options, folder):
    """A row a way to run it, in turns; the ratio is the median of the rounds' ratios to the bare program."""
    ways = {"bare": functools.partial(time_process, BARE)}
    if program := shutil.which("bwrap", path=servers.PATH):
        ways["bubblewrap"] = functools.partial(time_process, bubblewrap(program))
    else:
        print("bubblewrap is not installed (apt-get install bubblewrap) and is left out", file=sys.stderr)
    with servers.daemon(options.binary, folder("ours"), PYTHON=PYTHON) as server:
        for name, test in make_tests(server.port):
            ways[name] = functools.partial(time_test, server.port, test)
        for _ in range(WARM_UP):
            for run in ways.values():
                run()
        measured = dict(turns.take_turns(ways, lambda name: ways[name](), options.rounds))
    rows = []
    for name, runs in measured.items():
        times, said = [run["ms"] for run in runs], [run["said ms"] for run in runs if "said ms" in run]
        rows.append({
            "way": name, "median ms": turns.median(runs, "ms", 1), "least ms": round(min(times), 1),
            "to bare": turns.ratio(runs, measured["bare"], "ms"),
            "more ms": round(statistics.median(its["ms"] - bare["ms"] for its, bare in zip(runs, measured["bare"])), 1),
            "said median ms": statistics.median(said) if said else "-", "said least ms": min(said, default="-"),
            "times": [round(time, 2) for time in times]})
    return rows
