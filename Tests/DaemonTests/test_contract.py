"""What every client relies on: errors, methods, who may call, the OpenAPI document, settings and the stop."""

import json
import pathlib
import signal
import socket
import threading
import time

import httpx
import pytest

from conftest import (Process, approve, clean_environment, commit, events_until, git, make_project, make_session,
                      subscribed, vibe, wait_until)

NOWHERE = "01900000-0000-7000-8000-000000000000"


def problem_of(answer, status):
    """The body of an error answer, once it is what every error has to be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= {"type", "title", "status", "detail", "code", "instance", "request_id"}
    assert body["status"] == status and isinstance(body["detail"], str) and body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == answer.request.url.path
    return body


def test_health_has_the_fields_that_clients_expect(make_daemon):
    client = make_daemon(ENVIRONMENT="preview", FLY_REGION="ams", FLY_APP_NAME="desk").client()
    body = client.get("/health").json()
    assert set(body) == {"status", "timestamp", "version", "environment", "region", "app_name", "database",
                         "database_type"}
    assert (body["status"], body["database"], body["database_type"]) == ("healthy", "connected", "sqlite")
    assert (body["environment"], body["region"], body["app_name"]) == ("preview", "ams", "desk")


@pytest.mark.parametrize("method, path", [
    ("GET", "/projects/ID"), ("PATCH", "/projects/ID"), ("DELETE", "/projects/ID"), ("POST", "/projects/ID/sessions"),
    ("GET", "/projects/ID/files"), ("GET", "/projects/ID/files/main.py"), ("GET", "/projects/ID/commits"),
    ("GET", "/projects/ID/branches"), ("GET", "/projects/ID/diffs"), ("GET", "/projects/ID/tests"),
    ("GET", "/sessions/ID"), ("DELETE", "/sessions/ID"), ("POST", "/sessions/ID/messages"),
    ("POST", "/sessions/ID/fork"), ("POST", "/sessions/ID/cancel"), ("GET", "/sessions/ID/messages"),
    ("GET", "/messages/ID/full"), ("GET", "/messages/ID/result"), ("GET", "/diffs/ID"), ("GET", "/diffs/ID/preview"),
    ("POST", "/diffs/ID/review"), ("POST", "/diffs/ID/commit"), ("POST", "/diffs/ID/accept"),
    ("POST", "/diffs/ID/reject"), ("POST", "/diffs/ID/rebase"), ("POST", "/diffs/ID/refine-message"),
    ("POST", "/projects/ID/revert"), ("POST", "/projects/ID/diffs"), ("GET", "/nothing/here"),
])
def test_what_is_not_there_is_a_404_problem(client, method, path):
    body = {"name": "x", "prompt": "x", "approved": True, "after_message_id": "x", "sha": "abcd", "patch": "x"}
    answer = client.request(method, path.replace("ID", NOWHERE), json=body if method in ("POST", "PATCH") else None)
    problem_of(answer, 404)


@pytest.mark.parametrize("path, allow", [
    ("/health", "GET, HEAD, OPTIONS"), ("/projects", "GET, HEAD, OPTIONS, POST"),
    (f"/projects/{NOWHERE}", "DELETE, GET, HEAD, OPTIONS, PATCH"), (f"/diffs/{NOWHERE}/commit", "OPTIONS, POST"),
])
def test_another_method_is_405_with_allow_and_options_says_the_same(client, path, allow):
    refused = client.put(path, json={})
    problem_of(refused, 405)
    options = client.options(path)
    assert (options.status_code, options.content) == (204, b"")
    assert refused.headers["allow"] == options.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/health", "/projects", "/api/v1/openapi.json", "/docs", "/redoc"])
def test_head_has_the_fields_of_get_and_no_body(client, path):
    head, got = client.head(path), client.get(path)
    assert head.status_code == got.status_code == 200 and head.content == b""
    for field in ("content-type", "content-length"):
        if field in got.headers and "content-encoding" not in got.headers:
            assert head.headers[field] == got.headers[field]
    assert got.headers["date"] and got.headers["server"]


def test_a_request_id_is_taken_or_made(client):
    assert client.get("/health", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    refused = client.get("/nothing", headers={"X-Request-ID": "mine-2"})
    assert problem_of(refused, 404)["request_id"] == "mine-2"
    made = {client.get("/health").headers["x-request-id"] for _ in range(5)}
    assert len(made) == 5


def test_a_validation_error_names_each_field(client, session):
    body = problem_of(client.post("/projects", json={}), 422)
    assert [(error["loc"], error["type"]) for error in body["errors"]] == [(["body", "name"], "missing")]
    assert body["errors"][0]["msg"] and body["message"]
    body = problem_of(client.post(f"/sessions/{session['id']}/messages", json={"prompt": 1, "message_id": ""}), 422)
    assert sorted(tuple(error["loc"]) for error in body["errors"]) == [("body", "message_id"), ("body", "prompt")]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "", "application/json"])
def test_a_json_body_is_taken_whatever_its_content_type(client, content_type):
    answer = client.post("/projects", content=b'{"name": "x"}', headers={"Content-Type": content_type})
    assert answer.status_code == 201


ORIGIN = "https://desk.example.org"


@pytest.mark.parametrize("headers, code", [
    ({"Origin": ORIGIN}, "origin_not_allowed"), ({"Origin": "null"}, "origin_not_allowed"),
    ({"Origin": "http://127.0.0.1:1"}, "origin_not_allowed"), ({"Host": "evil.example"}, "host_not_allowed"),
    ({"Host": "127.0.0.1.evil.example"}, "host_not_allowed"), ({"Host": "localhost.evil.x:80"}, "host_not_allowed"),
])
@pytest.mark.parametrize("path", ["/projects", "/ws"])
def test_a_foreign_page_or_name_is_refused(client, headers, code, path):
    answer = client.get(path, headers=headers)
    assert problem_of(answer, 403)["code"] == code
    assert "access-control-allow-origin" not in answer.headers


def test_a_named_origin_and_host_may_call(make_daemon):
    client = make_daemon(CORS_ORIGINS=f"https://x.org, {ORIGIN}", ALLOWED_HOSTS="desk.internal").client()
    answer = client.get("/projects", headers={"Origin": ORIGIN, "Host": "desk.internal:8000"})
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in answer.headers["vary"]
    preflight = client.options("/projects", headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"].lower() in ("content-type", "*")
    assert client.get("/projects", headers={"Origin": "https://y.org"}).status_code == 403


def conforms(value, schema, document, where="$"):
    """Fails unless a value is what its schema says: types, required members, listed values."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        schema = {"type": "null"} if value is None else schema["anyOf"][0]
        return conforms(value, schema, document, where)
    types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
             "null": type(None)}
    if "type" in schema:
        assert isinstance(value, types[schema["type"]]), f"{where} is {value!r}, not {schema['type']}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where} is {value!r}"
    for name in schema.get("required", []):
        assert name in value, f"{where} has no {name}"
    if isinstance(value, dict):
        for name in set(value) & set(schema.get("properties", {})):
            conforms(value[name], schema["properties"][name], document, f"{where}.{name}")
    for index, element in enumerate(value if isinstance(value, list) else []):
        conforms(element, schema.get("items", {}), document, f"{where}[{index}]")


