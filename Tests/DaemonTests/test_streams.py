"""The event log over server-sent events and WebSocket: nothing is lost or comes twice, and nobody waits for others."""

import contextlib
import json
import socket as sockets
import threading

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from conftest import approve, commit, events_until, make_project, make_session, subscribed, vibe


class EventStream:
    """`GET /api/v1/events` as a browser's EventSource reads it: each event as (id, name, data text)."""

    def __init__(self, response):
        self.lines = response.iter_lines()
        # The first line is sent once the subscription is in place.
        self.retry = next(self.lines)

    def next(self):
        fields = {}
        for line in self.lines:
            if line:
                # A comment has no name and is dropped with its fields.
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                return fields.get("id"), fields.get("event"), fields["data"]
        raise EOFError("the stream ended")

    def take(self, count):
        return [self.next() for _ in range(count)]


@contextlib.contextmanager
def event_stream(daemon, topic, after=None, last=None, timeout=20):
    parameters = {"topic": topic, **({} if after is None else {"after": after})}
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with httpx.Client(base_url=daemon.url, timeout=timeout, trust_env=False) as client:
        with client.stream("GET", "/api/v1/events", params=parameters, headers=headers) as response:
            assert response.status_code == 200
            yield EventStream(response)


def rename(client, project, times):
    for number in range(times):
        assert client.patch(f"/projects/{project['id']}", json={"name": f"Name {number}"}).status_code == 200


def held_by_socket(daemon, topic):
    """All events that the log holds under a topic, by the `seq` at which a new subscription begins; live last."""
    with connect(daemon.websocket_url, proxy=None) as socket:
        socket.send(json.dumps({"type": "subscribe", "topic": topic}))
        last = json.loads(socket.recv(timeout=10))["seq"]
    with subscribed(daemon, topic, after=0) as socket, contextlib.suppress(TimeoutError):
        texts = []
        while not texts or json.loads(texts[-1])["seq"] < last:
            # The last number may be another topic's: then what comes is all there is. The first may be slow to come.
            texts.append(socket.recv(timeout=2 if texts else 10))
    return texts


@pytest.fixture
def run(daemon, client, project, session):
    """A finished main job, and all the events of its project."""
    result = vibe(client, session)
    approve(client, result["diff_id"])
    commit(client, result["diff_id"])
    return held_by_socket(daemon, f"project:{project['id']}")


def test_an_event_stream_says_what_it_is(daemon, client, project):
    with client.stream("GET", f"/api/v1/events?topic=project:{project['id']}&after=0") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        stream = EventStream(response)
        number, name, data = stream.next()
        assert stream.retry == "retry: 3000"
        assert (name, json.loads(data)["seq"]) == ("project.created", int(number))


def test_an_idle_stream_gets_comments_that_are_no_events(make_daemon):
    daemon = make_daemon(SSE_PING_INTERVAL=1, SSE_RETRY_TIMEOUT=1234)
    client = daemon.client()
    project = make_project(client)
    with event_stream(daemon, f"project:{project['id']}") as stream:
        assert stream.retry == "retry: 1234"
        assert ": ping" in [next(stream.lines) for _ in range(2)]
        client.patch(f"/projects/{project['id']}", json={"name": "New"})
        assert stream.next()[1] == "project.updated"


def test_a_websocket_that_is_cut_after_any_event_misses_none(daemon, project, run):
    topic = f"project:{project['id']}"
    numbers = [json.loads(text)["seq"] for text in run]
    assert numbers == sorted(set(numbers)) and len(run) > 30
    for cut in range(len(run)):
        with subscribed(daemon, topic, after=numbers[cut - 1] if cut else 0) as socket:
            rest = [socket.recv(timeout=10) for _ in range(len(run) - cut)]
        assert rest == run[cut:], f"after event {cut}"


