"""The Python helper as the daemon runs it: one child that stays up, with the same options and limits."""

import json
import pathlib
import resource
import select
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[3] / "Sources" / "CResources"
PARTS = ("python_source.py", "python_nodes.py", "python_graph.py", "python_helper.py")
ANSWER_SECONDS = 30


def script():
    """The parts in the order in which the daemon joins them."""
    return "\n".join((FOLDER / part).read_text(encoding="utf-8") for part in PARTS)


def set_limits():
    resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Helper:
    """A child; each question is checked to get exactly one line, with its own id."""

    def __init__(self):
        self.child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", script()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, preexec_fn=set_limits, env={"PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8"})
        self.last = 0

    def exchange(self, line):
        """The answer to the bytes of one line."""
        self.child.stdin.write(line + b"\n")
        self.child.stdin.flush()
        # What one read takes beyond a line would be lost to select, so nothing is asked before the answer is whole.
        assert select.select([self.child.stdout], [], [], ANSWER_SECONDS)[0], "there is no answer"
        answer = self.child.stdout.readline()
        assert answer.endswith(b"\n"), f"the helper ended with {self.child.poll()}"
        return json.loads(answer.decode("utf-8"))

    def ask(self, op, source, path="agents.py", **members):
        self.last += 1
        question = {"id": self.last, "op": op, "path": path, "source": source, **members}
        answer = self.exchange(json.dumps(question).encode())
        assert answer.pop("id") == self.last
        return answer

    def nodes(self, source):
        answer = self.ask("nodes", source)
        assert answer["ok"], answer
        return answer["nodes"]

    def replace(self, source, name, replacement):
        return self.ask("replace", source, name=name, replacement=replacement)

    def end(self):
        """Ends its input; gives the exit code and what it wrote after its last answer."""
        rest, _ = self.child.communicate(timeout=ANSWER_SECONDS)
        return self.child.returncode, rest


@pytest.fixture(scope="session")
def helper():
    """One child for all tests, as one child serves all projects."""
    child = Helper()
    yield child
    assert child.end() == (0, b"")


@pytest.fixture
def fresh_helper():
    child = Helper()
    yield child
    child.child.kill()
    child.child.wait()
