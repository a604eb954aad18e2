"""From no keys to keys: who may come in before, what changes with the first, and how connections end with their key."""

import json

import pytest
import socketio
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from access import FULL, Things, command, create_key, key_id, operations
from conftest import make_project, make_session, wait_until

LISTED, PAGE = "http://app.example", "http://evil.example"


def statuses(daemon, things, fields):
    """The answer to each route: its status, and the code of a problem."""
    client, found = daemon.client(), {}
    declared = operations(json.loads(command(daemon, "openapi").stdout))
    for operation in sorted(declared, key=lambda one: one.method == "DELETE"):
        body = "[]" if operation.has_body else None
        target = things.target(operation)
        with client.stream(operation.method, target, content=body, headers=fields) as answer:
            answer.read()
            code = answer.json()["code"] if "problem" in answer.headers.get("content-type", "") else ""
            found[operation] = (answer.status_code, code)
    return found


@pytest.fixture
def things(daemon):
    return Things(daemon.client())


def test_without_keys_programs_and_trusted_pages_may_do_everything(make_daemon):
    daemon = make_daemon(CORS_ORIGINS=LISTED, ALLOWED_HOSTS="desk.example")
    things = Things(daemon.client())
    own = daemon.url
    for fields in ({"Origin": own}, {"Origin": LISTED}, {"Host": "desk.example", "X-API-Key": "vg_whatever"}):
        found = statuses(daemon, things, fields)
        refused = [pair for pair in found.items() if pair[1][0] in (401, 403) or pair[1][0] >= 500]
        assert not [pair for pair in refused if not pair[0].has_own_tokens], fields


def test_without_keys_strange_pages_and_hosts_are_refused_everywhere(daemon, things):
    for fields, code in [({"Origin": PAGE}, "origin_not_allowed"), ({"Host": "evil.example"}, "host_not_allowed"),
                         ({"Host": "evil.example", "Origin": "http://evil.example"}, "host_not_allowed"),
                         ({"Origin": "null"}, "origin_not_allowed")]:
        assert set(statuses(daemon, things, fields).values()) == {(403, code)}, fields
    for fields in ({"Origin": PAGE}, {"Host": "evil.example"}):
        for path in ("/docs", "/openapi.json", "/nothing", "/ws", "/socket.io/?EIO=4&transport=polling"):
            assert daemon.client().get(path, headers=fields).status_code == 403, path
    with pytest.raises(InvalidStatus) as refusal:
        connect(daemon.websocket_url, origin=PAGE, proxy=None)
    assert refusal.value.response.status_code == 403


def test_a_star_lets_pages_read_and_no_more(make_daemon):
    daemon = make_daemon(CORS_ORIGINS="*")
    things = Things(daemon.client())
    for operation, (status, code) in statuses(daemon, things, {"Origin": PAGE}).items():
        if operation.has_own_tokens:
            assert status == 401, operation
        elif operation.scope in ("read", "none"):
            assert status not in (401, 403), operation
        else:
            assert (status, code) == (403, "origin_not_allowed"), operation
    with connect(daemon.websocket_url, additional_headers={"Origin": PAGE}, proxy=None) as socket:
        socket.send(json.dumps({"type": "subscribe", "topic": f"project:{things.ids['project']}"}))
        assert json.loads(socket.recv(timeout=10))["type"] == "subscribed"


