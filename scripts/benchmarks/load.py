"""The load generator of scripts/load: one thread of C, so that it is not the slower side."""
import contextlib
import json
import resource
import select
import shutil
import subprocess
import sys

from benchmarks.servers import DEADLINE, Failure, ROOT, is_newer

SOURCES = ROOT / "scripts" / "load"
OPENING = 120  # seconds until ten thousand connections are open


def program():
    """The executable, in .build/bench; it is compiled when its sources are newer."""
    executable = ROOT / ".build" / "bench" / "load"
    if not is_newer(executable, SOURCES.glob("*.[ch]")):
        compiler = shutil.which("cc") or shutil.which("clang")
        if not compiler:
            raise Failure("wanted a C compiler, 'cc' or 'clang', in PATH, found none")
        executable.parent.mkdir(parents=True, exist_ok=True)
        command = [
            compiler, "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", str(executable),
            *map(str, sorted(SOURCES.glob("*.c"))), "-lz",
        ]
        print("running", *command, file=sys.stderr)
        subprocess.run(command, check=True, stdout=sys.stderr)
    return str(executable)


def raise_descriptor_limit(wanted):
    """For this process and the servers that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < wanted:
        raise Failure(f"wanted {wanted} descriptors a process, found a hard limit of {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def command(mode, target, deflate=False, **arguments):
    words = [f"--{name.replace('_', '-')}={value}" for name, value in arguments.items()]
    return [program(), mode, f"--port={target.port}", *words, *(["--deflate"] if deflate else [])]


def measure(mode, server, **arguments):
    """The figures of a run of 'echo', 'fanout' or 'sse'."""
    words = command(mode, server, server=server.pid, **arguments)
    run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        raise Failure(f"{server.name}: {run.stderr.strip()} (exit status {run.returncode} of {' '.join(words)})")
    found = json.loads(run.stdout)
    if not found["messages"]:
        raise Failure(f"{server.name}: no message came back from '{' '.join(words)}'")
    return {
        "bytes": found["bytes"], "rate": found["rate"], "p50 us": found["p50"], "p99 us": found["p99"],
        "cpu s/100k messages": round(found["server_cpu"] / found["messages"] * 100_000, 4),
        "load cpu %": round(found["load_cpu"] / found["seconds"] * 100),
    }


@contextlib.contextmanager
def holding(server, count):
    """Idle WebSocket connections to /ws/echo, which answer pings, as long as the body runs."""
    words = command("idle", server, connections=count)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            is_readable = select.select([process.stdout], [], [], OPENING)[0]
            line = process.stdout.readline() if is_readable else b""
            if line != b"READY\n":
                process.kill()
                raise Failure(f"{server.name} does not hold {count} connections: {process.stderr.read().decode()}")
            yield
            if process.poll() is not None:
                raise Failure(f"{server.name} lost idle connections: {process.stderr.read().decode()}")
        finally:
            process.stdin.close()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
