"""The attack table: the programs of this folder, real things of the host for them to attack, and a look from outside.

A program is a file NUMBER-name.py with a line of JSON first: what it tries, what contained means, which verdicts count as
contained, and what it prints then. It prints ESCAPED when it got what it was after. Standard library only.
"""
import json
import os
import pathlib
import secrets
import shutil
import socket

FOLDER = pathlib.Path(__file__).parent
SHARED_FOLDERS = ("/tmp", "/dev/shm")
OUTPUT_LIMIT = 1 << 20


class Attack:
    """One program of the table."""

    def __init__(self, path):
        self.number = int(path.name.split("-")[0])
        self.source = path.read_text()
        self.header = json.loads(self.source.partition("\n")[0].removeprefix("# "))
        self.name = self.header["name"]
        self.needs = self.header["needs"]
        # What is ended by time gets the short limit.
        self.is_quick = any(verdict.startswith("timeout") for verdict in self.header["verdict"])

    def __repr__(self):
        return f"{self.number:03}-{self.name}"


def attacks():
    """The whole table, in order."""
    return sorted(map(Attack, FOLDER.glob("[0-9]*.py")), key=lambda attack: attack.number)


def state(path):
    """All of a file that somebody may have changed."""
    about = os.lstat(path)
    return (about.st_mode, about.st_uid, about.st_nlink, about.st_size, about.st_mtime_ns, about.st_ctime_ns,
            pathlib.Path(path).read_bytes())


def processes_marked(mark):
    """The processes of the whole machine that have the mark on their command line."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            pass  # It has ended.
    return found


def system_v_objects():
    """The keys and ids of the host's shared memory, semaphores and queues."""
    lines = (pathlib.Path("/proc/sysvipc", kind).read_text().splitlines()[1:] for kind in ("shm", "sem", "msg"))
    return {tuple(line.split()[:2]) for kind in lines for line in kind}


class Host:
    """Things of the host for one attack alone: a secret, a folder, settings, four listeners, a mark for processes."""

    def __init__(self, daemon_pid, database, owner=None):
        self.mark = f"mark{secrets.token_hex(8)}"
        # Not in the caller's temporary folder: only the sandbox is to keep the program out, not a closed folder above.
        self.folder = pathlib.Path("/tmp", f"host-{self.mark}")
        self.secret, self.directory = self.folder / "secret", self.folder / "folder"
        self.directory.mkdir(parents=True)
        self.secret.write_text(f"host-secret-{self.mark}")
        for folder in (self.folder, self.directory):
            (folder / ".env").write_text("KEY=of-the-host\n")
        self.listeners = {
            "TCP": self._listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "UDP": self._listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "abstract": self._listen(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.mark}"),
            "Unix": self._listen(socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket")),
        }
        if owner is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, owner, owner)
        os.chmod(self.folder / "socket", 0o777)
        self.words = {
            "@HOST_FILE@": self.secret, "@HOST_DIR@": self.directory, "@DATABASE@": database,
            "@PARENT_PID@": daemon_pid, "@TCP_PORT@": self.listeners["TCP"].getsockname()[1],
            "@UDP_PORT@": self.listeners["UDP"].getsockname()[1], "@ABSTRACT@": self.mark,
            "@UNIX_PATH@": self.folder / "socket", "@MARK@": self.mark,
        }
        self.before = {path: state(path) for path in self._files()}

    @staticmethod
    def _listen(family, kind, address):
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen(8)
        listener.setblocking(False)
        return listener

    def _files(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file() or path.is_symlink())

    def program(self, attack):
        """The text of a program with the things of this host in it."""
        text = attack.source
        for word, value in self.words.items():
            text = text.replace(word, str(value))
        return text

    def changes(self):
        """What the host can tell of an attack that has ended, in sentences."""
        for pid in processes_marked(self.mark):
            yield f"process {pid} is still there"
        for name, listener in self.listeners.items():
            try:
                # A connection that was made waits here, even if its client is gone.
                listener.recv(1) if name == "UDP" else listener.accept()
                yield f"the {name} listener was reached"
            except BlockingIOError:
                pass
        for path, before in self.before.items():
            try:
                if state(path) != before:
                    yield f"{path} was changed"
            except OSError as error:
                yield f"{path} cannot be read any more: {error}"
        for path in set(self._files()) - set(self.before):
            yield f"{path} was made"
        for folder in SHARED_FOLDERS:
            for path in pathlib.Path(folder).glob(f"*{self.mark}*"):
                if path != self.folder:
                    yield f"{path} was made"

    def close(self):
        """Takes all of it away."""
        for listener in self.listeners.values():
            listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def verdict(result):
    """As the table writes it: `timeout:wall`, `passed:none`."""
    return f"{result['status']}:{result['limit'] or 'none'}"


def shortcomings(attack, result):
    """In what the result of a test differs from that of a contained attack, in sentences."""
    header, output, errors = attack.header, result["output"] or "", result["error"] or ""
    if verdict(result) not in header["verdict"]:
        yield f"verdict {verdict(result)}, wanted one of {', '.join(header['verdict'])}; {errors[-300:]!r}"
    if header["forbids"] in output:
        yield next(line for line in output.splitlines() if header["forbids"] in line)[:300]
    if header["prints"] not in output:
        yield f"wanted {header['prints']!r} in the output, found {output[:200]!r} and {errors[-300:]!r}"
    for name, text in (("output", output), ("error", errors)):
        # What the daemon adds of its own is one line.
        if len(text) > OUTPUT_LIMIT + 1000:
            yield f"{len(text)} characters of {name} were kept"
    # On a busy machine the time may be over before the output is full.
    if header["check"] == "output_bounded" and not result["output_truncated"] \
            and max(len(output), len(errors)) >= OUTPUT_LIMIT:
        yield "a flood is not said to be cut"


def run(attack, host, ask):
    """Runs an attack as a test by `ask(code, is_quick)`, which gives the result; gives that and all that is wrong."""
    result = ask(host.program(attack), attack.is_quick)
    return result, [*shortcomings(attack, result), *host.changes()]
