"""The servers that are measured: the daemon, and its peers."""
import contextlib
import dataclasses
import http.client
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "scripts" / "peers"
BUILT = ROOT / ".build" / "peers"
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
DEADLINE = 20  # seconds for a start, for a stop, for one answer


class Failure(Exception):
    """Why there is no measurement, in one sentence."""


@dataclasses.dataclass
class Server:
    name: str
    port: int
    pid: int  # the process that answers: nginx's worker, not its master
    started_in: float  # seconds until the first answer
    prefix: str = ""  # of the paths that are asked for
    routes: tuple = ("/health", "/projects")


def ask(port, path, body=None):
    """The body of a 2xx answer; anything else is an OSError."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as connection:
        try:
            connection.request("POST" if body else "GET", path, body)
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{path} of port {port}: {error!r}") from error
    if answer.status not in (200, 201):
        raise OSError(f"{path} of port {port} answered {answer.status}")
    return content


def announced_port(process):
    """The port in the first line of a server's output."""
    is_readable = select.select([process.stdout], [], [], DEADLINE)[0]
    line = process.stdout.readline().decode(errors="replace") if is_readable else ""
    match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
    if not match:
        raise Failure(f"wanted 'listening on http://127.0.0.1:PORT' from {process.args[0]}, found {line!r}")
    return int(match[1])


def wait_for_health(port, process):
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return ask(port, "/health")
        except OSError as error:
            status = process.poll()
            if status is not None or time.monotonic() > deadline:
                raise Failure(f"no answer from {process.args[0]} (exit status {status}): {error}") from error
            time.sleep(0.0005)


@contextlib.contextmanager
def serving(name, command, folder, port=None, **settings):
    """A server in its own folder and session, with nothing else of the caller's environment than PATH and HOME.

    Without a port the server takes one and announces it. What it prints is in FOLDER/log.
    """
    environment, log = {"PATH": PATH, "HOME": os.environ.get("HOME", "/"), **settings}, folder / "log"
    began = time.monotonic()
    with log.open("ab") as output, subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stderr=output,
            stdout=output if port else subprocess.PIPE) as process:
        try:
            try:
                port = port or announced_port(process)
                wait_for_health(port, process)
            except Failure as failure:
                last_lines = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise Failure("\n  ".join([str(failure), *last_lines])) from failure
            yield Server(name, port, process.pid, time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def daemon(binary, folder, **more):
    settings = {
        "HOST": "127.0.0.1", "PORT": "0", "EVENT_LOOPS": "1", "LOG_LEVEL": "warning",
        "DATABASE_URL": f"sqlite:///{folder}/x.db", "MEDIA_PATH": f"{folder}/media", **more,
    }
    return serving("ours", [str(binary)], folder, **settings)


@contextlib.contextmanager
def nginx(answers, folder):
    """One worker that has the given bodies as fixed answers."""
    (folder / "projects").write_bytes(answers["/projects"])
    port, text = free_port(), (PEERS / "nginx.conf").read_text()
    for mark, value in {"@PORT@": port, "@FOLDER@": folder, "@HEALTH@": answers["/health"].decode()}.items():
        text = text.replace(mark, str(value))
    (folder / "nginx.conf").write_text(text)
    command = [program("nginx", "nginx-light"), "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-e", "stderr"]
    with serving("nginx", command, folder, port) as server:
        workers = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        if len(workers) != 1:
            raise Failure(f"wanted one worker of nginx, found {len(workers)}")
        yield dataclasses.replace(server, pid=int(workers[0]))


def fastapi(projects, folder):
    """FastAPI, SQLAlchemy and uvicorn in one process; a new database gets the projects of the given answer."""
    (folder / "projects.json").write_bytes(projects)
    return uvicorn("fastapi", "fastapi_peer:app", folder)


def starlette(folder):
    """Starlette and uvicorn in one process, without compression: the fastest of its WebSocket implementations."""
    return uvicorn("uvicorn", "starlette_peer:app", folder, "--ws", "websockets-sansio", "--ws-ping-interval", "30")


def uvicorn(name, application, folder, *more):
    port = free_port()
    command = [
        str(peer_python()), "-m", "uvicorn", application, "--app-dir", str(PEERS), "--host", "127.0.0.1",
        "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
        "--backlog", "4096", *more,
    ]
    return serving(name, command, folder, port, PYTHONDONTWRITEBYTECODE="1")


@contextlib.contextmanager
def swift_peer(name, product, folder):
    """A peer that is a Swift package, on one event loop; it has /health, but no database behind it."""
    with serving(name, [str(swift_build(name, product))], folder) as server:
        yield dataclasses.replace(server, routes=("/health",))


def nio(folder):
    """SwiftNIO's own HTTP/1.1 and WebSocket."""
    return swift_peer("nio", "NIOPeer", folder)


def hummingbird(folder):
    """Hummingbird 2; it serves no WebSocket by itself."""
    return swift_peer("hummingbird", "HummingbirdPeer", folder)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name, package):
    """The path of a program; its Debian package is installed when it is missing."""
    if not shutil.which(name, path=PATH):
        apt = [*([] if os.getuid() == 0 else ["sudo"]), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        for step in (["update"], ["install", "-y", "--no-install-recommends", package]):
            print("running", *apt, *step, file=sys.stderr)
            subprocess.run([*apt, *step], check=True, stdout=sys.stderr)
    return shutil.which(name, path=PATH) or name


def is_newer(built, sources):
    """Whether a file is there and none of its sources was changed after it."""
    return built.exists() and all(source.stat().st_mtime <= built.stat().st_mtime for source in sources)


def swift_build(name, product):
    """The executable of a peer's package, in .build/peers; it is built when its sources are newer."""
    package = PEERS / f"{name}-peer"
    executable = BUILT / name / "release" / product
    if not is_newer(executable, [package / "Package.swift", *package.rglob("Sources/**/*.swift")]):
        command = [
            "swift", "build", "-c", "release", "--static-swift-stdlib", "--product", product,
            "--package-path", str(package), "--scratch-path", str(BUILT / name),
        ]
        print("running", *command, file=sys.stderr)
        subprocess.run(command, check=True, stdout=sys.stderr)
        executable.touch()
    return executable


def peer_python():
    """The interpreter with the peer's packages, which are installed when the list of them is new."""
    home, wanted = ROOT / ".venv" / "bench", (PEERS / "requirements.txt").read_text()
    installed = home / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted:
        print(f"installing the Python peers into {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(PEERS / "requirements.txt")], check=True, stdout=sys.stderr)
        installed.write_text(wanted)
    return home / "bin" / "python"
