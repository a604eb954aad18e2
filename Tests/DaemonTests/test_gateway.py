"""Programs that hold a short-lived token reach the providers through the gateway, and never see a key."""

import os
import socket
import threading

import httpx
import pytest

from access import command, create_key, key_id
from conftest import make_project, make_session, vibe, wait_until
# The fixtures are used by their names.
from gateway import (BODIES, KEY, PATHS, PROVIDERS, bearer, daemon, message_of, own_daemon, shared,  # noqa: F401
                     token, token_of, upstream)
from upstream import RESPONSE, whole

CARRIERS = {"bearer": lambda token: {"headers": {"authorization": f"Bearer {token}"}},
            "x-api-key": lambda token: {"headers": {"x-api-key": token}},
            "x-goog-api-key": lambda token: {"headers": {"x-goog-api-key": token}}}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fields", [{}, {"authorization": "Bearer"}, {"authorization": "Bearer vgt_" + "x" * 43}, {"x-api-key": KEY}, {"x-api-key": "1"}])
def test_without_a_good_token_nothing_is_passed_on(client, upstream, provider, fields):
    answer = client.post(f"/gateway/{provider}{PATHS[provider]}", json=BODIES[provider], headers=fields)
    assert answer.status_code == 401 and "token" in message_of(provider, answer)
    assert upstream.requests == []


def test_a_token_is_shown_once_and_is_nowhere_on_disk(own_daemon):
    daemon, client = own_daemon, own_daemon.client()
    made = token_of(client, ttl_seconds=60)
    assert made["token"].startswith("vgt_") and made["project_id"] is None
    listed = client.get("/api/v1/gateway/tokens").json()
    assert [one["id"] for one in listed] == [made["id"]] and "token" not in listed[0]
    assert "token" not in client.get(f"/api/v1/gateway/tokens/{made['id']}").json()
    assert client.get("/gateway/openai/models", headers=bearer(made["token"])).status_code == 200
    daemon.stop()
    for path in daemon.folder.rglob("*"):
        assert not path.is_file() or made["token"].encode() not in path.read_bytes(), path
    assert made["token"] not in daemon.stderr


def test_a_token_ends_when_it_is_revoked_or_too_old(client):
    made = token_of(client)
    url, fields = "/gateway/openai/models", bearer(made["token"])
    assert client.get(url, headers=fields).status_code == 200
    assert client.delete(f"/api/v1/gateway/tokens/{made['id']}").status_code == 204
    assert client.get(url, headers=fields).status_code == 401
    short = token_of(client, ttl_seconds=1)
    wait_until(lambda: client.get(url, headers=bearer(short["token"])).status_code == 401, "the token expires")
    assert client.delete("/api/v1/gateway/tokens/none").status_code == 404


@pytest.mark.parametrize("wanted", [
    {"ttl_seconds": 0}, {"ttl_seconds": 86_401}, {"max_cost_usd": -1}, {"max_cost_usd": "x"}, {"max_tokens": -1},
    {"project_id": "none"}, {"session_id": "none"}, {"max_cost_usd": 1e12}])
def test_a_token_is_made_only_of_what_makes_sense(client, wanted):
    answer = client.post("/api/v1/gateway/tokens", json=wanted)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"][-1] == next(iter(wanted))


def test_a_token_of_a_session_is_of_its_project_and_of_no_other(client, project, session):
    assert token_of(client, session_id=session["id"])["project_id"] == project["id"]
    other = make_project(client, "Other")
    answer = client.post("/api/v1/gateway/tokens", json={"project_id": other["id"], "session_id": session["id"]})
    assert answer.status_code == 422


@pytest.mark.parametrize("provider, header", [
    ("openai", "authorization"), ("anthropic", "x-api-key"), ("gemini", "x-goog-api-key")])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_key_takes_the_place_of_the_token(client, upstream, token, provider, header, carrier):
    answer = client.post(f"/gateway/{provider}{PATHS[provider]}", content=b"{}", **CARRIERS[carrier](token))
    assert answer.status_code == 200
    assert upstream.last.field(header) == [f"Bearer {KEY}" if provider == "openai" else KEY]
    assert token not in str(upstream.last.fields)
    assert upstream.last.target == ("/v1" if provider == "openai" else "") + PATHS[provider]


@pytest.mark.parametrize("query, passed", [
    ("key={}", ""), ("key={}&alt=sse", "?alt=sse"), ("alt=sse&key={}", "?alt=sse"), ("a=%2F+b&key={}&&c", "?a=%2F+b&&c")])
def test_a_key_in_the_query_is_taken_out(daemon, client, upstream, token, query, passed):
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    answer = client.post(f"/gateway/gemini{path}?{query.format(token)}", content=b"{}")
    assert answer.status_code == 200 and upstream.last.target == path + passed
    assert token not in daemon.stderr


