"""A diff from its text to its commit, beside git's command line and pygit2, in small and large repositories."""
import contextlib
import functools
import http.client
import json
import shutil
import subprocess
import time

from benchmarks import servers, turns

ROUNDS = 40
WARM_UP = 3
COMMITS = FILES = 10_000
LINES = 200
PENDING = 10  # other diffs of the daemon's projects, whose labels every commit brings up to date
IDENTITY = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b",
            "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nowhere", "PATH": servers.PATH}
SHAPES = {"small": (10, 10), "10,000 commits": (COMMITS, 10), "10,000 files": (10, FILES)}


def git(folder, *arguments, **options):
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, env=IDENTITY, stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def text(changed=()):
    """The file that is changed: each line is its number, and how often it was changed."""
    counts = dict(changed)
    return "".join(f"line {number} {counts.get(number, 0)}\n" for number in range(LINES))


def make_repository(folder, commits, files):
    """A repository with so many commits on main and files in its tree, as git packs them."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True, env=IDENTITY)
    stream = []

    def add(path, content):
        stream.append(f"M 100644 inline {path}\ndata {len(content)}\n{content}\n")

    for number in range(commits):
        stream.append(f"commit refs/heads/main\ncommitter A <a@b> {1_700_000_000 + number} +0000\ndata 1\nx\n")
        if number == 0:
            add("notes.txt", text())
            add("main.py", "x = 1\n")
            for index in range(files - 2):
                add(f"folder_{index % 100}/file_{index}.txt", f"file {index}\n")
        add("counter.txt", f"{number}\n")
    with subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], env=IDENTITY, stdin=subprocess.PIPE,
                          text=True) as process:
        process.stdin.writelines(stream)
    if process.returncode:
        raise servers.Failure(f"git fast-import ended with status {process.returncode}")
    git(folder, "reset", "-q", "--hard")


class Changes:
    """Patches that follow each other: each changes the next line among the first hundred."""

    def __init__(self):
        self.counts, self.number = {}, 0

    def next(self):
        place = 3 + self.number % 90
        self.number += 1
        old = self.counts.get(place, 0)
        lines = [f"line {number} {self.counts.get(number, 0)}\n" for number in range(place - 3, place + 4)]
        self.counts[place] = old + 1
        body = "".join(f" {line}" for line in lines[:3])
        body += f"-{lines[3]}+line {place} {old + 1}\n" + "".join(f" {line}" for line in lines[4:])
        # The first line is for libgit2, which wants it.
        return ("diff --git a/notes.txt b/notes.txt\n--- a/notes.txt\n+++ b/notes.txt\n"
                f"@@ -{place - 2},7 +{place - 2},7 @@\n{body}")


class Daemon:
    """A project of the daemon with the history of a repository, and diffs that wait."""

    def __init__(self, server, template, name):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=servers.DEADLINE)
        project = self.ask("/projects", {"name": name})
        self.path, folder = f"/projects/{project['id']}/diffs", project["repository_path"]
        git(folder, "fetch", "-q", str(template), "main")
        git(folder, "reset", "-q", "--hard", "FETCH_HEAD")
        for number in range(PENDING):
            place = 110 + 8 * number
            lines = "".join(f" line {line} 0\n" for line in range(place - 3, place))
            self.ask(self.path, {
                "patch": f"--- a/notes.txt\n+++ b/notes.txt\n@@ -{place - 2},4 +{place - 2},4 @@\n{lines}"
                         f"-line {place} 0\n+line {place} 1\n"})

    def ask(self, path, body):
        self.connection.request("POST", path, json.dumps(body).encode())
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            raise servers.Failure(f"{path} answered {answer.status}: {content[:300].decode(errors='replace')}")
        return json.loads(content)

    def commit(self, patch):
        began = time.perf_counter()
        diff = self.ask(self.path, {"patch": patch, "commit_message": "Change a line"})["id"]
        applied = time.perf_counter()
        self.ask(f"/diffs/{diff}/accept", {})
        ended = time.perf_counter()
        return {"ms": (ended - began) * 1000, "apply ms": (applied - began) * 1000}


def commit_by_git(folder, patch):
    began = time.perf_counter()
    git(folder, "apply", "--index", "-", stdin=None, input=patch.encode())
    git(folder, "commit", "-q", "-m", "Change a line")
    return {"ms": (time.perf_counter() - began) * 1000}


@contextlib.contextmanager
def pygit2(folder):
    """A process that commits the patches it reads, a JSON string a line, and says how long each took."""
    command = [str(servers.peer_python()), str(servers.PEERS / "pygit2_peer.py"), str(folder)]
    with subprocess.Popen(command, env=IDENTITY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def commit(patch):
            process.stdin.write(json.dumps(patch) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise servers.Failure("pygit2 ended: see its message above")
            return {"ms": float(answer)}

        yield commit
        process.stdin.close()


def bench(options, folder):
    """Rows of each shape in turns; the ratios are medians of the rounds' ratios."""
    rows = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.daemon(options.binary, folder("ours")))
        ways = {}
        for shape, (commits, files) in SHAPES.items():
            template = folder("templates") / shape.replace(",", "").replace(" ", "-")
            make_repository(template, commits, files)
            for peer in ("git", "pygit2"):
                copy = shutil.copytree(template, folder(peer) / template.name, symlinks=True)
                git(copy, "status")  # the files of a copy are new to the index
            ways[shape, "ours"] = Daemon(server, template, shape).commit
            ways[shape, "git"] = functools.partial(commit_by_git, folder("git") / template.name)
            ways[shape, "pygit2"] = stack.enter_context(pygit2(folder("pygit2") / template.name))
        changes = {way: Changes() for way in ways}

        def run(way):
            return ways[way](changes[way].next())

        for _ in range(WARM_UP):
            for way in ways:
                run(way)
        measured = dict(turns.take_turns(list(ways), run, options.rounds))
        for shape in SHAPES:
            repository = folder("git") / shape.replace(",", "").replace(" ", "-")
            wanted = git(repository, "rev-parse", "HEAD:notes.txt").stdout
            others = [folder("pygit2") / repository.name, *(folder("ours") / "media" / "projects").glob(
                "small" if shape == "small" else f"*{shape.split()[1]}")]
            for other in others:
                if git(other, "rev-parse", "HEAD:notes.txt").stdout != wanted:
                    raise servers.Failure(f"{other} and git have different content in the end")
    for (shape, way), runs in measured.items():
        rows.append({
            "repository": shape, "way": way, "median ms": turns.median(runs, "ms", 2),
            "least ms": round(min(run["ms"] for run in runs), 2),
            "to git": turns.ratio(runs, measured[shape, "git"], "ms"),
            "to pygit2": turns.ratio(runs, measured[shape, "pygit2"], "ms"),
            "to small": turns.ratio(runs, measured["small", way], "ms"),
            "apply ms": turns.median(runs, "apply ms", 2) if "apply ms" in runs[0] else "-",
            "times": [round(run["ms"], 2) for run in runs]})
    return rows
