"""Tests of a project: how they are kept, how they run in the sandbox, and what is said of them."""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import time

import pytest

from conftest import Daemon, events_until, git, make_project, make_session, subscribed, vibe

NOWHERE = "01900000-0000-7000-8000-000000000000"
MIB = 1 << 20
DELAY = "import time\ntime.sleep(0.5)"


def make_test(client, project, code=None, name="A test", **body):
    if code is not None:
        body["code"] = code
    answer = client.post(f"/projects/{project['id']}/tests", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def run(client, test, **body):
    answer = client.post(f"/tests/{test['id']}/run", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def run_code(client, project, code=None, **body):
    return run(client, make_test(client, project, code, **body))


def verdict(result):
    return result["status"], result["limit"]


def put(client, project, path, content):
    read = client.get(f"/projects/{project['id']}/files/{path}")
    headers = {"If-Match": read.headers["etag"]} if read.status_code == 200 else {}
    answer = client.put(f"/projects/{project['id']}/files/{path}", headers=headers, json={"content": content})
    assert answer.status_code in (200, 201), answer.text


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """One daemon for all of these tests, each of which has a project of its own."""
    daemon = Daemon(tmp_path_factory.mktemp("daemon"))
    try:
        yield daemon.start()
    finally:
        daemon.close()


# Making, changing, removing

@pytest.mark.parametrize("body, code, command", [
    ({"code": "pass"}, "pass", None), ({"test_code": "pass"}, "pass", None), ({"input_prompt": "pass"}, "pass", None),
    ({"command": "true"}, "", "true"), ({"code": "pass", "command": None}, "pass", None),
    ({"code": "# \U0001f680 \u2028 \\u0000\r\n"}, "# \U0001f680 \u2028 \\u0000\r\n", None),
])
def test_a_test_is_made_by_the_names_that_clients_use(client, project, body, code, command):
    made = make_test(client, project, name="Wörks", quick_test=True, **body)
    assert set(made) == {"id", "project_id", "name", "code", "command", "quick_test", "created_at", "updated_at"}
    assert (made["project_id"], made["name"], made["quick_test"]) == (project["id"], "Wörks", True)
    assert (made["code"], made["command"]) == (code, command)
    assert client.get(f"/tests/{made['id']}").json() == made
    other = client.post("/tests", json={"project_id": project["id"], "name": "Second", **body})
    assert other.status_code == 201 and other.json()["quick_test"] is False
    listed = client.get(f"/projects/{project['id']}/tests").json()
    assert listed == [made, other.json()] and [test for test in client.get("/tests").json() if test in listed] == listed
    assert client.get(f"/projects/{project['id']}/tests/quick").json() == [made]


@pytest.mark.parametrize("body", [
    {}, {"name": "x"}, {"code": "pass"}, {"name": "", "code": "pass"}, {"name": "x" * 10_000, "code": "pass"},
    {"name": "x", "code": "pass", "command": "true"}, {"name": "x", "command": ""}, {"name": "x", "code": 1},
    {"name": "x", "code": ["pass"]}, {"name": None, "code": "pass"}, {"name": "x", "code": None},
    {"name": "x", "code": "pass", "quick_test": "perhaps"}, {"name": "x", "command": {"run": "true"}}, [], "x", None,
    {"name": "x", "command": "true\0false"},
])
def test_what_is_no_test_is_refused(client, project, body):
    answer = client.post(f"/projects/{project['id']}/tests", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] and all(error["loc"][0] == "body" for error in answer.json()["errors"])
    assert client.get(f"/projects/{project['id']}/tests").json() == []


@pytest.mark.parametrize("method, path", [
    ("POST", "/projects/ID/tests"), ("GET", "/projects/ID/tests/quick"), ("POST", "/projects/ID/tests/run"),
    ("GET", "/tests/ID"), ("PUT", "/tests/ID"), ("DELETE", "/tests/ID"), ("POST", "/tests/ID/run"),
    ("GET", "/tests/ID/results"), ("POST", "/diffs/ID/test"), ("POST", "/tests"),
])
def test_what_is_not_there_is_a_404_problem(client, method, path):
    body = {"name": "x", "code": "pass", **({"project_id": NOWHERE} if path == "/tests" else {})}
    body = {} if path.endswith(("/run", "/test")) else body
    answer = client.request(method, path.replace("ID", NOWHERE), json=body if method in ("POST", "PUT") else None)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json", answer.text


def test_a_test_is_changed_and_removed_with_its_results(daemon, client, project):
    test = make_test(client, project, "pass")
    run(client, test)
    changed = client.put(f"/tests/{test['id']}", json={"command": "echo changed", "quick_test": True}).json()
    assert (changed["name"], changed["code"], changed["command"], changed["quick_test"]) == \
        ("A test", "", "echo changed", True)
    assert changed["updated_at"] > test["updated_at"] and changed["created_at"] == test["created_at"]
    assert client.put(f"/tests/{test['id']}", json={"code": "x", "command": "y"}).status_code == 422
    assert client.get(f"/tests/{test['id']}").json() == changed
    assert run(client, test)["output"] == "changed\n"
    assert client.delete(f"/tests/{test['id']}").status_code == 204
    assert client.get(f"/tests/{test['id']}").status_code == 404
    assert client.post(f"/tests/{test['id']}/run").status_code == 404
    assert daemon.rows("SELECT id FROM test_results WHERE test_case_id = ?", test["id"]) == []


def test_a_project_takes_its_tests_and_results_along(daemon, client, project):
    test = run_code(client, project, "pass")["test_id"]
    assert len(daemon.rows("SELECT id FROM test_results WHERE test_case_id = ?", test)) == 1
    assert client.delete(f"/projects/{project['id']}").status_code == 204
    assert client.get(f"/tests/{test}").status_code == 404
    assert daemon.rows("SELECT id FROM test_cases WHERE id = ?", test) == []
    assert daemon.rows("SELECT id FROM test_results WHERE test_case_id = ?", test) == []


# What a run says

def test_a_passing_test_says_all_that_is_known_of_it(client, project):
    test = make_test(client, project, "print('well')")
    result = run(client, test)
    assert (result["test_id"], result["test_name"], result["project_id"]) == (test["id"], "A test", project["id"])
    assert verdict(result) == ("passed", None) and (result["exit_code"], result["signal"]) == (0, None)
    assert (result["output"], result["error"], result["output_truncated"]) == ("well\n", "", False)
    assert 0 < result["cpu_time_ms"] <= 5000 and 0 < result["execution_time_ms"] <= 30_000
    assert MIB < result["max_rss_bytes"] < 512 * MIB and result["trace_id"] and result["diff_id"] is None
    assert result["tree"] == git(project["repository_path"], "rev-parse", "HEAD^{tree}").strip()
    limits = {"wall_ms": 30_000, "memory_bytes": 512 * MIB, "output_bytes": MIB, "processes": 64,
              "file_bytes": 128 * MIB}
    assert limits.items() <= result["limits"].items() and result["limits"]["cpu_ms"] > 0
    missing = client.get("/health/detailed").json()["sandbox"]["missing"]
    assert result["sandbox"]["missing"] == missing
    quick = run_code(client, project, "pass", quick_test=True)
    assert quick["limits"]["wall_ms"] == 5000


@pytest.mark.parametrize("body, status, code, number", [
    ({"code": ""}, "passed", 0, None),
    ({"code": "assert 1 == 2"}, "failed", 1, None),
    ({"code": "raise ValueError('no')"}, "failed", 1, None),
    ({"code": "this is no Python"}, "failed", 1, None),
    ({"code": "x = '\\0'\nassert x"}, "passed", 0, None),
    ({"code": "import sys; sys.exit(0)"}, "passed", 0, None),
    ({"code": "import sys; sys.exit(70)"}, "failed", 70, None),
    ({"code": "import sys; sys.exit('words')"}, "failed", 1, None),
    ({"code": "import sys; print('MemoryError', file=sys.stderr); sys.exit(1)"}, "failed", 1, None),
    ({"code": "import os; os.kill(os.getpid(), 9)"}, "error", None, 9),
    ({"code": "import os; os.abort()"}, "error", None, 6),
    ({"command": "true"}, "passed", 0, None), ({"command": "exit 3"}, "failed", 3, None),
    ({"command": "kill -TERM $$"}, "error", None, 15), ({"command": "/no/such/program"}, "failed", 127, None),
    ({"command": "exec <&- >&- 2>&-; exit 5"}, "failed", 5, None),
    ({"command": "test \"$(wc -c)\" = 0"}, "passed", 0, None),
])
def test_the_end_of_the_program_is_the_verdict(client, project, body, status, code, number):
    result = run_code(client, project, **body)
    assert (result["status"], result["exit_code"], result["signal"]) == (status, code, number), result["error"]
    assert result["limit"] == ("signal" if number else None), "only a limit that was hit is named"


def test_a_traceback_shows_the_lines_of_the_test_under_its_name(client, project):
    code = "def check(x):\n    assert x > 2, 'too small'\n\ncheck(1)\n"
    result = run_code(client, project, code, name="Is it large?")
    assert "Is it large?" in result["error"] and "line 2, in check" in result["error"], result["error"]
    assert "assert x > 2, 'too small'" in result["error"] and "AssertionError: too small" in result["error"]
    assert "runner.py" not in result["error"], "what is ours is of no interest to the author of the test"


def test_a_test_sees_the_names_of_the_entry_file_and_the_modules_of_the_project(client, project):
    entry = "from tools.sums import add\nRAN = __name__\n\ndef double(x):\n    return add(x, x)\n"
    put(client, project, "main.py", entry)
    put(client, project, "tools/sums.py", "def add(x, y):\n    return x + y\n")
    code = "import main, os, tools.sums\nassert double(4) == 8 == main.double(4) and tools.sums.add(1, 2) == 3\n" \
        "assert RAN == 'main' != '__main__'\nprint(os.getcwd())"
    result = run_code(client, project, code)
    assert verdict(result) == ("passed", None) and result["output"] == "/work\n", result["error"]
    command = run_code(client, project, command="pwd; cat tools/sums.py; ls .git 2>&1 || echo no history")
    assert command["output"].startswith("/work\ndef add") and command["output"].endswith("no history\n")


def test_what_a_test_writes_is_seen_by_nobody(client, project):
    code = "import os\nassert not os.path.exists('trace')\nopen('trace', 'w').close()\nos.remove('main.py')"
    test = make_test(client, project, code)
    assert [run(client, test)["status"] for _ in range(2)] == ["passed", "passed"]
    assert git(project["repository_path"], "status", "--porcelain") == ""


@pytest.mark.parametrize("entry, sign", [
    ("import nothing_like_this\n", "ModuleNotFoundError"), ("def broken(:\n", "SyntaxError"),
    ("raise SystemExit(0)\n", "SystemExit"), ("import sys\nsys.exit('no')\n", "SystemExit"),
])
def test_an_entry_file_that_cannot_be_loaded_is_an_error_and_no_failure(client, project, entry, sign):
    put(client, project, "main.py", entry)
    result = run_code(client, project, "print('never')")
    assert verdict(result) == ("error", None) and result["output"] == ""
    assert sign in result["error"] and "main.py cannot be loaded" in result["error"], result["error"]
    assert run_code(client, project, command="echo still")["output"] == "still\n", "a command does not load it"


def test_pytest_runs_as_a_command(make_daemon):
    # One that the sandbox can be shown: its own work folder stands where /work is.
    for python in (os.path.realpath(sys.executable), sys.executable, shutil.which("python3") or ""):
        if python and not python.startswith("/work/") and \
                subprocess.run([python, "-c", "import pytest"], capture_output=True).returncode == 0:
            break
    else:
        pytest.skip("no Python outside /work has pytest")
    client = make_daemon(PYTHON=python).client()
    project = make_project(client)
    put(client, project, "test_sums.py", "def test_right():\n    pass\n\ndef test_wrong():\n    assert 0\n")
    test = make_test(client, project, command=f"{python} -m pytest -q -p no:cacheprovider test_sums.py")
    result = run(client, test)
    assert verdict(result) == ("failed", None) and result["exit_code"] == 1, result["error"]
    assert "1 failed, 1 passed" in result["output"] and "test_sums.py::test_wrong" in result["output"]


# Output

def outputs(events, stream):
    return "".join(event["data"]["text"] for event in events
                   if event["event"] == "test_output" and event["data"]["stream"] == stream)


def test_output_comes_while_the_test_runs(daemon, client, project):
    test = make_test(client, project, "import sys, time\nprint('one')\nprint('two', file=sys.stderr)\ntime.sleep(1)")
    with subscribed(daemon, f"project:{project['id']}") as events, concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(run, daemon.client(), test)
        first = events_until(events, "test_output")
        assert not running.done(), "output comes before the end"
        rest = events_until(events, "test_completed")
        result = running.result()
    started, completed = first[0], rest[-1]["data"]
    assert started["event"] == "test_started"
    about = {"test_id": test["id"], "result_id": result["id"], "diff_id": None, "test_name": "A test"}
    assert about.items() <= started["data"].items() and about.items() <= completed.items()
    assert outputs(first + rest, "stdout") == result["output"] == completed["output"] == "one\n"
    assert outputs(first + rest, "stderr") == result["error"] == "two\n"
    assert (completed["status"], completed["limit"], completed["trace_id"]) == ("passed", None, result["trace_id"])


@pytest.mark.parametrize("written", [
    bytes(range(1, 256)), b"before\xff\xfe\x80after", b"\xc3(\xa0\xa1 \xe2\x28\xa1 \xf0\x90\x28\xbc",
    b"\xed\xa0\x80 \xc0\xaf", b"nul\0nul", b"\x1b[2J\r\x08", "\u2028\ufeff\U0010ffff".encode(),
    b"\xf0\x9f\x9a", b"data: x\n\nevent: y\n\n",
], ids=["all but nul", "no UTF-8", "too short", "surrogates", "nul", "terminal", "far away", "cut off", "an event"])
def test_output_may_be_any_bytes(daemon, client, project, written):
    with subscribed(daemon, f"project:{project['id']}") as events:
        result = run_code(client, project, f"import sys; sys.stdout.buffer.write({written!r})")
        seen = events_until(events, "test_completed")
    # What is no UTF-8 is shown as U+FFFD, the way that browsers and Python do it.
    wanted = written.decode("utf-8", "replace")
    assert result["output"] == wanted and outputs(seen, "stdout") == wanted
    stored = client.get(f"/tests/{result['test_id']}/results").json()[0]
    assert stored["output"] == wanted and verdict(stored) == ("passed", None)


def test_characters_are_whole_however_they_are_written(daemon, client, project):
    text = "zß水🎉" * 4
    code = f"import os, time\nfor byte in {text.encode()!r}:\n    os.write(1, bytes([byte]))\n    time.sleep(0.005)"
    with subscribed(daemon, f"project:{project['id']}") as events:
        assert run_code(client, project, code)["output"] == text
        seen = events_until(events, "test_completed")
    assert outputs(seen, "stdout") == text
    assert sum(event["event"] == "test_output" for event in seen) > 1, "it came in pieces"


@pytest.mark.parametrize("stream, field", [("stdout", "output"), ("stderr", "error")])
def test_a_flood_is_cut_and_said_to_be_cut(daemon, client, project, stream, field):
    with subscribed(daemon, f"project:{project['id']}") as events:
        result = run_code(client, project, f"import sys\nprint('first')\nsys.{stream}.write('x' * {3 * MIB} + 'last')")
        seen = events_until(events, "test_completed")
    assert verdict(result) == ("passed", "output") and result["output_truncated"] is True
    assert result["output"].startswith("first\n") and MIB - 8 <= len(result[field]) < MIB + 200
    assert "last" not in result[field] and len(outputs(seen, stream)) <= MIB
    assert "cut" in result["error"][-200:]


# Several at once

def test_all_tests_of_a_project_run_at_once_and_are_counted(daemon, client, project):
    codes = [DELAY] * 8 + ["assert 0", "import os; os.abort()"]
    made = [make_test(client, project, code, name=f"Test {n}", quick_test=n < 2) for n, code in enumerate(codes)]
    began = time.monotonic()
    answer = client.post(f"/projects/{project['id']}/tests/run")
    elapsed = time.monotonic() - began
    assert answer.status_code == 200, answer.text
    summary = answer.json()
    results = summary.pop("results")
    assert summary == {"status": "failed", "passed": 8, "failed": 1, "error": 1, "timeout": 0}
    assert [result["test_id"] for result in results] == [test["id"] for test in made]
    assert elapsed < sum(result["execution_time_ms"] for result in results) / 1000 / 2
    quick = client.post(f"/projects/{project['id']}/tests/run", json={"quick_only": True}).json()
    assert [result["test_name"] for result in quick["results"]] == ["Test 0", "Test 1"] and quick["status"] == "passed"


def test_at_most_ten_run_at_once(daemon, client, project):
    for _ in range(14):
        make_test(client, project, DELAY)
    with subscribed(daemon, f"project:{project['id']}") as events:
        assert client.post(f"/projects/{project['id']}/tests/run").json()["passed"] == 14
        running, most = set(), 0
        for _ in range(14):
            for event in events_until(events, "test_completed"):
                if event["event"] == "test_started":
                    running.add(event["data"]["result_id"])
                most = max(most, len(running))
            running.remove(event["data"]["result_id"])
    assert 2 <= most <= 10


def test_a_project_without_tests_passes(client, project):
    assert client.post(f"/projects/{project['id']}/tests/run", json={}).json() == \
        {"status": "passed", "passed": 0, "failed": 0, "error": 0, "timeout": 0, "results": []}


def test_results_are_listed_newest_first_and_in_parts(client, project):
    test = make_test(client, project, "pass")
    ids = [run(client, test)["id"] for _ in range(5)][::-1]
    path = f"/tests/{test['id']}/results"
    assert [result["id"] for result in client.get(path).json()] == ids
    first = client.get(path, params={"limit": 2})
    assert [result["id"] for result in first.json()] == ids[:2]
    second = client.get(first.links["next"]["url"])
    assert [result["id"] for result in second.json()] == ids[2:4]
    assert [result["id"] for result in client.get(second.links["next"]["url"]).json()] == ids[4:]


# Diffs that are not committed

def test_a_diff_is_tested_before_it_is_committed(daemon, client, project):
    test = make_test(client, project, "assert triage_agent.name\nprint('there')")
    diff = vibe(client, make_session(client, project))["diff_id"]
    head = git(project["repository_path"], "rev-parse", "HEAD")
    assert run(client, test)["status"] == "failed", "it is not in the branch"
    with subscribed(daemon, f"diff:{diff}") as events:
        assert verdict(run(client, test, diff_id=diff)) == ("passed", None)
        seen = [event for event in events_until(events, "test_completed") if event["event"] != "test_output"]
        assert [event["data"]["diff_id"] for event in seen] == [diff, diff], "it begins and ends"
    summary = client.post(f"/diffs/{diff}/test").json()
    assert (summary["status"], summary["passed"]) == ("passed", 1)
    assert git(project["repository_path"], "rev-parse", "HEAD") == head
    assert git(project["repository_path"], "status", "--porcelain") == ""
    read = client.get(f"/diffs/{diff}").json()
    assert [result["id"] for result in read["test_results"]] == [summary["results"][0]["id"]]
    assert read["tests_run_at"] >= summary["results"][0]["created_at"]
    assert read["tested_tree"] == read["proposal_tree"] == summary["results"][0]["tree"]
    # A change of the branch makes the verdict one on another tree than a commit would make now.
    assert client.post(f"/diffs/{diff}/accept").status_code == 200
    assert git(project["repository_path"], "rev-parse", "HEAD^{tree}").strip() == read["tested_tree"]
    put(client, project, "other.py", "x = 1\n")
    assert run(client, test)["tree"] != client.get(f"/diffs/{diff}").json()["tested_tree"]
    other = make_test(client, make_project(client), "pass")
    assert client.post(f"/tests/{other['id']}/run", json={"diff_id": diff}).status_code == 404
