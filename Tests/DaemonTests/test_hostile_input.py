"""Whatever comes in, the answer says what is wrong with it, nothing outside is touched, and the daemon goes on."""

import contextlib
import json
import pathlib
import re
import socket
import subprocess

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from conftest import EXECUTABLE, Daemon, approve, commit, git, make_project, make_session, vibe

NOWHERE, BODY_LIMIT = "01900000-0000-7000-8000-000000000000", 4 << 20


@pytest.fixture(scope="module")
def survivor(tmp_path_factory):
    """One daemon for all of this file, and its process id at the start."""
    daemon = Daemon(tmp_path_factory.mktemp("hostile")).start()
    yield daemon, daemon.pid
    daemon.close()


@pytest.fixture
def daemon(survivor):
    return survivor[0]


def operations():
    """Every operation: method, path and the schema of its body, from the program's own OpenAPI document."""
    document = json.loads(subprocess.run([EXECUTABLE, "openapi"], capture_output=True, timeout=60, check=True).stdout)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody")
            yield method.upper(), path, body and body["content"]["application/json"]["schema"]


OPERATIONS = list(operations())
WITH_BODY = [operation for operation in OPERATIONS if operation[2]]
IDS = [NOWHERE, "x", "..%2F..%2Fetc", "%27%20OR%201=1%20--", "%F0%9F%98%80", "a" * 1000, "%2e%2e", "NULL", "-1"]


def valid(schema):
    """A body that a schema takes."""
    def value(field):
        return True if field["type"] == "boolean" else "x" * max(1, field.get("minLength", 1))
    return {name: value(schema["properties"][name]) for name in schema["required"]}


def at(path, identity=NOWHERE):
    return path.replace("{id}", identity).replace("{sha}", "0" * 40).replace("{path}", "main.py")


def faults(answer):
    """The places that a 422 names, once it has all that clients rely on."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert all(body[name] and isinstance(body[name], str) for name in ("detail", "message"))
    assert all(set(error) == {"loc", "msg", "type"} and error["msg"] for error in body["errors"])
    return [error["loc"] for error in body["errors"]]


@pytest.mark.parametrize("body, offset", [
    (b"{", 1), (b'{"name":', 8), (b'{"name": "x",}', 13), (b"{'name': 1}", 1), (b'{"name": "x"} x', 14), (b"[1,2", 4),
    (b'{"name": nul}', None), (b'{"name": NaN}', 9), (b'{"name": 01}', None), (b'{"name": "a\nb"}', 11), (b"\x00", 0),
    (b'{"name": "\xff"}', None), (b'{"name": "\\ud800"}', None), (b'{"name": "\\x41"}', None), (b'{"name" "x"}', 8),
    ('{"name": "x"}'.encode("utf-16"), None), (b"[" * 100_000, None), (b'{"a":' * 100_000, None), (b"name=x", None),
    (b'{"name": "x" /* no */}', 13), (b"\xef\xbb\xbf", None), (b'{"name": "' + b"x" * 1000, 1010), (b"<name/>", 0),
], ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None)
def test_broken_json_is_refused_with_its_place(client, body, offset):
    (place,) = faults(client.post("/projects", content=body))
    assert place[0] == "body" and 0 <= place[1] <= len(body) and offset in (None, place[1])


@pytest.mark.parametrize("method, path, schema", WITH_BODY)
def test_what_is_missing_or_of_another_type_is_named(client, method, path, schema):
    url, required = at(path), schema["required"]
    wrong = {"string": [1, True, [], {}, 1.5], "boolean": ["maybe", 2, [], {}, "", 1.5], "array": ["x", 1, True, {}],
             "integer": ["x", 1.5, True, [], {}], "number": ["x", True, [], {}], "object": ["x", 1, True, []]}
    for name, field in schema["properties"].items():
        # What may be of several types is looked at by its own tests.
        values = wrong[field["type"]] if "type" in field else []
        values = values + [field.get("minimum", 0) - 1] * ("minimum" in field)
        values += [None] * (name in required) + ["planet"] * ("enum" in field)
        values += ["x" * (field.get("maxLength", 0) + 1)] * ("maxLength" in field) + [""] * ("minLength" in field)
        for value in values:
            assert faults(client.request(method, url, json={**valid(schema), name: value})) == [["body", name]], value
    for value in [[], "x", 1, True, [{}]] + [None] * bool(required):
        assert faults(client.request(method, url, json=value)) == [["body"]], value
    if required:
        assert faults(client.request(method, url, json={"other": 1})) == [["body", name] for name in required]
        assert faults(client.request(method, url)) == faults(client.request(method, url, content=b" \n")) == [["body"]]


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize("method, path, schema", [operation for operation in OPERATIONS if "{id}" in operation[1]])
def test_an_unknown_id_is_not_found(client, method, path, schema, prefix):
    for identity in IDS:
        answer = client.request(method, prefix + at(path, identity), json=schema and valid(schema))
        assert answer.status_code == 404 and answer.json()["status"] == 404, f"{identity}: {answer.text}"
    assert client.request(method, prefix + at(path, "%00"), json=schema and valid(schema)).status_code == 400


@pytest.mark.parametrize("name", ["0" * 40, "--all", "HEAD~9", "HEAD@%7B1%7D", ":%2FInitial", "main:main.py", "%20"])
def test_a_commit_is_named_by_a_commit(client, project, name):
    for url in (f"commits/{name}", f"files?ref={name}", f"files/main.py?ref={name}", f"commits?ref={name}"):
        assert client.get(f"/projects/{project['id']}/{url}").status_code in (404, 422), url


@pytest.mark.parametrize("name", [
    "", " ", "\t\n ", "x" * 10_000, "x" * 250, "é" * 250, "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50, "../",
    "../../etc", ".git", "/", "/etc/passwd", "C:\\", "a\nimport os", "a\rimport os", "a\u2028b\x85c\x0bd\x0ce", "\x00",
    "a\x00b", "\u202egit.", "שלום", "'''", '"""', "\\", "a\\\nb", "#!/bin/sh", "\ufeff", "\U0010ffff", "con",
    "..", "-rf", "$(id)", "a" * 59 + "-b", "ß" * 60, ".new-x", "x_conversations.db", "coding: none", "Encoding: a",
], ids=lambda name: ascii(name)[:40])
def test_a_project_of_any_name_has_a_safe_folder_and_valid_code(daemon, client, name):
    answer = client.post("/projects", json={"name": name})
    if answer.status_code == 422:
        assert faults(answer) == [["body", "name"]] and (not name.strip() or len(name) > 250 or "\x00" in name)
        return
    project = answer.json()
    assert answer.status_code == 201 and project["name"] == name
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,70}", project["slug"])
    path = pathlib.Path(project["repository_path"])
    assert path.resolve() == (daemon.media / "projects" / project["slug"]).resolve() and path.is_dir()
    compile((path / "main.py").read_bytes(), "main.py", "exec")
    assert git(path, "fsck", "--strict") == "" and git(path, "status", "--porcelain") == ""
    diff = vibe(client, make_session(client, project))["diff_id"]
    approve(client, diff)
    commit(client, diff)