@pytest.mark.parametrize(("method", "may"), [("GET", True), ("POST", False), ("DELETE", False), ("PUT", False)])
def test_a_preflight_says_what_a_star_allows(make_daemon, method, may):
    client = make_daemon(CORS_ORIGINS=f"*,{LISTED}").client()
    path = "/projects" if method != "DELETE" else "/projects/x"
    path = "/tests/x" if method == "PUT" else path
    fields = {"Origin": PAGE, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-api-key"}
    answer = client.options(path, headers=fields)
    allowed = answer.headers.get("access-control-allow-methods", "")
    assert (method in allowed.split(", ")) == may
    listed = client.options(path, headers={**fields, "Origin": LISTED})
    assert method in listed.headers["access-control-allow-methods"]
    assert listed.headers["access-control-allow-headers"] == "x-api-key"
    for one in (answer, listed, client.get("/projects", headers={"Origin": PAGE})):
        assert "access-control-allow-credentials" not in one.headers
    assert client.get("/projects", headers={"Origin": PAGE}).headers["vary"].count("Origin") == 1


def test_with_keys_a_preflight_needs_none(make_daemon):
    daemon = make_daemon(CORS_ORIGINS=LISTED)
    key = create_key(daemon, "ada")
    client = daemon.client()
    wait_until(lambda: client.get("/projects").status_code == 401, "still open")
    fields = {"Origin": LISTED, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    assert client.options("/projects", headers=fields).status_code == 204
    assert client.options("/projects", headers={**fields, "Origin": PAGE}).status_code == 403
    refused = client.get("/projects", headers={"Origin": LISTED})
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == LISTED, "the page can read why"
    assert client.get("/projects", headers={"Origin": LISTED, "X-API-Key": key}).status_code == 200


def test_the_first_key_closes_the_door_and_loses_nothing(daemon, client):
    before = make_project(client, "From before")
    with connect(daemon.websocket_url, proxy=None) as socket:
        socket.send(json.dumps({"type": "subscribe", "topic": f"project:{before['id']}"}))
        assert json.loads(socket.recv(timeout=10))["type"] == "subscribed"
        ada, admin = create_key(daemon, "ada"), create_key(daemon, "root", "admin")
        wait_until(lambda: client.get("/projects").status_code == 401, "still open")
        socket.send(json.dumps({"type": "subscribe", "topic": f"project:{before['id']}"}))
        assert json.loads(socket.recv(timeout=10))["code"] == "unknown_topic", "who came before comes again with a key"
    assert client.get("/health").status_code == 200
    ask = lambda key: [row["name"] for row in client.get("/projects", headers={"X-API-Key": key}).json()]  # noqa: E731
    assert ask(ada) == [] and ask(admin) == ["From before"], "what nobody owns is the administrators'"
    assert client.get(f"/projects/{before['id']}", headers={"X-API-Key": ada}).status_code == 404
    done = command(daemon, "keys", "create", "--owner", "ada", "--adopt")
    assert "1 projects are ada's now" in done.stderr
    wait_until(lambda: ask(ada) == ["From before"], "not adopted")
    renamed = client.patch(f"/projects/{before['id']}", json={"name": "Mine"}, headers={"X-API-Key": ada})
    assert renamed.status_code == 200
    assert daemon.rows("SELECT owner FROM projects") == [{"owner": "ada"}]
    daemon.restart()
    client = daemon.client()
    assert client.get("/projects").status_code == 401
    assert [row["name"] for row in client.get("/projects", headers={"X-API-Key": ada}).json()] == ["Mine"]


def test_a_database_that_had_a_key_stays_closed(daemon, client):
    key = create_key(daemon, "ada")
    command(daemon, "keys", "revoke", key_id(daemon, key))
    daemon.restart()
    for fields in ({}, {"X-API-Key": key}):
        assert daemon.client().get("/projects", headers=fields).status_code == 401


def test_a_new_key_is_known_at_once(daemon, client):
    create_key(daemon, "ada")
    wait_until(lambda: client.get("/projects").status_code == 401, "still open")
    for _ in range(3):
        key = create_key(daemon, "ada")
        assert client.get("/projects", headers={"X-API-Key": key}).status_code == 200


def test_what_the_first_key_makes_is_its_owners_also_at_once(make_daemon):
    for _ in range(3):
        daemon = make_daemon()
        with daemon.client(headers={"X-API-Key": create_key(daemon, "ada")}) as ada:
            make_session(ada, make_project(ada, "Mine"))
        assert daemon.rows("SELECT owner FROM projects") == [{"owner": "ada"}]


def test_keys_can_be_demanded_before_there_is_one(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    answer = daemon.client().get("/projects")
    assert answer.status_code == 401 and answer.json()["code"] == "key_required"
    key = create_key(daemon, "ada")
    assert daemon.client().get("/projects", headers={"X-API-Key": key}).status_code == 200


def test_the_field_has_the_name_that_is_set(make_daemon):
    daemon = make_daemon(API_KEY_HEADER="X-Desk", REQUIRE_API_KEY="true")
    key = create_key(daemon, "ada")
    assert daemon.client().get("/projects", headers={"x-desk": key}).status_code == 200
    assert daemon.client().get("/projects", headers={"X-API-Key": key}).status_code == 401
    schemes = json.loads(command(daemon, "openapi").stdout)["components"]["securitySchemes"]
    assert set(schemes) == {"apiKey", "bearer"}


@pytest.mark.parametrize("setting", ["false", "true"])
def test_another_address_needs_a_key_first(make_daemon, setting):
    daemon = make_daemon()
    daemon.client().get("/health").raise_for_status()
    daemon.stop()
    daemon.env |= {"HOST": "0.0.0.0", "REQUIRE_API_KEY": setting}
    done = command(daemon, "serve", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "vibegrapher keys create --owner" in done.stderr and "HOST=127.0.0.1" in done.stderr
    key = create_key(daemon, "ada")
    daemon.start()
    daemon.url = daemon.url.replace("0.0.0.0", "127.0.0.1")
    client = daemon.client()
    assert client.get("/projects", headers={"X-API-Key": key, "Host": "desk.example"}).status_code == 200
    assert client.get("/projects", headers={"Host": "desk.example"}).status_code == 401


@pytest.mark.parametrize(("arguments", "word"), [
    (["create"], "owner"), (["create", "--owner", "a b"], "owner must be"),
    (["create", "--owner", "a", "--scopes", "root"], "scopes must be"),
    (["create", "--owner", "a", "--expires", "soon"], "expires must be"),
    (["create", "--owner", "a", "--daily-requests", "0"], "daily_requests must be"),
    (["revoke", "none"], "no key 'none'"), (["revoke"], "id")])
def test_the_command_line_refuses_what_cannot_be(daemon, arguments, word):
    done = command(daemon, "keys", *arguments, check=False)
    assert done.returncode != 0 and word in done.stderr and done.stdout == ""
    assert command(daemon, "keys", "list").stdout == ""


# What carries a key, and what ends with it

def test_a_key_comes_in_a_field_or_a_subprotocol_never_in_an_address(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    key = create_key(daemon, "ada", "read")
    for fields in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer  {key} "}):
        with connect(daemon.websocket_url, additional_headers=fields, proxy=None) as socket:
            assert socket.subprotocol is None
    with connect(daemon.websocket_url, subprotocols=["vibegrapher", f"vibegrapher.key.{key}"], proxy=None) as socket:
        assert socket.subprotocol == "vibegrapher", "the real one is confirmed, never the key"
    with connect(daemon.websocket_url, subprotocols=[f"vibegrapher.key.{key}", "vibegrapher"], proxy=None) as socket:
        assert socket.subprotocol == "vibegrapher"
    for address in (f"?key={key}", f"?api_key={key}", f"?X-API-Key={key}", f"?ticket={key}", f"?access_token={key}"):
        with pytest.raises(InvalidStatus) as refusal:
            connect(daemon.websocket_url + address, proxy=None)
        assert refusal.value.response.status_code == 401
    with pytest.raises(InvalidStatus):
        connect(daemon.websocket_url, subprotocols=["vibegrapher", "vibegrapher.key.vg_wrong"], proxy=None)


def test_a_ticket_is_good_once(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true", ACCESS_LOG="true")
    key = create_key(daemon, "ada", FULL)
    ada = daemon.client(headers={"X-API-Key": key})
    project = make_project(ada)
    take = lambda: ada.post("/api/v1/tickets").json()["ticket"]  # noqa: E731
    used = take()
    topic = f"project:{project['id']}"
    with connect(f"{daemon.websocket_url}?ticket={used}", proxy=None) as socket:
        socket.send(json.dumps({"type": "subscribe", "topic": topic}))
        assert json.loads(socket.recv(timeout=10))["type"] == "subscribed"
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"{daemon.websocket_url}?ticket={used}", proxy=None)
    assert refusal.value.response.status_code == 401
    with daemon.client().stream("GET", f"/api/v1/events?topic={topic}&ticket={take()}") as answer:
        assert answer.status_code == 200
    assert daemon.client().post(f"/projects?ticket={take()}", json={"name": "x"}).status_code == 401, "for looking only"
    assert daemon.client().post("/api/v1/tickets").status_code == 401
    late = take()
    command(daemon, "keys", "revoke", key_id(daemon, key))
    wait_until(lambda: ada.get("/projects").status_code == 401, "still valid")
    assert daemon.client().get(f"/projects?ticket={late}").status_code == 401, "a ticket ends with its key"
    wait_until(lambda: '"path":"/ws"' in daemon.stderr, "no access log")
    assert used not in daemon.stderr and late not in daemon.stderr


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
def test_a_client_of_socketio_comes_by_field_by_payload_or_by_ticket(make_daemon, transports):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    key = create_key(daemon, "ada", "read,write")
    ada = daemon.client(headers={"X-API-Key": key})
    project = make_project(ada)["id"]
    ticket = ada.post("/api/v1/tickets").json()["ticket"]
    ways = [{"headers": {"X-API-Key": key}}, {"auth": {"key": key}}, {"auth": {"token": key}}]
    for address, way in [*((daemon.url, way) for way in ways), (f"{daemon.url}?ticket={ticket}", {})]:
        with socketio.SimpleClient() as client:
            client.connect(address, transports=transports, **way)
            client.emit("subscribe", {"project_id": project})
            names = [client.receive(timeout=10)[0] for _ in range(2)]
            assert names == ["connected", "subscribed"], way
    for way in ({}, {"auth": {"key": "vg_wrong"}}, {"headers": {"X-API-Key": "vg_wrong"}}, {"auth": ["x"]}):
        with pytest.raises(socketio.exceptions.ConnectionError), socketio.SimpleClient() as client:
            client.connect(daemon.url, transports=transports, **way)


def test_open_connections_end_with_their_key(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    key, other = create_key(daemon, "ada"), create_key(daemon, "bob")
    ada = daemon.client(headers={"X-API-Key": key})
    topic = f"project:{make_project(ada)['id']}"
    keep = connect(daemon.websocket_url, additional_headers={"X-API-Key": other}, proxy=None)
    with connect(daemon.websocket_url, additional_headers={"X-API-Key": key}, proxy=None) as socket, \
            ada.stream("GET", f"/api/v1/events?topic={topic}") as stream:
        socket.send(json.dumps({"type": "subscribe", "topic": topic}))
        socket.recv(timeout=10)
        command(daemon, "keys", "revoke", key_id(daemon, key))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd.code == 1008
        assert "retry: 3000" in "".join(stream.iter_text()), "the stream ends as a whole message"
    with keep:
        keep.send(json.dumps({"type": "ping"}))
        assert json.loads(keep.recv(timeout=10)) == {"type": "pong"}, "others go on"


# Limits

def test_each_key_has_a_rate_and_each_address_too(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true", RATE_LIMIT_KEY_REQUESTS="20", RATE_LIMIT_REQUESTS="60")
    ada, bob = (daemon.client(headers={"X-API-Key": create_key(daemon, name)}) for name in ("ada", "bob"))
    answers = [ada.get("/projects") for _ in range(30)]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 8 and all(1 <= int(answer.headers["retry-after"]) <= 4 for answer in refused)
    assert bob.get("/projects").status_code == 200, "another key has a rate of its own"
    guesser = daemon.client()
    guesses = [guesser.get("/projects", headers={"X-API-Key": f"vg_{n}"}).status_code for n in range(100)]
    assert guesses.count(401) >= 20 and guesses.count(429) >= 20, "who guesses is held up"
    assert daemon.client().get("/health").status_code == 200


def test_a_key_has_its_share_of_a_day(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    key = create_key(daemon, "ada", FULL, "--daily-requests", "5")
    client = daemon.client(headers={"X-API-Key": key})
    assert [client.get("/projects").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    refused = client.get("/projects")
    assert refused.json()["code"] == "daily_limit" and 0 < int(refused.headers["retry-after"]) <= 86_400
    daemon.restart()
    assert daemon.client().get("/projects", headers={"X-API-Key": key}).status_code == 429, "it outlives the daemon"
    row = json.loads(command(daemon, "keys", "list").stdout)
    assert row["requests_today"] == 5 and row["last_used_at"]


def test_a_key_that_has_spent_its_money_starts_nothing(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    key = create_key(daemon, "ada", FULL, "--daily-cost", "0.5")
    free = create_key(daemon, "ada", FULL)
    client = daemon.client(headers={"X-API-Key": key})
    project = make_project(client)
    session = client.post(f"/projects/{project['id']}/sessions").json()
    ask = lambda: client.post(f"/sessions/{session['id']}/messages", json={"prompt": "Which agents are there?"})  # noqa: E731
    first = ask()
    assert first.status_code == 200
    daemon.stop()
    import sqlite3
    with sqlite3.connect(daemon.database) as database:
        assert database.execute("SELECT count(key_id) FROM message_runs").fetchone() == (1,)
        database.execute("UPDATE model_calls SET cost = 600000000 WHERE key_id IS NOT NULL")
    daemon.start()
    client = daemon.client(headers={"X-API-Key": key})
    refused = ask()
    assert refused.status_code == 429 and refused.json()["code"] == "daily_limit"
    assert client.get("/projects").status_code == 200, "looking costs nothing"
    client = daemon.client(headers={"X-API-Key": free})
    assert ask().status_code == 200, "another key of the owner has its own money"