def test_an_event_stream_that_is_cut_after_any_event_misses_none(daemon, project, run):
    topic = f"project:{project['id']}"
    with event_stream(daemon, topic, after=0) as stream:
        whole = stream.take(len(run))
    assert [data for _, _, data in whole] == run, "both ways carry the same bytes"
    for cut in range(1, len(whole)):
        with event_stream(daemon, topic, after=0, last=whole[cut - 1][0]) as stream:
            assert stream.take(len(whole) - cut) == whole[cut:], f"after event {cut}"


def test_what_is_seen_live_is_what_is_replayed(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=2)
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    topic = f"session:{session['id']}"
    live = []
    with subscribed(daemon, topic) as socket, event_stream(daemon, topic) as stream:
        worker = threading.Thread(target=vibe, args=(client, session))
        worker.start()
        while not live or json.loads(live[-1])["event"] != "message.completed":
            live.append(socket.recv(timeout=20))
        streamed = [data for _, _, data in stream.take(len(live))]
        worker.join()
    assert streamed == live
    assert held_by_socket(daemon, topic) == live


def test_a_connection_that_is_cut_again_and_again_during_the_work_gets_everything_once(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=5)
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    topic, after, got = f"session:{session['id']}", 0, []
    worker = threading.Thread(target=vibe, args=(client, session))
    worker.start()
    while not got or json.loads(got[-1])["event"] != "message.completed":
        with subscribed(daemon, topic, after=after) as socket:
            got.append(socket.recv(timeout=20))
        after = json.loads(got[-1])["seq"]
    worker.join()
    assert held_by_socket(daemon, topic) == got


