"""What holds for requests whatever they are about: once only, page by page, not too many, and noted down."""

import concurrent.futures
import json
import signal

import pytest

from conftest import git, make_project, make_session, vibe, wait_until


def create(client, name, key, **more):
    return client.post("/projects", json={"name": name, **more}, headers={"Idempotency-Key": key})


def names(client):
    return [project["name"] for project in client.get("/projects").json()]


# Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)

def test_a_request_that_is_sent_again_is_answered_as_before(daemon, client):
    first = create(client, "Once", "key 1")
    again = create(client, "Once", "key 1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() and again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == "application/json"
    assert names(client).count("Once") == 1
    daemon.restart()
    assert create(daemon.client(), "Once", "key 1").json() == first.json(), "the answer outlives the daemon"


def test_another_body_with_the_key_is_refused(client):
    assert create(client, "One", "k").status_code == 201
    answer = create(client, "Two", "k")
    assert answer.status_code == 422 and "another body" in answer.json()["detail"]
    assert "Two" not in names(client)


def test_white_space_does_not_make_it_another_body(client):
    headers = {"Idempotency-Key": "space"}
    first = client.post("/projects", content='{"name":"Airy"}', headers=headers)
    again = client.post("/projects", content='{ "name" : "Airy" }', headers=headers)
    assert first.json() == again.json() and names(client).count("Airy") == 1


def test_a_key_belongs_to_its_operation(client, project):
    assert create(client, "Mine", "shared").status_code == 201
    path = f"/projects/{project['id']}/sessions"
    assert client.post(path, json={}, headers={"Idempotency-Key": "shared"}).status_code == 201
    # The path as it is sent: an alias of the same operation has keys of its own.
    again = client.post(path, json={}, headers={"Idempotency-Key": "shared"})
    assert again.status_code == 201, "the first answer, not the 200 of a session that is there already"


def test_of_many_at_once_one_is_done(client):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: create(client, "Crowd", "crowd"), range(12)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert names(client).count("Crowd") == 1


def test_while_the_first_runs_the_second_is_told_so(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS="200")
    client = daemon.client()
    session = make_session(client, make_project(client))
    path, headers = f"/sessions/{session['id']}/messages", {"Idempotency-Key": "slow"}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, path, json={"prompt": "Create a triage agent"}, headers=headers)
        wait_until(lambda: client.get(f"/sessions/{session['id']}/messages").json(), "no message")
        second = client.post(path, json={"prompt": "Create a triage agent"}, headers=headers)
        assert second.status_code == 409 and "still being answered" in second.json()["detail"]
        assert first.result().status_code == 200
    assert client.post(path, json={"prompt": "Create a triage agent"}, headers=headers).json() == first.result().json()


def test_a_refused_request_does_not_use_up_its_key(client):
    assert client.post("/projects", json={}, headers={"Idempotency-Key": "try"}).status_code == 422
    missing = client.post("/projects/none/sessions", json={}, headers={"Idempotency-Key": "try"})
    assert missing.status_code == 404
    assert client.post("/projects/none/sessions", json={"a": 1}, headers={"Idempotency-Key": "try"}).status_code == 404
    assert create(client, "At last", "try").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "é".encode(), b"\x80"], ids=["empty", "long", "accent", "no text"])
def test_a_key_that_is_none_is_refused(client, key):
    assert create(client, "Never", key).status_code == 422
    assert "Never" not in names(client)


def test_a_key_whose_work_was_cut_off_says_so(daemon, client):
    assert create(client, "Known", "cut").status_code == 201
    daemon.kill()
    import sqlite3
    with sqlite3.connect(daemon.database) as database:
        database.execute("UPDATE idempotency_keys SET state = 'running'")
    daemon.start()
    answer = create(daemon.client(), "Known", "cut")
    assert answer.status_code == 409 and "restart" in answer.json()["detail"]


# Pages (RFC 8288)

def pages(client, path):
    """All the pages of a list, by its links."""
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        path = answer.links.get("next", {}).get("url")


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 1000])
def test_pages_make_up_the_list(client, limit):
    made = [make_project(client, f"P{index}")["id"] for index in range(6)]
    found = list(pages(client, f"/projects?limit={limit}"))
    assert [row["id"] for page in found for row in page] == made[::-1]
    assert all(len(page) == limit for page in found[:-1]) and 0 < len(found[-1]) <= limit
    assert [row["id"] for row in client.get("/projects").json()] == made[::-1], "all without a limit"


def test_rows_that_come_and_go_do_not_shift_a_page(client):
    made = [make_project(client, f"P{index}")["id"] for index in range(5)][::-1]
    first = client.get("/projects?limit=2")
    make_project(client, "New")
    client.delete(f"/projects/{made[0]}")
    assert [row["id"] for row in client.get(first.links["next"]["url"]).json()] == made[2:4]


