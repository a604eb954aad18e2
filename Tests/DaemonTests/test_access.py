"""Who may use what: every route that the daemon declares, by every kind of caller."""

import json
import os
import uuid

import pytest
import socketio
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from access import FULL, Caller, Things, bearer, command, create_key, key_id, operations
from conftest import Daemon, git, wait_until


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A daemon with keys of every kind, and what belongs to Ada."""
    daemon = Daemon(tmp_path_factory.mktemp("access") / "daemon").start()
    daemon.keys = {
        "all": create_key(daemon, "ada"), "read": create_key(daemon, "ada", "read"),
        "write": create_key(daemon, "ada", "write"), "execute": create_key(daemon, "ada", "execute"),
        "admin": create_key(daemon, "root", "admin"), "bob": create_key(daemon, "bob"),
        "revoked": create_key(daemon, "ada"), "expired": create_key(daemon, "ada", FULL, "--expires", "1s")}
    command(daemon, "keys", "revoke", key_id(daemon, daemon.keys["revoked"]))
    daemon.ada = daemon.client(headers={"X-API-Key": daemon.keys["all"]})
    daemon.things = Things(daemon.ada)
    for name in ("revoked", "expired"):
        fields = {"X-API-Key": daemon.keys[name]}
        wait_until(lambda: daemon.client().get("/projects", headers=fields).status_code == 401, f"{name} is let in")
    yield daemon
    daemon.close()


def callers(house):
    keys = house.keys
    page = ("Origin", "http://evil.example")
    rebound = ("Host", "evil.example")
    return [
        Caller("no key", always=401),
        Caller("garbage", (("X-API-Key", "vg_garbage"),), always=401),
        Caller("revoked", (("X-API-Key", keys["revoked"]),), always=401),
        Caller("expired", (("Authorization", f"Bearer {keys['expired']}"),), always=401),
        Caller("rebound host without a key", (rebound,), always=401),
        Caller("foreign page without a key", (page,), always=403),
        Caller("foreign page with a key", (("X-API-Key", keys["all"]), page), always=403),
        bearer("read", keys["read"], "read", "ada"),
        bearer("write", keys["write"], "write", "ada"),
        bearer("execute", keys["execute"], "execute", "ada"),
        bearer("everything of their own", keys["all"], FULL, "ada"),
        bearer("admin", keys["admin"], "admin", "root"),
        bearer("another owner", keys["bob"], FULL, "bob"),
    ]


def send(client, operation, path, caller):
    """A request that goes no further than the checks, where there is a body: a list is never what is wanted."""
    body = "[]" if operation.has_body else None
    with client.stream(operation.method, path, content=body, headers=caller.headers) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, {}, answer.headers
        answer.read()
        is_problem = answer.headers.get("content-type") == "application/problem+json"
        return answer.status_code, answer.json() if is_problem else {}, answer.headers


def wanted(operation, caller):
    """The status that must come, or None when the caller must be let in."""
    if caller.always == 403 and "Origin" in caller.headers:
        return 403
    if operation.has_own_tokens:
        return 401
    if operation.scope == "none":
        return None
    if caller.always:
        return caller.always
    if operation.scope not in caller.scopes:
        return 403
    if operation.owner != "none" and caller.owner != "ada" and "admin" not in caller.scopes:
        return 404
    return None


def judge(operation, caller, status, problem, fields):
    """What is wrong with an answer, or nothing."""
    expected = wanted(operation, caller)
    missing = f"{operation.owner.capitalize()} not found"
    if expected is None:
        refused = status in (401, 403) or status >= 500 or problem.get("detail") == missing
        return refused and f"{status} {problem.get('detail')}, wanted to be let in"
    if status != expected:
        return f"{status}, wanted {expected}"
    if status == 401 and not operation.has_own_tokens and not fields.get("www-authenticate", "").startswith("Bearer"):
        return "401 without WWW-Authenticate"
    if status == 404 and problem["detail"] != missing:
        return f"404 with '{problem['detail']}', wanted '{missing}'"
    return None


def test_every_route_answers_every_caller_as_it_must(house):
    declared = operations(json.loads(command(house, "openapi").stdout))
    assert len(declared) > 40
    client, faults, rows = house.client(), [], {}
    for operation in sorted(declared, key=lambda one: one.method == "DELETE"):
        for caller in callers(house):
            path = house.things.target(operation)
            answer = send(client, operation, path, caller)
            fault = judge(operation, caller, *answer)
            rows.setdefault(operation, []).append(answer[0])
            if fault:
                faults.append(f"{operation} by {caller.name}: {fault}")
    assert not faults, "\n".join(faults)
    assert set(rows) == set(declared)
    write_table([caller.name for caller in callers(house)], rows)


def write_table(names, rows):
    """The statuses as a table in the file that ACCESS_TABLE names, for `scripts/evidence access`."""
    if "ACCESS_TABLE" not in os.environ:
        return
    lines = [f"| route | needs | whose | {' | '.join(names)} |", "|---" * (len(names) + 3) + "|"]
    for row, statuses in sorted(rows.items(), key=lambda pair: (pair[0].path, pair[0].method)):
        lines.append(f"| `{row}` | {row.scope} | {row.owner} | {' | '.join(map(str, statuses))} |")
    with open(os.environ["ACCESS_TABLE"], "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def test_what_is_anothers_looks_like_what_was_never_there(house):
    """The same status, words and fields, down to the length; only ids differ."""
    client, differing = house.client(headers={"X-API-Key": house.keys["bob"]}), []
    for operation in operations(json.loads(command(house, "openapi").stdout)):
        if operation.owner == "none":
            continue
        looks = []
        for identity in (house.things.ids[operation.owner], str(uuid.uuid4())):
            path = house.things.target(operation, identity)
            status, problem, fields = send(client, operation, path, Caller("bob"))
            problem = {name: value for name, value in problem.items() if name not in ("instance", "request_id")}
            looks.append((status, problem, set(fields) - {"date", "x-request-id"}))
        if looks[0] != looks[1] or looks[0][0] != 404:
            differing.append((str(operation), *looks))
    assert not differing, differing


# Topics: over WebSocket, as server-sent events, as rooms of Socket.IO

def over_websocket(house, caller, topic):
    """The status of a refusal, or the code of the answer to a subscription."""
    try:
        with connect(house.websocket_url, additional_headers=caller.headers, proxy=None) as socket:
            socket.send(json.dumps({"type": "subscribe", "topic": topic}))
            answer = json.loads(socket.recv(timeout=10))
            return answer.get("code", answer["type"]), answer.get("message", "").replace(topic, "TOPIC")
    except InvalidStatus as refusal:
        return refusal.response.status_code, ""


def over_events(house, caller, topic):
    with house.client().stream("GET", f"/api/v1/events?topic={topic}&after=0", headers=caller.headers) as answer:
        if answer.status_code != 200:
            answer.read()
            return answer.status_code, answer.json()["detail"].replace(topic, "TOPIC")
        lines = answer.iter_lines()
        return answer.status_code, next(line for line in lines if line.startswith("event:"))


def over_socketio(house, key, topic):
    """The answer to a subscription in a room, or why there was no connection."""
    client = socketio.SimpleClient()
    try:
        client.connect(house.url, auth={"key": key} if key else None, transports=["websocket"])
        client.emit("subscribe", {"project_id": topic.split(":")[1], "after": 0})
        while True:
            name, data = client.receive(timeout=10)
            if name in ("subscribed", "error"):
                return name, data.get("message")
    except socketio.exceptions.ConnectionError:
        return "refused", None
    finally:
        client.disconnect()


def test_every_topic_answers_every_caller_as_it_must(house):
    document = json.loads(command(house, "openapi").stdout)
    owned = {operation.owner for operation in operations(document)}
    for kind in sorted({topic for event in document["x-events"].values() for topic in event["topics"]}):
        if kind not in house.things.ids:
            # A kind that no route has yet is nobody's but the administrators'.
            assert kind not in owned, f"nothing here makes a {kind}: add it to Things"
            ada = bearer("ada", house.keys["all"], FULL, "ada")
            assert over_websocket(house, ada, f"{kind}:x")[0] == "unknown_topic"
            assert over_events(house, ada, f"{kind}:x")[0] == 404
            continue
        mine, unknown = f"{kind}:{house.things.ids[kind]}", f"{kind}:{uuid.uuid4()}"
        for caller in callers(house):
            sees = caller.owner == "ada" or "admin" in caller.scopes
            if "Host" not in caller.headers:
                wanted = (caller.always, "") if caller.always else ("subscribed", "")
                if not caller.always and not sees:
                    wanted = over_websocket(house, caller, unknown)
                    assert wanted[0] == "unknown_topic"
                assert over_websocket(house, caller, mine) == wanted, (kind, caller.name)
            found = over_events(house, caller, mine)
            assert found[0] == (caller.always or (200 if sees else 404)), (kind, caller.name)
            assert found[0] != 404 or found == over_events(house, caller, unknown), (kind, caller.name)


def test_a_room_is_for_those_whose_it_is(house):
    mine, unknown = f"project:{house.things.ids['project']}", f"project:{uuid.uuid4()}"
    for name in ("read", "write", "execute", "all", "admin"):
        assert over_socketio(house, house.keys[name], mine)[0] == "subscribed", name
    for name in ("revoked", "expired", None):
        assert over_socketio(house, house.keys.get(name), mine)[0] == "refused", name
    bob = house.keys["bob"]
    assert over_socketio(house, bob, mine) == over_socketio(house, bob, unknown) == ("error", "Project not found")


def test_what_a_body_names_must_be_the_callers(house):
    bob, ids = house.client(headers={"X-API-Key": house.keys["bob"]}), house.things.ids
    mine = bob.post("/projects", json={"name": "Bob's"}).json()
    test = bob.post(f"/projects/{mine['id']}/tests", json={"name": "t", "code": "assert 1"}).json()
    for path, body, known in [
        ("/tests", {"project_id": ids["project"], "name": "t", "code": "1"}, "Project not found"),
        (f"/tests/{test['id']}/run", {"diff_id": ids["diff"]}, "Diff not found"),
        (f"/projects/{mine['id']}/tests/run", {"diff_id": ids["diff"]}, "Diff not found"),
    ]:
        answer = bob.post(path, json=body)
        assert (answer.status_code, answer.json()["detail"]) == (404, known), path
    session = bob.post(f"/projects/{mine['id']}/sessions", json={}).json()
    answer = bob.post(f"/sessions/{session['id']}/fork", json={"after_message_id": ids["message"]})
    assert (answer.status_code, answer.json()["detail"]) == (404, "Message not found")


def test_lists_hold_the_callers_own(house):
    ada, bob, admin = (house.client(headers={"X-API-Key": house.keys[name]}) for name in ("read", "bob", "admin"))
    bob.post("/projects", json={"name": "Bob's list"}).raise_for_status()
    for path in ("/projects", "/projects?limit=1000", "/sessions", "/sessions?limit=1000", "/tests"):
        hers, his, all_ = ({row["id"] for row in client.get(path).json()} for client in (ada, bob, admin))
        assert hers and hers.isdisjoint(his) and hers | his <= all_, path


def test_a_page_does_not_tell_of_anothers_rows(house):
    bob = house.client(headers={"X-API-Key": house.keys["bob"]})
    for path, kind in (("/projects", "project"), ("/sessions", "session"), ("/tests", "test")):
        foreign, unknown = (bob.get(f"{path}?after={identity}") for identity in (house.things.ids[kind], uuid.uuid4()))
        assert foreign.status_code == unknown.status_code == 422, path


def test_git_clones_with_a_key_only(house, tmp_path):
    address = f"{house.url}/projects/{house.things.ids['project']}/git"
    field = f"http.extraHeader=X-API-Key: {house.keys['read']}"
    git(tmp_path, "-c", field, "clone", "-q", address, str(tmp_path / "copy"))
    assert (tmp_path / "copy" / ".git").is_dir()
    for fields in ({}, {"X-API-Key": house.keys["bob"]}):
        assert house.client().get(f"{address}/info/refs", headers=fields).status_code == (404 if fields else 401)


def test_idempotency_keys_are_the_callers_own(house):
    fields = {"Idempotency-Key": "the same"}
    made = [house.client(headers={"X-API-Key": house.keys[name]}).post("/projects", json={"name": "x"}, headers=fields)
            for name in ("all", "bob", "all", "bob")]
    ids = [answer.json()["id"] for answer in made]
    assert ids[0] == ids[2] != ids[1] == ids[3]


# Keys by the API

def test_keys_are_managed_by_administrators(house):
    admin = house.client(headers={"X-API-Key": house.keys["admin"]})
    made = admin.post("/api/v1/keys", json={"owner": "carol", "scopes": ["read"], "expires": "1h"})
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    key = made.json()
    assert key["key"].startswith("vg_") and key["prefix"] == key["key"][:8] and key["scopes"] == ["read"]
    carol = house.client(headers={"Authorization": f"bearer {key['key']}"})
    assert carol.get("/projects").json() == []
    listed = next(row for row in admin.get("/api/v1/keys").json() if row["id"] == key["id"])
    assert "key" not in listed and "hash" not in listed and listed["requests_today"] == 1
    assert admin.delete(f"/api/v1/keys/{key['id']}").status_code == 204
    answer = carol.get("/projects")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked"), "at once"
    assert admin.delete(f"/api/v1/keys/{key['id']}").status_code == 404
    assert admin.delete("/api/v1/keys/none").status_code == 404


@pytest.mark.parametrize("body", [
    {}, {"owner": ""}, {"owner": "a b"}, {"owner": "x", "scopes": []}, {"owner": "x", "scopes": ["root"]},
    {"owner": "x", "expires": "soon"}, {"owner": "x", "expires": "0d"}, {"owner": "x", "daily_requests": 0},
    {"owner": "x", "daily_cost_usd": -1}])
def test_a_key_that_cannot_be_is_refused(house, body):
    answer = house.client(headers={"X-API-Key": house.keys["admin"]}).post("/api/v1/keys", json=body)
    assert answer.status_code == 422, answer.text


def test_no_key_is_kept_or_logged(house):
    admin = house.client(headers={"X-API-Key": house.keys["admin"]})
    made = admin.post("/api/v1/keys", json={"owner": "dave"}, headers={"Idempotency-Key": "secret"}).json()["key"]
    stored = b"".join(path.read_bytes() for path in house.folder.rglob("vibegrapher.db*"))
    for key in [made, *house.keys.values()]:
        assert key.encode() not in stored and key not in house.stderr