def test_a_key_in_the_query_is_never_logged(own_daemon):
    client = own_daemon.client()
    token = token_of(client)["token"]
    for status, key in [(200, token), (401, token[:-1])]:
        assert client.get(f"/gateway/gemini/v1beta/models?key={key}").status_code == status
    own_daemon.stop()
    assert "/gateway/gemini/v1beta/models" in own_daemon.stderr and token[:-1] not in own_daemon.stderr


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
def test_everything_passes_byte_for_byte(client, upstream, token, method):
    body, answered = os.urandom(100_000), os.urandom(300_000)
    upstream.step = lambda exchange: exchange.answer(
        answered, 418, "application/x-thing", x_request_id="req_1", etag='"a"', anthropic_organization_id="o",
        connection="x-hop", x_hop="1", keep_alive="timeout=5")
    fields = {**bearer(token), "anthropic-beta": "a-2025-01-01,b", "anthropic-version": "2023-06-01",
              "content-type": "application/x-other", "user-agent": "claude-cli/1", "x-stainless-lang": "py",
              "connection": "x-mine, keep-alive", "x-mine": "1", "te": "trailers", "cookie": "a=b", "accept": "x/y"}
    target = "/v1/a%2Fb/%C3%A9;x=1?beta=true&q=%20+%2B&empty=&&"
    answer = client.request(method, f"/gateway/anthropic{target}", content=body, headers=fields)
    came = upstream.last
    assert (came.method, came.target, came.body) == (method, target, body)
    for name in ["anthropic-beta", "anthropic-version", "content-type", "user-agent", "x-stainless-lang", "accept"]:
        assert came.field(name) == [fields[name]]
    assert not {"authorization", "cookie", "x-mine", "te", "connection", "keep-alive"} & {name for name, _ in came.fields
                                                                                         if name != "connection"}
    assert came.field("host") == [upstream.url.removeprefix("http://")]
    assert (answer.status_code, answer.content) == (418, answered)
    assert answer.headers["x-request-id"] == "req_1" and answer.headers["anthropic-organization-id"] == "o"
    assert answer.headers["content-type"] == "application/x-thing" and "x-hop" not in answer.headers


def test_a_request_without_a_body_stays_without_one(client, upstream, token):
    assert client.get("/gateway/openai/models", headers=bearer(token)).status_code == 200
    assert upstream.last.field("content-length") == upstream.last.field("content-type") == []
    assert client.head("/gateway/openai/models", headers=bearer(token)).status_code == 200
    assert upstream.last.method == "HEAD"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_stays_without_one(client, upstream, token, status):
    def step(exchange):
        exchange.handler.send_response(status)
        exchange.handler.end_headers()
    upstream.step = step
    answer = client.delete("/gateway/openai/files/f", headers=bearer(token))
    assert answer.status_code == status and answer.content == b""
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/../x", "/a/%2e%2e/x", "/a/..%2fx", "/./x", "/a/%2E", "/a%5C..%5Cb", "/%ff"])
def test_a_path_stays_below_the_providers_address(daemon, upstream, token, path):
    host, port = daemon.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET /gateway/openai{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
                           "Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert upstream.requests == []


def test_v1_may_be_written_or_left_out_for_openai(client, upstream, token):
    for path in ["/models", "/v1/models"]:
        client.get(f"/gateway/openai{path}", headers=bearer(token)).raise_for_status()
        assert upstream.last.target == "/v1/models"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_body_is_bounded(client, upstream, token, provider):
    answer = client.post(f"/gateway/{provider}/x", content=b"x" * ((32 << 20) + 1), headers=bearer(token))
    assert answer.status_code == 413 and "33554432" in message_of(provider, answer)
    assert upstream.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_events_pass_one_by_one(client, upstream, token, provider):
    seen, sent = threading.Event(), [b'event: a\ndata: {"n": 1}\n\n', b"data: 2\n\n"]

    def step(exchange):
        exchange.begin()
        exchange.send(sent[0])
        # The second is sent only when the client has had the first.
        assert seen.wait(20)
        exchange.send(sent[1])
        exchange.end()
    upstream.step = step
    with client.stream("POST", f"/gateway/{provider}{PATHS[provider]}", content=b"{}", headers=bearer(token)) as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == sent[0]
        seen.set()
        assert b"".join(chunks) == sent[1]


def test_the_head_of_a_stream_comes_before_its_first_event(client, upstream, token):
    seen = threading.Event()

    def step(exchange):
        exchange.begin(x_late="1")
        assert seen.wait(20)
        exchange.end()
    upstream.step = step
    with client.stream("POST", "/gateway/openai/responses", content=b"{}", headers=bearer(token)) as answer:
        assert answer.headers["x-late"] == "1"
        seen.set()
        assert answer.read() == b""


@pytest.mark.parametrize("events", [0, 1])
def test_a_client_that_leaves_ends_the_request_to_the_provider(daemon, upstream, token, events):
    began, left = threading.Event(), []

    def step(exchange):
        if events:
            exchange.begin()
            exchange.event("1")
        began.set()
        left.append(exchange.client_left())
    upstream.step = step
    host, port = daemon.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"POST /gateway/openai/responses HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
                           "Content-Length: 2\r\n\r\n{}".encode())
        assert began.wait(10)
    assert wait_until(lambda: left, "the provider is let go") == [True]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_error_of_the_provider_passes_unchanged(client, upstream, token, provider):
    body = b'{"error":  {"message": "slow down"}}\n'
    upstream.step = lambda exchange: exchange.answer(body, 429, retry_after="7", x_should_retry="true")
    answer = client.post(f"/gateway/{provider}{PATHS[provider]}", content=b"{}", headers=bearer(token))
    assert (answer.status_code, answer.content) == (429, body)
    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("7", "true")