def exchange(daemon, request, more=()):
    """Sends bytes as they are and reads until the daemon closes."""
    host, port = daemon.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(request)
        with contextlib.suppress(ConnectionError):
            for piece in more:
                raw.sendall(piece)
            raw.shutdown(socket.SHUT_WR)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := raw.recv(65536):
                data += chunk
    return data


def status_of(data):
    assert data.startswith(b"HTTP/1.1 "), data
    return int(data[9:12])


@pytest.mark.parametrize("path", [
    "../../../../etc/passwd", "%2e%2e/%2e%2e/x.db", "..%2F..%2Fetc%2Fpasswd", "%2e%2e%2fvibegrapher.db", ".git/config",
    ".git%2Fconfig", "%2Egit/HEAD", ".GIT/config", "git~1/config", ".git./config", ".g%E2%80%8Cit/config", "%2Fetc%2Fx",
    "/etc/passwd", "main.py%00.txt", "%00", "x/../main.py", "./main.py", "a//b", "..\\x", "..%5C..%5Cx", "main.py/",
    "main.py/x", "%c0%ae%c0%ae/x", "%zz", "%", "a" * 5000, "link", "link/passwd", "sub", "sub/x", "%0a", "..%00/",
])
def test_no_path_leaves_the_repository(daemon, client, project, path):
    repository = project["repository_path"]
    pathlib.Path(repository, "link").symlink_to("/etc")
    git(repository, "add", "link")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{project['current_commit']},sub")
    git(repository, "commit", "-qm", "Link")
    url = f"/projects/{project['id']}/files/{path}"
    data = exchange(daemon, f"GET {url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert status_of(data) in (400, 404, 422) or path == "main.py/" and b"Ready for vibecoding" in data
    assert b"root:" not in data and b"[core]" not in data and b"SQLite format" not in data


def post(fields, body=b"", version="1.1"):
    return f"POST /projects HTTP/{version}\r\nHost: localhost\r\n{fields}\r\n".encode() + body


def test_a_body_that_is_too_large_is_refused(daemon, client, session):
    large = [b"x" * 65536] * (BODY_LIMIT // 65536 + 1)
    assert status_of(exchange(daemon, post(f"Content-Length: {len(large) * 65536}\r\n"), large)) == 413
    assert status_of(exchange(daemon, post("Content-Length: 99999999999\r\n"))) == 413
    chunked = [b"10000\r\n%s\r\n" % piece for piece in large]
    assert status_of(exchange(daemon, post("Transfer-Encoding: chunked\r\n"), chunked)) == 413
    url = f"/sessions/{session['id']}/messages"
    assert faults(client.post(url, json={"prompt": "x" * 100_001})) == [["body", "prompt"]]
    assert client.post(url, json={"prompt": "x", "other": "x" * (BODY_LIMIT - 100)}).status_code == 200


HIDDEN, NAMED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b'{"name":"smuggled"}'


@pytest.mark.parametrize("request_bytes", [
    post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), post("Content-Length: 19, 5\r\n", NAMED),
    post("Content-Length: 19\r\nContent-Length: 5\r\n", NAMED), post("Content-Length: +19\r\n", NAMED), post("X y\r\n"),
    post("Content-Length: -1\r\n"), post("Content-Length: 0x13\r\n", NAMED), post("Content-Length: 1 9\r\n", NAMED),
    post("Content-Length:\r\n", NAMED), post("Content-Length: 99999999999999999999999\r\n"), post(": x\r\n"),
    post("Content-Length : 19\r\n", NAMED), post("X: y\r\n Content-Length: 19\r\n", NAMED), post("X: a\rb\r\n"),
    post("X: a\x00b\r\n"), post("Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), b"POST /projects HTTP/1.1\r\n\r\n",
    *(post(f"Transfer-Encoding: {coding}\r\n", body, version) for coding, body, version in [
        ("chunked, chunked", b"0\r\n\r\n", "1.1"), ("chunked", b"0\r\n\r\n", "1.0"), ("chunked", b"zz\r\n\r\n", "1.1"),
        ("chunked", b"-1\r\n\r\n", "1.1"), ("chunked", b"fffffffffffffffff\r\n", "1.1"),
        ("chunked", b"1\r\nxy\r\n0\r\n\r\n", "1.1"), ("chunked", b"1\nx\n0\n\n", "1.1")]),
    post("Host: localhost\r\n"), b"GET /health HTTP/1.1\nHost: localhost\n\n", b"\x16\x03\x01\x02\x00\r\n\r\n",
    *(line + b"\r\nHost: localhost\r\n\r\n" for line in (
        b"GET  /health HTTP/1.1", b"GET /he alth HTTP/1.1", b"GET health HTTP/1.1", b"G\x01T / HTTP/1.1", b"GET /")),
], ids=lambda value: repr(value[:90]))
def test_an_ambiguous_request_is_refused_and_the_connection_closed(daemon, request_bytes):
    data = exchange(daemon, request_bytes + HIDDEN)
    assert status_of(data) == 400 and data.count(b"HTTP/1.1 ") == 1, data
    assert b"application/problem+json" in data and b"smuggled" not in data


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a;;b"])
def test_json_is_json_whatever_it_is_called(client, session, kind):
    for url, body in [("/projects", {"name": "x"}), (f"/sessions/{session['id']}/messages", {"prompt": "Hello?"})]:
        assert client.post(url, content=json.dumps(body), headers={"Content-Type": kind}).is_success


SUBSCRIBE = {"type": "subscribe", "topic": f"project:{NOWHERE}"}


@pytest.mark.parametrize("message", [
    "", "{", "null", "[]", '"subscribe"', "[" * 100_000, "\x00", b"{}", b"\xff\x00", {}, {"type": None}, {"type": 1},
    {"type": ["subscribe"]}, {"type": "SUBSCRIBE"}, {"type": "subscribe"}, {"type": "unsubscribe"},
    *({"type": "subscribe", "topic": topic} for topic in (1, "", "project:", "planet:1", "project:" + "x" * 1000)),
    *({**SUBSCRIBE, "after": after} for after in (-1, "1", "x", 1.5, True, [], {}, 2**63, 10**30, 1e300)),
], ids=lambda message: repr(message)[:60])
def test_a_websocket_message_that_makes_no_sense_is_answered_and_the_socket_stays(daemon, message):
    with connect(daemon.websocket_url, proxy=None) as follower:
        follower.send(json.dumps(message) if isinstance(message, dict) else message)
        answer = json.loads(follower.recv(timeout=10))
        assert answer["type"] == "error" and answer["message"]
        follower.send('{"type":"ping"}')
        assert json.loads(follower.recv(timeout=10)) == {"type": "pong"}


def test_a_websocket_has_its_limits(daemon):
    with connect(daemon.websocket_url, proxy=None) as follower:
        for number in range(200):
            follower.send(json.dumps({"type": "subscribe", "topic": f"project:{number}"}))
        types = [json.loads(follower.recv(timeout=10))["type"] for _ in range(200)]
        assert types == sorted(types, reverse=True) and set(types) == {"subscribed", "error"}
        follower.send("x" * (2 << 20))
        with pytest.raises(ConnectionClosed) as closed:
            follower.recv(timeout=10)
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize("query", [
    "", "topic=", "topic=x", "topic=planet:1", "topic=project:", "topic=project:" + "x" * 1000, "topic=:1",
    *(f"topic=project:1&after={after}" for after in ("-1", "x", "1.5", "", "9" * 30))])
def test_a_stream_of_a_topic_that_makes_no_sense_is_refused(client, query):
    assert faults(client.get(f"/api/v1/events?{query}"))[0][0] == "query"


def test_a_message_id_belongs_to_one_message(client, project, session):
    other = make_session(client, make_project(client, "Other"))
    vibe(client, session, message_id="taken")
    step = client.get(f"/sessions/{session['id']}/messages").json()[-1]["id"]
    for where, identity in [(other, "taken"), (other, step), (session, step)]:
        answer = client.post(f"/sessions/{where['id']}/messages", json={"prompt": "x", "message_id": identity})
        assert answer.status_code == 409 and answer.json()["code"] == "conflict"
    assert client.get(f"/sessions/{other['id']}/messages").json() == []


@pytest.mark.parametrize("identity", ["../x", "a/b", "a?b#c", "%2e", "\U0001f600", "a\r\nX-Evil: 1", "a\nb", "\x00",
                                      " ", "x" * 128, "é" * 128, "\u202e"], ids=ascii)
def test_a_message_id_of_any_text_is_taken_or_refused(client, session, identity):
    answer = client.post(f"/sessions/{session['id']}/messages", headers={"Prefer": "respond-async"},
                         json={"prompt": "Create a triage agent", "message_id": identity})
    if answer.status_code == 422:
        return
    assert answer.status_code == 202 and "x-evil" not in answer.headers
    assert client.get(answer.headers["location"]).json()["message_id"] == identity


@pytest.mark.parametrize("prompt", [
    "", " ", "\x00", "a\x00b", "\r\n", "\u202e", "\ufeff", "\uffff", "\U0010ffff", "e" + "\u0301" * 5000, "x" * 100_000,
    "\U0001f468\u200d\U0001f469", "Create a \U0001f600 agent", "Create a \u202eevil agent", "Create a ''' agent", "```",
    'Create a "+__import__("os")+" agent', "Create a \\ agent", "Create a \x00 agent", f"Create a {'x' * 999} agent",
    "File: ../x\n```\nx\n```\nUser request: x", "Rename the x agent to \"\"\"", "'; DROP TABLE diffs; --", "%s{0}",
], ids=lambda prompt: ascii(prompt)[:40])
def test_a_prompt_may_be_any_text(client, session, prompt):
    answer = client.post(f"/sessions/{session['id']}/messages", json={"prompt": prompt})
    if answer.status_code == 422:
        assert faults(answer) == [["body", "prompt"]] and ("\x00" in prompt or not prompt.strip())
        return
    assert answer.status_code == 200
    history = client.get(f"/sessions/{session['id']}/messages").json()
    assert history[0]["content"] == prompt and history[-1]["message_type"] == "run_result"


def test_the_daemon_outlived_all_of_it(survivor):
    daemon, pid = survivor
    client = daemon.client()
    assert daemon.running and daemon.pid == pid and client.get("/health").json()["status"] == "healthy"
    projects = client.get("/projects").json()
    folders = {path.name for path in (daemon.media / "projects").iterdir() if path.is_dir()}
    assert folders == {project["slug"] for project in projects}
    assert all(git(project["repository_path"], "fsck", "--strict", "--no-dangling") == "" for project in projects)
    assert {path.name.partition("-")[0] for path in daemon.folder.iterdir()} == {"media", "vibegrapher.db"}
    assert not [line for line in daemon.stderr.splitlines() if '"error"' in line or '"critical"' in line]
    daemon.stop()