def test_the_openapi_document_is_whole(client):
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1") and document["info"]["title"] and document["info"]["version"]
    operations = [(path, method, operation) for path, item in document["paths"].items()
                  for method, operation in item.items()]
    identities = [operation["operationId"] for _, _, operation in operations]
    assert len(identities) == len(set(identities)) > 25
    for path, method, operation in operations:
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path
        assert method in ("get", "post", "put", "patch", "delete") and operation["responses"], path
        assert all(status.isdigit() and answer["description"] for status, answer in operation["responses"].items())
    for reference in set(json.dumps(document).split('"$ref": "')[1:]):
        assert reference.split('"')[0].rsplit("/", 1)[1] in document["components"]["schemas"]
    assert {"message.delta", "diff_created", "code_changed", "message.completed"} <= set(document["x-events"])


def test_every_answer_is_what_the_openapi_document_says(client, project, session):
    document = client.get("/openapi.json").json()
    result = vibe(client, session)
    diff = result["diff_id"]
    test = client.post(f"/projects/{project['id']}/tests", json={"name": "t", "code": "pass"}).json()
    assert client.post(f"/tests/{test['id']}/run").json()["status"] == "passed"
    ids = {"projects": project["id"], "sessions": session["id"], "messages": result["message_id"], "diffs": diff,
           "tests": test["id"]}
    made = client.post("/terminals", json={"project_id": project["id"], "command": "true"}).json()
    ids |= {"terminals": made["id"], "gateway": client.post("/gateway/tokens", json={}).json()["id"]}
    schemas = document["components"]["schemas"]
    conforms(client.post(f"/diffs/{diff}/refine-message").json(), schemas["RefinedMessage"], document)
    conforms(approve(client, diff), schemas["ReviewedDiff"], document)
    sha = commit(client, diff)["committed_sha"]
    conforms(client.post(f"/projects/{project['id']}/revert", json={"sha": sha}).json(), schemas["Diff"], document)
    checked = 0
    for path, item in document["paths"].items():
        if "get" not in item or path.endswith(("/ws", "/events", "/git/{path}", "/graph", "/metrics")):
            continue
        kind = path.split("/")[1]
        url = path.replace("{id}", ids.get(kind, "")).replace("{path}", "main.py").replace("{sha}", sha)
        answer = client.get(url)
        schema = item["get"]["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        conforms(answer.json(), schema, document, url)
        checked += 1
    assert checked >= 18
    conforms(result, document["components"]["schemas"]["MessageResult"], document)
    conforms(client.get(f"/diffs/{NOWHERE}").json(), document["components"]["schemas"]["Problem"], document)


def test_an_event_that_is_sent_is_an_event_that_is_described(daemon, client, project, session):
    described = client.get("/openapi.json").json()["x-events"]
    with subscribed(daemon, f"project:{project['id']}", after=0) as follower:
        result = vibe(client, session)
        approve(client, result["diff_id"])
        commit(client, result["diff_id"])
        names = {event["event"] for event in events_until(follower, "code_update")}
    assert names <= set(described)


def refused_start(tmp_path, **env):
    """Starts the daemon with settings that have to be refused; gives what it wrote on standard error."""
    process = Process(["serve"], tmp_path, clean_environment(tmp_path, **{"PORT": 0, **env}))
    assert process.wait() == 1
    assert process.lines.get(timeout=5) == "", "nothing on standard output"
    return process.stderr.splitlines()


@pytest.mark.parametrize("name, value", [
    ("PORT", "x"), ("PORT", "70000"), ("PORT", "-1"), ("HOST", "0.0.0.0"), ("DATABASE_URL", "postgres://x/y"),
    ("DATABASE_URL", "sqlite:///"), ("OPENAI_BASE_URL", "ftp://x"), ("LOG_LEVEL", "loud"), ("EVENT_LOOPS", "1000"),
    ("EMBEDDED_MODEL_DELAY_MS", "1.5"), ("SSE_PING_INTERVAL", "0"), ("SSE_RETRY_TIMEOUT", "soon"),
    ("MAX_VARIATIONS", "0"), ("MAX_PROMPT_LENGTH", "1"), ("CLONE_TIMEOUT", "0"), ("MAX_REPO_SIZE_MB", "big"),
    ("AGENT_MEMORY_LIMIT", "lots"), ("AGENT_CPU_LIMIT", "-1"), ("REDIS_URL", "http://x"),
    ("OPENAI_API_KEY", "two words"), ("ANTHROPIC_BASE_URL", "x"), ("GOOGLE_GEMINI_BASE_URL", "x"),
])
def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(tmp_path, name, value):
    lines = refused_start(tmp_path, **{name: value})
    assert len(lines) == 1 and name in lines[0], lines


def test_a_secret_that_is_refused_is_not_shown(tmp_path):
    assert "hunter2" not in refused_start(tmp_path, OPENAI_API_KEY="hunter2 hunter2")[0]


def test_the_environment_goes_before_the_file_and_case_does_not_matter(make_daemon, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / ".env").write_text('# comment\nexport environment="from file"\nFLY_REGION=file # no\nfly_app_name=file\n')
    body = make_daemon("files", fly_region="environment", FLY_APP_NAME="environment").client().get("/health").json()
    assert (body["environment"], body["region"], body["app_name"]) == ("from file", "environment", "environment")


def waiting_request(daemon):
    """A message whose answer a client waits for; gives the thread and the place of its answer."""
    client = daemon.client()
    session, answers = make_session(client, make_project(client)), []
    url = f"{daemon.url}/sessions/{session['id']}/messages"
    body = {"prompt": "Create a triage agent", "message_id": "waiting"}
    thread = threading.Thread(target=lambda: answers.append(httpx.post(url, json=body, timeout=60, trust_env=False)))
    with subscribed(daemon, f"session:{session['id']}", after=0) as follower:
        thread.start()
        events_until(follower, "message.delta")
    return thread, answers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_who_waits_and_exits_0_in_time(make_daemon, number):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=500)
    thread, answers = waiting_request(daemon)
    began = time.monotonic()
    assert daemon.process.end(number) == 0
    assert time.monotonic() - began < 10
    thread.join(timeout=10)
    assert answers and answers[0].status_code in (200, 503)
    if answers[0].status_code == 503:
        problem_of(answers[0], 503)
        assert answers[0].headers["retry-after"]
    daemon.start(EMBEDDED_MODEL_DELAY_MS=0)
    assert daemon.client().get("/messages/waiting/result").json()["diff_id"]