def test_a_provider_that_is_not_there_is_told_in_its_own_words(make_daemon):
    daemon = make_daemon(
        OPENAI_BASE_URL="http://127.0.0.1:9/v1", ANTHROPIC_BASE_URL="http://127.0.0.1:9",
        GOOGLE_GEMINI_BASE_URL="http://127.0.0.1:9")
    client = daemon.client()
    token = token_of(client)["token"]
    for provider in PROVIDERS:
        answer = client.post(f"/gateway/{provider}{PATHS[provider]}", json=BODIES[provider], headers=bearer(token))
        assert answer.status_code == 502 and "reached" in message_of(provider, answer), answer.text


def test_a_stream_that_breaks_off_breaks_off_for_the_client_too(client, upstream, token):
    def step(exchange):
        exchange.begin()
        exchange.event("1")
        exchange.handler.close_connection = True
    upstream.step = step
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/gateway/openai/responses", content=b"{}", headers=bearer(token))


@pytest.mark.parametrize("split", [0, 1, 5, len(KEY) - 1])
def test_a_provider_that_repeats_the_key_does_not_give_it_away(client, upstream, token, split):
    text = f'{{"error": {{"message": "Incorrect API key: {KEY}."}}}}'.encode()
    place = text.index(KEY.encode()) + split

    def step(exchange):
        exchange.begin(401, "application/json")
        exchange.send(text[:place])
        exchange.send(text[place:])
        exchange.end()
    upstream.step = step
    answer = client.post("/gateway/openai/responses", content=b"{}", headers=bearer(token))
    assert answer.content == text.replace(KEY.encode(), b"[redacted]")


def test_the_key_is_nowhere_on_disk_and_in_no_log(own_daemon, upstream):
    client = own_daemon.client()
    token = token_of(client)["token"]
    upstream.step = lambda exchange: exchange.answer({"error": {"message": f"Incorrect key {KEY}"}}, 401)
    for provider in PROVIDERS:
        client.post(f"/gateway/{provider}{PATHS[provider]}", json=BODIES[provider], headers=bearer(token))
    vibe(client, make_session(client, make_project(client)))
    own_daemon.stop()
    assert KEY not in own_daemon.stderr
    for path in own_daemon.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_with_keys_a_token_is_its_owners_and_dies_with_the_key(own_daemon, upstream):
    keys = {owner: create_key(own_daemon, owner) for owner in ("ada", "bob")}
    reader = create_key(own_daemon, "ada", "read,write")
    client = own_daemon.client()
    path, upstream.step = "/api/v1/gateway/tokens", whole(RESPONSE)

    def ask(owner, method, path, **options):
        return client.request(method, path, headers={"x-api-key": keys[owner]}, **options)
    # That there is a key at all is seen within a moment.
    wait_until(lambda: client.post(path).status_code == 401, "a request without a key to be refused")
    assert client.post(path, headers={"x-api-key": reader}).status_code == 403
    project = ask("ada", "POST", "/projects", json={"name": "Hers"}).json()
    assert ask("bob", "POST", path, json={"project_id": project["id"]}).status_code == 404
    made = ask("ada", "POST", path, json={"project_id": project["id"]}).json()
    # A token needs no key beside it, and a key is no token.
    call = {"url": "/gateway/openai/responses", "json": BODIES["openai"]}
    assert client.post(**call, headers=bearer(made["token"])).status_code == 200
    assert client.post(**call, headers={"x-api-key": keys["ada"]}).status_code == 401
    for owner, status in [("bob", 404), ("ada", 200)]:
        assert ask(owner, "GET", f"{path}/{made['id']}").status_code == status
        assert len(ask(owner, "GET", path).json()) == (owner == "ada")
        assert ask(owner, "GET", "/usage").json()["total"]["calls"] == (owner == "ada")
    assert ask("bob", "DELETE", f"{path}/{made['id']}").status_code == 404
    command(own_daemon, "keys", "revoke", key_id(own_daemon, keys["ada"]))
    wait_until(lambda: client.post(**call, headers=bearer(made["token"])).status_code == 401, "the token dies")


def test_a_keys_money_of_the_day_is_spent_at_the_gateway_too(own_daemon, upstream):
    key = create_key(own_daemon, "ada", "read,write,execute", "--daily-cost", "0.003")
    client, upstream.step = own_daemon.client(), whole(RESPONSE)
    wait_until(lambda: client.get("/projects").status_code == 401, "the daemon sees that there is a key")
    token = client.post("/api/v1/gateway/tokens", headers={"x-api-key": key}).json()["token"]
    answers = [client.post("/gateway/openai/responses", json=BODIES["openai"], headers=bearer(token)).status_code
               for _ in range(3)]
    assert answers == [200, 200, 429]
