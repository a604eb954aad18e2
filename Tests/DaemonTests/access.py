"""Keys and callers for the access tests, and the routes as the daemon itself declares them."""

import dataclasses
import json
import re
import subprocess

from conftest import EXECUTABLE, clean_environment, make_project, make_session, vibe

FULL = "read,write,execute"


def command(daemon, *arguments, check=True):
    """Runs the executable with the daemon's settings."""
    done = subprocess.run(
        [EXECUTABLE, *arguments], cwd=daemon.folder, env=clean_environment(daemon.folder, **daemon.env),
        capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    return done


def create_key(daemon, owner, scopes=FULL, *more):
    return command(daemon, "keys", "create", "--owner", owner, "--scopes", scopes, *more).stdout.strip()


def key_id(daemon, key):
    """The id of a key, by how it begins."""
    lines = command(daemon, "keys", "list").stdout.splitlines()
    return next(row["id"] for row in map(json.loads, lines) if row["prefix"] == key[:8])


@dataclasses.dataclass(frozen=True)
class Caller:
    """Somebody who asks: what they send, and what they may."""

    name: str
    fields: tuple = ()
    scopes: frozenset = frozenset()
    owner: str = ""
    # The status that each of their requests gets, whatever it is for.
    always: int | None = None

    @property
    def headers(self):
        return dict(self.fields)


def bearer(name, key, scopes, owner, **more):
    granted = set(scopes.split(","))
    if "admin" in granted:
        granted = {"read", "write", "execute", "admin"}
    return Caller(name, (("X-API-Key", key),), frozenset(granted | {"read"}), owner, **more)


@dataclasses.dataclass(frozen=True)
class Operation:
    """A route of the OpenAPI document."""

    method: str
    path: str
    scope: str
    owner: str
    has_body: bool

    @property
    def has_own_tokens(self):
        """The models' gateway knows its callers by tokens of its own, which nobody here has."""
        return "/gateway/" in self.path and self.scope == "none"

    def __str__(self):
        return f"{self.method} {self.path}"


def operations(document):
    return [
        Operation(method.upper(), path, item["x-scope"], item["x-owner"], "requestBody" in item)
        for path, methods in document["paths"].items() for method, item in methods.items()]


class Things:
    """What belongs to one owner: an object of each kind, made on demand."""

    def __init__(self, client):
        self.client = client
        self.project = make_project(client, "Ada's desk")
        self.session = make_session(client, self.project)
        self.result = vibe(client, self.session)
        messages = client.get(f"/sessions/{self.session['id']}/messages").json()
        self.test = self.make_test()
        client.post(f"/tests/{self.test['id']}/run").raise_for_status()
        self.ids = {
            "project": self.project["id"], "session": self.session["id"], "diff": self.result["diff_id"],
            "message": messages[0]["id"], "test": self.test["id"],
            "result": client.get(f"/tests/{self.test['id']}/results").json()[0]["id"],
            "terminal": self.make_terminal()}

    def make_test(self):
        answer = self.client.post(f"/projects/{self.project['id']}/tests", json={"name": "t", "code": "assert 1"})
        return answer.json()

    def make_terminal(self):
        answer = self.client.post("/terminals", json={"project_id": self.project["id"], "command": ["cat"]})
        return answer.json()["id"]

    def disposable(self, kind):
        """An object that may be removed."""
        if kind == "project":
            return make_project(self.client, "To be removed")["id"]
        if kind == "session":
            return make_session(self.client, make_project(self.client, "To be removed"))["id"]
        if kind == "test":
            return self.make_test()["id"]
        if kind == "terminal":
            return self.make_terminal()
        if kind == "diff":
            session = make_session(self.client, make_project(self.client, "To be removed"))
            return vibe(self.client, session)["diff_id"]
        raise AssertionError(f"nothing here makes a {kind} that may be removed: add it to Things.disposable")

    def target(self, operation, other=None):
        """The address of an operation with ids in it; `other` stands for the object that is owned."""
        kind, path = operation.owner, operation.path
        assert kind != "unknown", f"{operation}: whose is it? add its kind to OwnedKind, or isOwned: false"
        identity = other
        if identity is None and kind != "none":
            assert kind in self.ids, f"{operation}: nothing here makes a {kind}: add it to Things"
            identity = self.disposable(kind) if operation.method == "DELETE" else self.ids[kind]
        if kind != "none":
            path = re.sub(r"\{\w+\}", identity, path, count=1)
        path = path.replace("{sha}", self.project["current_commit"])
        return re.sub(r"\{(\w+)\}", lambda match: "HEAD" if "/git/" in path else "agents.py", path)
