"""What the daemon tells of itself: /metrics, /health/detailed, and the request id in its log."""

import json
import os
import shutil
import socket
import threading

from prometheus_client.parser import text_string_to_metric_families

from access import command, create_key
from conftest import events_until, make_project, make_session, subscribed, vibe, wait_until


def metrics(client):
    """The samples of /metrics by name and labels, read by Prometheus' own parser."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families), "each family stands together"
    assert all(family.documentation and family.type != "unknown" for family in families)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(found, name, **labels):
    return found.get((name, *sorted(labels.items())), 0)


def test_requests_are_counted_by_route_and_status(client):
    for _ in range(3):
        client.get("/projects")
    client.get("/api/v1/projects")
    client.get("/projects/none")
    client.post("/projects", json={})
    client.get("/nowhere/at/all")
    found = metrics(client)
    count = lambda **labels: value(found, "vibegrapher_http_requests_total", **labels)  # noqa: E731
    assert count(method="GET", route="/projects", status="200") == 4, "both of its addresses"
    assert count(method="GET", route="/projects/{id}", status="404") == 1
    assert count(method="POST", route="/projects", status="422") == 1
    assert count(method="any", route="none", status="404") == 1
    assert "none" not in {labels.get("route") for name, *pairs in found if (labels := dict(pairs)).get("status") == "200"}


def test_histograms_are_cumulative(client, session):
    vibe(client, session)
    found = metrics(client)
    series = {}
    for (name, *pairs), number in found.items():
        if name.endswith("_bucket"):
            labels = dict(pairs)
            bound = float(labels.pop("le"))
            series.setdefault((name.removesuffix("_bucket"), *sorted(labels.items())), {})[bound] = number
    names = {key[0] for key in series}
    assert names >= {f"vibegrapher_{part}" for part in (
        "http_request_duration_seconds", "database_duration_seconds", "git_duration_seconds",
        "provider_duration_seconds", "event_loop_turn_seconds")}
    for (name, *labels), buckets in series.items():
        counts = [buckets[bound] for bound in sorted(buckets)]
        assert counts == sorted(counts) and max(buckets) == float("inf"), name
        assert counts[-1] == found[(f"{name}_count", *labels)] > 0
        assert found[(f"{name}_sum", *labels)] > 0


def test_what_the_daemon_does_is_counted(daemon, client, project, session):
    before = metrics(client)
    with subscribed(daemon, f"project:{project['id']}") as socket:
        result = vibe(client, session)
        test = client.post(f"/projects/{project['id']}/tests", json={"name": "t", "code": "assert 1"}).json()
        client.post(f"/tests/{test['id']}/run")
        client.post(f"/diffs/{result['diff_id']}/test")
        found = metrics(client)
        assert value(found, "vibegrapher_subscriptions") == 1
        assert value(found, "vibegrapher_connections", kind="websocket") == 1
        assert value(found, "vibegrapher_connections", kind="http") >= 1
        seen = events_until(socket, "test_completed") + events_until(socket, "test_completed")
        assert len(seen) > 10, "read to the end, so that the client can close at once"
    grown = lambda name, **labels: value(found, name, **labels) - value(before, name, **labels)  # noqa: E731
    assert grown("vibegrapher_events_appended_total") > 10 and grown("vibegrapher_events_delivered_total") > 10
    assert grown("vibegrapher_provider_calls_total", outcome="answered") >= 2
    assert grown("vibegrapher_provider_tokens_total", kind="input") > 0
    assert grown("vibegrapher_tests_total", verdict="passed") == 2
    assert value(found, "vibegrapher_tests_running") == 0
    wait_until(lambda: value(metrics(client), "vibegrapher_connections", kind="websocket") == 0, "still counted")
    wait_until(lambda: value(metrics(client), "vibegrapher_subscriptions") == 0, "still counted")


def test_streams_and_connections_are_counted_while_they_are_open(daemon, client, project):
    with daemon.client().stream("GET", f"/api/v1/events?topic=project:{project['id']}") as stream:
        lines = stream.iter_lines()
        # An iterator that is let go of closes the connection.
        next(lines)
        assert value(metrics(client), "vibegrapher_connections", kind="stream") == 1
    wait_until(lambda: value(metrics(client), "vibegrapher_connections", kind="stream") == 0, "still counted")


def test_who_is_told_that_something_is_saved_has_waited_for_the_disk(client):
    count = lambda: value(metrics(client), "vibegrapher_database_duration_seconds_count", operation="sync")  # noqa: E731
    for number in range(5):
        before = count()
        make_project(client, f"Saved {number}")
        assert count() > before


def test_terminals_are_counted(client, project):
    made = client.post("/terminals", json={"project_id": project["id"], "command": ["cat"]}).json()
    assert value(metrics(client), "vibegrapher_terminals", state="running") == 1
    client.delete(f"/terminals/{made['id']}")
    wait_until(lambda: value(metrics(client), "vibegrapher_terminals", state="running") == 0, "still counted")


def test_the_process_is_what_the_system_says(daemon, client):
    found = metrics(client)
    resident = int(open(f"/proc/{daemon.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert abs(value(found, "process_resident_memory_bytes") - resident) < 20 << 20
    descriptors = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    assert abs(value(found, "process_open_fds") - descriptors) <= 3
    assert value(found, "process_max_fds") > 0 and value(found, "process_cpu_seconds_total") > 0
    started = value(found, "process_start_time_seconds")
    assert abs(started - os.stat(f"/proc/{daemon.pid}").st_ctime) < 5


def test_nothing_that_is_asked_for_gets_into_the_labels(client):
    """An address cannot make new series, nor break the format."""
    for path in ('/projects/a"b', "/projects/a%0Ab", "/projects/%5C", "/x{y}", "/projects/" + "z" * 500):
        client.get(path)
    found = metrics(client)
    routes = {dict(pairs)["route"] for name, *pairs in found if name == "vibegrapher_http_requests_total"}
    declared = set(json.loads(client.get("/openapi.json").text)["paths"])
    assert routes <= declared | {"none", "/metrics", "/openapi.json"}


def test_metrics_need_a_key_to_read_once_there_are_keys(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    assert daemon.client().get("/metrics").status_code == 401
    found = metrics(daemon.client(headers={"X-API-Key": create_key(daemon, "watcher", "read")}))
    assert value(found, "vibegrapher_http_requests_total", method="any", route="none", status="401") == 1


# Detailed health

def health(client):
    answer = client.get("/health/detailed")
    assert answer.status_code == 200, answer.text
    return answer.json()


def score(checks):
    known = [check for check in checks.values() if check is not None]
    return f"{sum(known)}/{len(known)}"


def test_all_is_well(daemon, client, project):
    found = health(client)
    assert found["status"] == "healthy" and found["database"] == "connected"
    checks = found["checks"]
    assert set(checks) == {"database", "migrations", "storage", "git", "sandbox", "docker", "provider"}
    assert all(checks[name] is True for name in set(checks) - {"docker"}) and checks["docker"] is not False
    assert found["health_score"] == score(checks)
    applied = daemon.rows("SELECT identifier FROM grdb_migrations ORDER BY rowid")
    assert found["migration_version"] in {row["identifier"] for row in applied}
    assert found["project_count"] == 1 and found["session_count"] == 0
    assert found["storage_path"] == str(daemon.media) and found["storage_writable"] is True
    sizes = found["sizes"]
    assert sizes["database_bytes"] + sizes["database_wal_bytes"] > 0 and sizes["storage_bytes"] > 0
    assert 0 < sizes["storage_free_bytes"] <= sizes["storage_total_bytes"]
    assert {"features", "missing", "sufficient"} <= set(found["sandbox"])
    assert not [path for path in daemon.media.iterdir() if path.name.startswith(".probe")]


def test_storage_that_is_gone_degrades(daemon, client):
    shutil.move(daemon.media, daemon.folder / "elsewhere")
    found = health(client)
    assert found["status"] == "degraded" and found["checks"]["storage"] is found["storage_writable"] is False
    assert found["health_score"] == score(found["checks"])


def test_a_repository_that_cannot_be_read_degrades(daemon, client, project):
    shutil.rmtree(daemon.repository(project))
    assert health(client)["checks"]["git"] is False


def test_a_sandbox_that_is_too_weak_degrades(make_daemon):
    found = health(make_daemon(SANDBOX_REQUIRE="full", SANDBOX_WITHOUT="landlock").client())
    assert found["checks"]["sandbox"] is False and found["status"] == "degraded"


def test_a_provider_that_does_not_answer_degrades(make_daemon):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        daemon = make_daemon(OPENAI_BASE_URL=f"http://127.0.0.1:{taken.getsockname()[1]}/v1", OPENAI_API_KEY="sk-x")
        client = daemon.client()
        assert health(client)["checks"]["provider"] is True, "nobody asked it yet"
        session = make_session(client, make_project(client))
        thread = threading.Thread(target=lambda: client.post(
            f"/sessions/{session['id']}/messages", json={"prompt": "Hello"}))
        thread.start()
        other = daemon.client()
        wait_until(lambda: health(other)["checks"]["provider"] is False, "still well", 30)
        found = metrics(other)
        thread.join(30)
    assert value(found, "vibegrapher_provider_calls_total", outcome="failed") >= 1
    assert value(found, "vibegrapher_provider_retries_total") >= 1


def test_counts_of_others_are_not_told(make_daemon):
    daemon = make_daemon(REQUIRE_API_KEY="true")
    ada, bob = (daemon.client(headers={"X-API-Key": create_key(daemon, name)}) for name in ("ada", "bob"))
    make_project(ada)
    assert health(ada)["project_count"] == 1 and health(bob)["project_count"] == 0
    assert "session_count" not in health(bob)
    assert daemon.client().get("/health/detailed").status_code == 401
    assert set(daemon.client().get("/health").json()) == {
        "status", "timestamp", "version", "environment", "region", "app_name", "database", "database_type"}


# The log (R19)

def test_every_line_about_a_request_names_it(make_daemon):
    daemon = make_daemon(LOG_LEVEL="debug", ACCESS_LOG="true")
    client = daemon.client()
    client.get("/projects", headers={"X-Request-ID": "mine-7"})
    own = client.get("/projects/none").headers["x-request-id"]

    def lines():
        return [json.loads(line) for line in daemon.stderr.splitlines() if line.startswith("{")]

    for identity in ("mine-7", own):
        parts = wait_until(
            lambda: (found := {row["part"] for row in lines() if row.get("request_id") == identity}) >= {"http", "access"}
            and found, f"no lines of {identity}")
        assert parts
    assert all(row.get("request_id") for row in lines() if row["part"] in ("http", "access"))


def test_the_command_line_knows_the_document(daemon):
    """The routes above are declared like all others."""
    paths = json.loads(command(daemon, "openapi").stdout)["paths"]
    assert paths["/metrics"]["get"]["x-scope"] == paths["/health/detailed"]["get"]["x-scope"] == "read"
    assert paths["/health"]["get"]["x-scope"] == "none" and paths["/health"]["get"]["security"] == []