def test_every_list_has_pages(client, project, session):
    vibe(client, session)
    for index in range(3):
        client.put(f"/projects/{project['id']}/files/f{index}.py", json={"content": f"x = {index}\n"})
    lists = ["/sessions", f"/projects/{project['id']}/sessions", f"/sessions/{session['id']}/messages",
             f"/projects/{project['id']}/diffs", f"/sessions/{session['id']}/diffs",
             f"/projects/{project['id']}/commits", f"/projects/{project['id']}/diffs?status=evaluator_approved"]
    for path in lists:
        whole = client.get(path).json()
        mark = "&" if "?" in path else "?"
        assert whole and [row for page in pages(client, f"{path}{mark}limit=1") for row in page] == whole, path


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=nothing", "limit=1&after=" + "0" * 40])
def test_a_page_that_cannot_be_is_refused(client, project, query):
    answer = client.get(f"/projects?{query}")
    assert answer.status_code == 422 and answer.json()["errors"][0]["loc"][0] == "query"


# Rate limits (RFC 6585 section 4)

def test_too_many_requests_are_told_when_to_come_back(make_daemon):
    client = make_daemon(RATE_LIMIT_REQUESTS="30").client()
    answers = [client.get("/projects") for _ in range(40)]
    assert [answer.status_code for answer in answers[:30]] == [200] * 30
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 8 and all(1 <= int(answer.headers["retry-after"]) <= 3 for answer in refused)
    assert refused[0].json()["code"] == "rate_limited" and "30 requests a minute" in refused[0].json()["detail"]
    assert client.get("/health").status_code == 200, "who watches over the daemon is always answered"


def test_the_bucket_fills_again(make_daemon):
    client = make_daemon(RATE_LIMIT_REQUESTS="600").client()
    while client.get("/projects").status_code == 200:
        pass
    wait_until(lambda: client.get("/projects").status_code == 200, "still refused", 3)


# Access log

def test_each_request_is_noted_when_asked_for(make_daemon):
    daemon = make_daemon(ACCESS_LOG="true")
    client = daemon.client()
    client.get("/projects?secret=1", headers={"X-Request-ID": "mine-1"})
    client.get("/nothing")
    client.post("/projects", json={"name": "Noted"})

    def lines():
        found = [json.loads(line) for line in daemon.stderr.splitlines() if '"part":"access"' in line]
        return found if len(found) >= 3 else None

    found = wait_until(lines, "no lines")
    assert [(line["method"], line["path"], line["status"]) for line in found] == [
        ("GET", "/projects", 200), ("GET", "/nothing", 404), ("POST", "/projects", 201)]
    assert found[0]["request_id"] == "mine-1" and all(line["address"] == "127.0.0.1" for line in found)
    assert all(line["bytes"] > 100 and line["milliseconds"] >= 0 for line in found)
    assert "secret" not in daemon.stderr


def test_the_last_lines_are_written_at_the_end(make_daemon):
    daemon = make_daemon(ACCESS_LOG="true")
    daemon.client().get("/projects")
    process = daemon.process
    assert process.end(signal.SIGTERM) == 0
    assert process.stderr.count('"part":"access"') == 1


# The repository for ordinary git (gitprotocol-http(5), the dumb protocol)

def test_git_clones_and_fetches_over_http(daemon, client, project, tmp_path):
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", f"{daemon.url}/projects/{project['id']}/git", str(copy))
    assert git(copy, "rev-parse", "HEAD") == git(project["repository_path"], "rev-parse", "HEAD")
    git(copy, "fsck", "--strict")
    client.put(f"/projects/{project['id']}/files/new.py", json={"content": "x = 1\n"})
    git(project["repository_path"], "gc", "-q")
    git(copy, "pull", "-q")
    assert (copy / "new.py").read_text() == "x = 1\n"


def test_objects_are_files_with_ranges_and_dates(client, project):
    head = git(project["repository_path"], "rev-parse", "HEAD").strip()
    path = f"/projects/{project['id']}/git/objects/{head[:2]}/{head[2:]}"
    whole = client.get(path)
    assert whole.status_code == 200 and len(whole.content) == int(whole.headers["content-length"])
    part = client.get(path, headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    assert client.head(path).headers["content-length"] == whole.headers["content-length"]
    same = client.get(path, headers={"If-Modified-Since": whole.headers["last-modified"]})
    assert (same.status_code, same.content) == (304, b"")
    older = client.get(path, headers={"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"})
    assert older.content == whole.content
    assert client.get(path, headers={"Range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize("name", [
    "config", "hooks/post-update.sample", "objects/../config", "objects/%2e%2e/config", "index", "logs/HEAD",
    "objects/00/" + "0" * 38, "objects/pack/pack-x.pack", "objects/info/alternates", "refs/heads/main", ""])
def test_nothing_else_of_a_repository_is_read(client, project, name):
    assert client.get(f"/projects/{project['id']}/git/{name}").status_code in (400, 404)