@pytest.mark.parametrize("way", ["restart", "kill"])
def test_a_client_goes_on_where_it_was_after_the_daemon_went_down(daemon, project, session, way):
    topic = f"project:{project['id']}"
    vibe(daemon.client(), session)
    before = held_by_socket(daemon, topic)
    middle = json.loads(before[len(before) // 2])["seq"]
    if way == "kill":
        daemon.kill()
        daemon.start()
    else:
        daemon.restart()
    daemon.client().patch(f"/projects/{project['id']}", json={"name": "After"})
    with subscribed(daemon, topic, after=middle) as socket:
        rest = [socket.recv(timeout=10) for _ in before[len(before) // 2 + 1:]]
        assert rest == before[len(before) // 2 + 1:]
        added = events_until(socket, "project.updated")
    assert [event["event"] for event in added] == ["project.updated"]
    assert added[0]["seq"] > json.loads(before[-1])["seq"]


def test_the_stream_of_work_goes_on_after_a_kill(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=30)
    client = daemon.client()
    session = make_session(client, make_project(client))
    topic = f"session:{session['id']}"
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": "Create a triage agent", "message_id": "m"},
                headers={"Prefer": "respond-async"})
    with subscribed(daemon, topic, after=0) as socket:
        seen = events_until(socket, "message.delta")
    daemon.kill()
    daemon.start(EMBEDDED_MODEL_DELAY_MS=0)
    with subscribed(daemon, topic, after=seen[-1]["seq"]) as socket:
        rest = events_until(socket, "message.completed", "message.failed")
    assert rest[-1]["event"] == "message.completed" and "message.resumed" in [event["event"] for event in rest]
    assert [json.loads(text) for text in held_by_socket(daemon, topic)] == seen + rest


@pytest.mark.parametrize("number", [1, 10**15, 2**53 - 1])
def test_a_number_of_another_log_is_answered_by_resync(daemon, client, project, number):
    topic = f"project:{project['id']}"
    with event_stream(daemon, topic, after=number) as stream:
        identity, name, data = stream.next()
        assert (identity, name) == (None, "resync")
    with subscribed(daemon, topic, after=number) as socket:
        frame = json.loads(socket.recv(timeout=10))
        assert frame == json.loads(data)
        rename(client, project, 1)
        event = events_until(socket, "project.updated")[0]
    assert (frame["type"], frame["topic"]) == ("resync", topic)
    assert client.get(frame["snapshot"]).json()["id"] == project["id"]
    with subscribed(daemon, topic, after=frame["seq"]) as socket:
        assert events_until(socket, "project.updated")[0] == event


def test_a_cursor_of_another_database_is_foreign(make_daemon):
    daemons = [make_daemon(), make_daemon()]
    topics = [f"project:{make_project(daemon.client())['id']}" for daemon in daemons]
    numbers = [json.loads(held_by_socket(*pair)[0])["seq"] for pair in zip(daemons, topics)]
    with event_stream(daemons[0], topics[0], last=numbers[1]) as stream:
        assert stream.next()[1] == "resync"


def stalled_reader(daemon, topic):
    """A client that asks for all events of a topic and then reads nothing."""
    host, port = daemon.url.removeprefix("http://").split(":")
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect((host, int(port)))
    raw.sendall(f"GET /api/v1/events?topic={topic}&after=0 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    raw.settimeout(30)
    return raw


def memory(daemon):
    for line in open(f"/proc/{daemon.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_a_reader_that_does_not_read_disturbs_nobody_and_misses_nothing(daemon, client, project):
    topic, count = f"project:{project['id']}", 3000
    with stalled_reader(daemon, topic) as stalled, subscribed(daemon, topic) as reader:
        before = memory(daemon)
        writer = threading.Thread(target=rename, args=(client, project, count))
        writer.start()
        names = [json.loads(reader.recv(timeout=10))["data"]["name"] for _ in range(count)]
        writer.join()
        assert names == [f"Name {number}" for number in range(count)]
        assert memory(daemon) - before < 64 << 20
        data = b""
        while b'"name":"Name %d"' % (count - 1) not in data:
            chunk = stalled.recv(1 << 16)
            assert chunk, "the stream of a slow reader was closed"
            data += chunk
    assert data.count(b"\nid: ") == count + 1


def test_a_connection_follows_several_topics_and_leaves_them(daemon, client):
    first, second = make_project(client, "One"), make_project(client, "Two")
    with subscribed(daemon, f"project:{first['id']}") as socket:
        socket.send(json.dumps({"type": "subscribe", "project_id": second["id"]}))
        answer = json.loads(socket.recv(timeout=10))
        assert (answer["type"], answer["project_id"]) == ("subscribed", second["id"])
        rename(client, second, 1)
        assert events_until(socket, "project.updated")[0]["topic"] == f"project:{second['id']}"
        socket.send(json.dumps({"type": "unsubscribe", "topic": f"project:{second['id']}"}))
        assert json.loads(socket.recv(timeout=10))["type"] == "unsubscribed"
        rename(client, second, 1)
        rename(client, first, 1)
        assert events_until(socket, "project.updated")[0]["topic"] == f"project:{first['id']}"


@pytest.mark.parametrize("message", [
    "no json", "[]", "{}", '{"type":"dance"}', '{"type":"subscribe"}', '{"type":"subscribe","topic":"project"}',
    '{"type":"subscribe","topic":"planet:1"}', '{"type":"subscribe","topic":"project:1","after":"x"}',
    '{"type":"subscribe","topic":"project:1","after":-1}', b"\x00",
])
def test_a_message_that_cannot_be_understood_is_answered_and_the_connection_stays(daemon, message):
    with connect(daemon.websocket_url, proxy=None) as socket:
        socket.send(message)
        assert json.loads(socket.recv(timeout=10))["type"] == "error"
        socket.send('{"type":"ping"}')
        assert json.loads(socket.recv(timeout=10)) == {"type": "pong"}


def test_a_stop_closes_websockets_with_1001(daemon, project):
    with subscribed(daemon, f"project:{project['id']}") as socket:
        daemon.stop()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd.code == 1001


def test_a_stop_ends_event_streams_whole(daemon, project):
    with event_stream(daemon, f"project:{project['id']}", after=0) as stream:
        stream.next()
        daemon.stop()
        with pytest.raises(EOFError):
            stream.next()


def test_a_stream_without_a_number_begins_now(daemon, client, project):
    with event_stream(daemon, f"project:{project['id']}") as stream:
        rename(client, project, 1)
        number, name, data = stream.next()
    assert (name, json.loads(data)["data"]["name"]) == ("project.updated", "Name 0")
