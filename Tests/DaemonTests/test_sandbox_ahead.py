"""The interpreters that are started before there is a test: used once, see nothing before, and are missed by nobody."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import make_project, wait_until
from test_sandbox_attacks import PYTHON
from test_sandbox_leaks import descendants
from test_sandbox_machines import WITHOUT_NAMESPACES
from test_test_cases import make_test, put, run, run_code, verdict


def interpreters(daemon, states="STRD"):
    """Those of tests; there is none but them below a daemon that asks nothing about source."""
    found = []
    for pid, name, state in descendants(daemon.pid):
        if name.startswith("python") and state in states:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found += [pid] if b"runner.py" in file.read() else []
    return found


def waiting(daemon):
    """The interpreters that wait for a test."""
    return interpreters(daemon, "S")


def await_one(daemon):
    return wait_until(lambda: waiting(daemon), "an interpreter is to wait")


@pytest.fixture
def daemon(make_daemon):
    return make_daemon(TEST_TIMEOUT="1.5", QUICK_TEST_TIMEOUT="1")


@pytest.fixture
def ready(daemon, client, project):
    """A daemon in which an interpreter waits."""
    assert waiting(daemon) == [], "nobody has run a test yet"
    assert run_code(client, project, "pass")["status"] == "passed"
    await_one(daemon)
    return daemon


def test_one_waits_and_is_used_once(ready, client, project):
    test = make_test(client, project, "import builtins, os\nassert not hasattr(builtins, 'seen')\nbuiltins.seen = 1\n"
                                      "assert sorted(os.listdir()) == ['.vibegrapher', 'main.py']\n"
                                      "open('left', 'w').write('x')")
    for _ in range(3):
        before = await_one(ready)
        assert verdict(run(client, test)) == ("passed", None)
        assert len(before) == 1 and before != await_one(ready)


def test_its_wait_is_not_the_time_of_the_test(ready, client, project):
    time.sleep(2)
    result = run_code(client, project, "import time\ntime.sleep(0.2)")
    assert verdict(result) == ("passed", None) and 200 <= result["execution_time_ms"] < 1500
    await_one(ready)
    result = run_code(client, project, "while True: pass")
    assert verdict(result) == ("timeout", "wall") and 1500 <= result["execution_time_ms"] < 2500
    await_one(ready)
    result = run_code(client, project, "while True: pass", quick_test=True)
    assert verdict(result) == ("timeout", "wall") and 1000 <= result["execution_time_ms"] < 1500


def test_one_waits_for_tests_and_one_for_quick_tests(ready, client, project):
    tests = [make_test(client, project, "pass"), make_test(client, project, "pass", quick_test=True)]
    for number in range(6):
        before = waiting(ready)
        assert run(client, tests[number % 2])["status"] == "passed"
        wait_until(lambda: len(waiting(ready)) == min(2, number + 1), "one of each kind is to wait")
        assert number < 2 or len(set(before) - set(waiting(ready))) == 1


def test_a_checkout_that_cannot_be_made_is_an_error_and_no_failure(ready, client, project):
    put(client, project, ".vibegrapher", "no folder")
    for _ in range(2):
        await_one(ready)
        result = run_code(client, project, "pass")
        assert result["status"] == "error" and result["exit_code"] == 70, result
        assert "the checkout cannot be loaded, so the test was not run\n" in result["error"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_killed_is_no_fault_of_the_next_test(ready, client, project, number):
    for _ in range(3):
        os.kill(await_one(ready)[0], number)
        wait_until(lambda: not waiting(ready), "it ends")
        assert run_code(client, project, "print('well')")["output"] == "well\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_is_killed_as_it_gets_its_work_is_no_fault_of_the_test(ready, client, project, number):
    """One that is stopped takes no more than its pipe holds, so that it has not begun when it is killed."""
    for _ in range(3):
        pid = await_one(ready)[0]
        os.kill(pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(run_code, client, project, "print('well')")
            wait_until(lambda: len(interpreters(ready)) > 1, "it is used, and the next one is started")
            os.kill(pid, number)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            found = result.result()
            assert found["output"] == "well\n", (found["status"], found["error"], found["exit_code"])


def test_one_that_kills_itself_is_told_so(ready, client, project):
    for _ in range(2):
        await_one(ready)
        result = run_code(client, project, "import os\nos.kill(os.getpid(), 9)")
        assert result["status"] != "passed" and "signal" in (result["error"] or "").lower(), result


def test_it_sees_the_project_of_its_test_alone(ready, client, project):
    other = make_project(client, "Another project")
    put(client, project, "secret.py", "WORD = 'secret'\n")
    put(client, other, "main.py", "WORD = 'other'\n")
    for _ in range(2):
        await_one(ready)
        assert run_code(client, project, "import secret\nassert secret.WORD == 'secret'")["status"] == "passed"
        await_one(ready)
        assert run_code(client, other, "import os\nprint(WORD, *sorted(os.listdir()))")["output"] == (
            "other .vibegrapher main.py\n")


def test_its_standard_input_is_at_its_end(ready, client, project):
    result = run_code(client, project, "import os, sys\nprint(repr(sys.stdin.read()), os.read(0, 1), len(sys.argv))")
    assert result["output"] == "'' b'' 1\n", result["error"]


@pytest.mark.parametrize("files", [
    {"data.txt": "ä" * 450_000}, {"data.txt": "ä" * 700_000}, {f"folder/{n}/file.txt": f"{n}" for n in range(40)},
    {f"a/b/{n}.txt": f"{n}" for n in range(300)}, {"empty.txt": "", "12 ä.txt": "x\n\n0\n5\nhello"},
], ids=["large", "too large to wait for", "folders", "too many to wait for", "odd"])
def test_checkouts_of_all_sizes_are_whole(ready, client, project, files):
    for path, content in files.items():
        put(client, project, path, content)
    code = f"import pathlib\nfor path, size in {[(path, len(text.encode())) for path, text in files.items()]!r}:\n" \
           "    assert len(pathlib.Path(path).read_bytes()) == size, path"
    await_one(ready)
    for _ in range(2):
        assert run_code(client, project, code)["status"] == "passed"


def test_a_change_is_seen_by_the_next_test(ready, client, project):
    for word in ("one", "two", "three"):
        put(client, project, "main.py", f"WORD = '{word}'\n")
        assert run_code(client, project, "print(WORD)")["output"] == f"{word}\n"


def test_it_ends_with_the_daemon(ready):
    one = await_one(ready)[0]
    ready.stop()
    wait_until(lambda: not os.path.exists(f"/proc/{one}"), "it ends", seconds=2)


def test_it_ends_with_a_daemon_that_is_killed(ready):
    one = await_one(ready)[0]
    ready.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{one}"), "it ends", seconds=2)


def test_without_namespaces_none_waits_and_tests_run_all_the_same(make_daemon):
    daemon = make_daemon(PYTHON=PYTHON, SANDBOX_WITHOUT=WITHOUT_NAMESPACES)
    client = daemon.client()
    project = make_project(client)
    for _ in range(3):
        assert run_code(client, project, "print('well')")["output"] == "well\n"
        assert waiting(daemon) == []