def stalled_download(daemon):
    """A client that asks for a long answer and reads only its beginning, so that it holds up an orderly stop."""
    project = make_project(daemon.client())
    pathlib.Path(project["repository_path"], "long.txt").write_text("x" * (32 << 20))
    git(project["repository_path"], "add", "long.txt")
    git(project["repository_path"], "commit", "-qm", "A long file")
    raw = socket.create_connection(("127.0.0.1", httpx.URL(daemon.url).port))
    raw.sendall(f"GET /projects/{project['id']}/files/long.txt HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert raw.recv(12) == b"HTTP/1.1 200"
    return raw


def test_a_client_that_does_not_read_cannot_hold_up_the_stop(daemon):
    with stalled_download(daemon):
        began = time.monotonic()
        assert daemon.process.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 10


@pytest.mark.alone
def test_a_second_signal_stops_at_once(daemon):
    with stalled_download(daemon):
        daemon.process.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: '"stopping"' in daemon.stderr, "the log tells of the stop")
        began = time.monotonic()
        assert daemon.process.end(signal.SIGINT) in (0, 128 + signal.SIGINT)
        assert time.monotonic() - began < 1


def test_an_idle_daemon_stops_and_leaves_nothing_but_its_files(daemon, project):
    daemon.stop()
    assert sorted(path.name for path in daemon.folder.iterdir() if not path.name.endswith(("-wal", "-shm"))) == [
        "media", "vibegrapher.db"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(daemon.url + "/health", trust_env=False)
