"""Socket.IO under python-socketio: by long polling, by WebSocket, and by the upgrade from one to the other."""

import asyncio
import contextlib
import queue
import threading
import time

import pytest
import requests
import socketio
from socketio.exceptions import ConnectionError as Refused

from conftest import Daemon, approve, commit, events_until, make_project, make_session, subscribed, vibe

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}
every_way = pytest.mark.parametrize("way", WAYS)
FIELDS = {
    "conversation_message": """message_id session_id role message_type content stream_event_type stream_sequence
        event_data tool_calls tool_outputs handoffs usage_input_tokens usage_output_tokens usage_total_tokens
        usage_cached_tokens usage_reasoning_tokens agent iteration token_usage patch_preview created_at""",
    "diff_created": "diff_id commit_message session_id git_commit",
    "debug_iteration": """iteration patch_content patch_description evaluator_approved evaluator_reasoning
        evaluator_feedback""",
    "token_usage": "session_id message_id usage timestamp",
    "code_changed": "project_id new_code trace_id",
    "code_update": "content filename",
}
UNKNOWN = "01a00000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One daemon for all tests that need no settings; it has to live through them and to stop in order."""
    daemon = Daemon(tmp_path_factory.mktemp("shared")).start()
    yield daemon
    daemon.stop()


@pytest.fixture
def daemon(shared, request):
    request.node.daemons = [shared]
    return shared


class Client:
    """A python-socketio client that keeps what comes, each event as (name, *arguments)."""

    def __init__(self, **options):
        session = requests.Session()
        session.trust_env = False
        self.events, self.states = queue.Queue(), queue.Queue()
        self.sio = socketio.Client(http_session=session, **{"reconnection": False, **options})
        self.sio.on("*", lambda *event: self.events.put(event))
        self.sio.on("connect", lambda: self.states.put("connect"))
        self.sio.on("disconnect", lambda reason: self.states.put("disconnect"))

    def until(self, *names, count=1, seconds=20):
        """The events up to the one that brings the number of those with one of the names to the count.

        The client handles each packet in a thread of its own, so that they can come out of order here.
        """
        events, deadline = [], time.monotonic() + seconds
        while sum(event[0] in names for event in events) < count:
            try:
                events.append(self.events.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"{count} of {names} did not come within {seconds} s; found {str(events)[-1000:]}")
        return events

    def next(self, name, **options):
        return self.until(name, **options)[-1]

    def call(self, name, *arguments):
        return self.sio.call(name, arguments, timeout=10)

    def subscribe(self, project, **more):
        """Follows a project; what it is told by the acknowledgement and by the event."""
        acknowledged = self.call("subscribe", {"project_id": project["id"], **more})
        # An earlier `subscribed`, of a join by the query, may stand before it.
        while self.next("subscribed")[1:] != (acknowledged,):
            pass
        assert (acknowledged["project_id"], acknowledged["sid"]) == (project["id"], self.sio.get_sid())
        return acknowledged


@contextlib.contextmanager
def connected(daemon, way="websocket", query="", **options):
    """A client that has been told its `sid`; it is gone at the end."""
    client = Client(**options)
    client.sio.connect(daemon.url + query, transports=WAYS[way], wait_timeout=10)
    try:
        assert client.next("connected")[1:] == ({"sid": client.sio.get_sid()},)
        assert client.sio.transport() == WAYS[way][-1]
        yield client
    finally:
        client.sio.shutdown()


def write_file(client, project, path="extra.py", content="x = 1\n"):
    """The quickest way to a `code_changed`."""
    read = client.get(f"/projects/{project['id']}/files/{path}")
    tag = {"If-Match": read.headers["etag"]} if read.status_code == 200 else {}
    answer = client.put(f"/projects/{project['id']}/files/{path}", json={"content": content}, headers=tag)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["committed_sha"]


def main_job(client, session):
    diff = vibe(client, session)["diff_id"]
    approve(client, diff)
    commit(client, diff)


def shas(events):
    return [event[1]["committed_sha"] for event in events if event[0] == "code_changed"]


@every_way
def test_a_client_is_told_its_id_and_that_it_follows_a_project(daemon, project, way):
    with connected(daemon, way) as client:
        assert set(client.subscribe(project)) >= {"project_id", "sid"}


@every_way
def test_the_main_job_is_seen_with_all_fields_and_as_the_log_has_it(daemon, client, project, session, way):
    with connected(daemon, way) as socket, subscribed(daemon, f"project:{project['id']}", after=0) as log:
        socket.subscribe(project)
        main_job(client, session)
        events = socket.until("code_update", "code_changed", count=2)
        logged = events_until(log, "code_update")
        wanted = [one for one in logged if one["event"] in FIELDS]
        while len(events) < len(wanted):
            events.append(socket.events.get(timeout=10))
    seen = sorted((event for event in events if event[0] in FIELDS), key=lambda event: event[1]["seq"])
    assert seen == [(one["event"], {**one["data"], "seq": one["seq"]}) for one in wanted]
    for name, fields in FIELDS.items():
        found = [data for event, data in seen if event == name]
        assert found and all(set(fields.split()) <= set(data) for data in found), name


def test_events_come_while_the_work_goes_on(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=20)
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    with connected(daemon, "polling") as polling, connected(daemon) as socket:
        polling.subscribe(project)
        socket.subscribe(project)
        worker = threading.Thread(target=vibe, args=(client, session))
        worker.start()
        for one in (polling, socket):
            assert one.next("conversation_message")[1]["content"] == "Create a triage agent"
        assert worker.is_alive(), "the first event has to come before the POST answers"
        for one in (polling, socket):
            assert one.next("diff_created")[1]["session_id"] == session["id"]
        worker.join()


@every_way
def test_asyncio_clients_get_the_events_in_order(daemon, client, project, session, way):
    async def follow():
        async with socketio.AsyncSimpleClient(reconnection=False) as socket:
            await socket.connect(daemon.url, transports=WAYS[way])
            assert await socket.receive(timeout=10) == ["connected", {"sid": socket.sid}]
            assert socket.transport == WAYS[way][-1]
            answer = await socket.call("subscribe", {"project_id": project["id"]}, timeout=10)
            assert (answer["project_id"], answer["sid"]) == (project["id"], socket.sid)
            assert await socket.receive(timeout=10) == ["subscribed", answer]
            await asyncio.to_thread(main_job, client, session)
            events = []
            while not events or events[-1][0] != "code_update":
                events.append(await socket.receive(timeout=10))
            return events

    events = [event for event in asyncio.run(follow()) if event[0] in FIELDS]
    numbers = [event[1]["seq"] for event in events]
    assert numbers == sorted(set(numbers))
    with subscribed(daemon, f"project:{project['id']}", after=0) as log:
        logged = [one for one in events_until(log, "code_update") if one["event"] in FIELDS]
    assert numbers == [one["seq"] for one in logged]


@pytest.mark.parametrize("arguments", [
    [], [None], [{}], [{"project_id": None}], [{"project_id": ""}], [{"project_id": UNKNOWN}], [{"project_id": 7}],
    [{"project_id": ["a"]}], [{"project_id": {"$ne": 1}}], [{"project_id": "../etc"}], [{"project_id": "a" * 100_000}],
    ["text"], [7], [True], [[]], [b"\x00\xff"], [{"project_id": b"\x00"}], [{"projectId": "x"}],
    [{"project_id": "\x00"}], [{"project_id": "project:*"}],
], ids=lambda arguments: repr(arguments)[:40])
def test_a_project_that_is_none_is_answered_by_error(daemon, client, project, arguments):
    with connected(daemon) as socket:
        socket.sio.emit("subscribe", tuple(arguments))
        _, answer = socket.next("error")
        assert isinstance(answer["message"], str) and answer["message"]
        socket.subscribe(project)
        sha = write_file(client, project)
        assert socket.next("code_changed")[1]["committed_sha"] == sha


@pytest.mark.parametrize("after", [-1, 1.5, "x", True, [], {}, 2**63, -2**63])
def test_a_number_that_is_none_is_answered_by_error(daemon, project, after):
    with connected(daemon) as socket:
        socket.sio.emit("subscribe", {"project_id": project["id"], "after": after})
        names = [event[0] for event in socket.until("error", "subscribed", "resync")]
        assert names[-1] == "error"
        socket.subscribe(project)


@pytest.mark.parametrize("event", ["subscribe", "join_project"])
@every_way
def test_a_project_that_is_left_is_heard_no_more(daemon, client, project, way, event):
    other = make_project(client, "Other")
    with connected(daemon, way) as socket:
        for one in (project, other):
            socket.call(event, {"project_id": one["id"]})
        first = write_file(client, project)
        assert shas([socket.next("code_changed")]) == [first]
        socket.call("leave_project", {"project_id": project["id"]})
        write_file(client, project, content="x = 2\n")
        last = write_file(client, other)
        assert shas([socket.next("code_changed")]) == [last]
        socket.call("join_project", {"project_id": project["id"]})
        again = write_file(client, project, content="x = 3\n")
        assert shas([socket.next("code_changed")]) == [again]


@pytest.mark.parametrize("event, arguments", [
    ("join_project", [{"project_id": UNKNOWN}]), ("join_project", []), ("join_project", [None]),
    ("leave_project", [{"project_id": UNKNOWN}]), ("leave_project", []), ("leave_project", [7]),
    ("dance", []), ("dance", [{"a": [1, 2.5, None]}, "b"]), ("message", ["hello"]), ("connected", [{"sid": "x"}]),
    ("heartbeat", []), ("", []), ("code_changed", [{"project_id": UNKNOWN, "new_code": "x"}]),
])
def test_events_that_mean_nothing_are_survived(daemon, client, project, event, arguments):
    with connected(daemon) as socket, connected(daemon) as other:
        other.subscribe(project)
        socket.sio.emit(event, tuple(arguments))
        socket.subscribe(project)
        sha = write_file(client, project)
        for one in (socket, other):
            assert shas([one.next("code_changed")]) == [sha]


@every_way
def test_a_project_in_the_query_is_followed_from_the_start(daemon, client, project, way):
    other = make_project(client, "Other")
    with connected(daemon, way, f"?project_id={project['id']}") as socket:
        # Answered behind the join: a call is a round trip through the same session.
        socket.call("leave_project", {"project_id": other["id"]})
        write_file(client, other)
        sha = write_file(client, project)
        assert shas([socket.next("code_changed")]) == [sha]


@pytest.mark.parametrize("query", [UNKNOWN, "", "%00", "a&project_id=b"])
def test_a_query_of_no_project_does_not_hinder_the_connection(daemon, project, query):
    with connected(daemon, query=f"?project_id={query}") as socket:
        socket.subscribe(project)


def test_the_stock_frontend_gets_each_event_once(daemon, client, project):
    with connected(daemon, query=f"?project_id={project['id']}") as socket:
        socket.subscribe(project)
        socket.call("join_project", {"project_id": project["id"]})
        made = [write_file(client, project, content=f"x = {number}\n") for number in range(5)]
        # What comes twice would come before the answer to a last call.
        events = socket.until("code_changed", count=5)
        socket.subscribe(project)
        assert sorted(shas(events)) == sorted(made)
        assert shas(socket.events.queue) == []


def test_events_reach_the_subscribers_of_the_project_and_nobody_else(daemon, client, project):
    other = make_project(client, "Other")
    with contextlib.ExitStack() as stack:
        ours, theirs, both, idle = [
            stack.enter_context(connected(daemon, way)) for way in ["websocket", "polling", "upgrade", "websocket"]]
        for one in (ours, both):
            one.subscribe(project)
        for one in (theirs, both):
            one.subscribe(other)
        here, there = write_file(client, project), write_file(client, other)
        assert shas([ours.next("code_changed")]) == [here]
        assert shas([theirs.next("code_changed")]) == [there]
        assert sorted(shas(both.until("code_changed", count=2))) == sorted([here, there])
        for one in (ours, theirs, both, idle):
            one.call("leave_project", {"project_id": UNKNOWN})
            assert [event for event in one.events.queue if event[0] == "code_changed"] == []


def test_many_clients_of_a_project_all_get_all(daemon, client, project):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connected(daemon, way)) for way in list(WAYS) * 7]
        for socket in sockets:
            socket.subscribe(project)
        made = [write_file(client, project, content=f"x = {number}\n") for number in range(3)]
        for socket in sockets:
            assert sorted(shas(socket.until("code_changed", count=3))) == sorted(made)


@every_way
def test_a_large_event_comes_whole(daemon, client, project, way):
    code = "".join(f"name_{number} = 'ä\U0001f600\\\\ {number}'\n" for number in range(15_000))
    with connected(daemon, way) as socket:
        socket.subscribe(project)
        write_file(client, project, "main.py", code)
        assert socket.next("code_changed")[1]["new_code"] == code


def test_heartbeats_tell_the_time_and_how_many_are_connected(make_daemon):
    daemon = make_daemon(SOCKETIO_HEARTBEAT=0.1)

    def beat(client, connections):
        while True:
            _, data = client.next("heartbeat", seconds=5)
            assert set(data) >= {"server_time", "status", "connections"} and data["status"] == "alive"
            assert data["server_time"].endswith("Z") and "T" in data["server_time"]
            if data["connections"] == connections:
                return data["server_time"]

    with connected(daemon) as first:
        before = beat(first, 1)
        with connected(daemon, "polling"), connected(daemon, "upgrade") as third:
            assert beat(first, 3) > before
            beat(third, 3)
        beat(first, 1)


@every_way
def test_a_connection_lives_through_many_pings(make_daemon, way):
    daemon = make_daemon(SOCKETIO_PING_INTERVAL=0.1, SOCKETIO_PING_TIMEOUT=1, SOCKETIO_HEARTBEAT=0.4)
    with connected(daemon, way) as socket:
        for _ in range(4):
            socket.next("heartbeat", seconds=5)
        assert socket.states.get_nowait() == "connect" and socket.states.empty()


@every_way
@pytest.mark.parametrize("namespace", ["/admin", "/a b", "/ä"])
def test_there_is_no_other_namespace(daemon, project, way, namespace):
    client, errors = Client(), queue.Queue()
    client.sio.on("connect_error", lambda *data: errors.put(data), namespace=namespace)
    with pytest.raises(Refused, match="failed to connect"):
        client.sio.connect(daemon.url, transports=WAYS[way], namespaces=[namespace], wait_timeout=10)
    assert errors.get(timeout=10) == ({"message": "Invalid namespace"},)


def test_a_refused_namespace_does_not_end_the_others(daemon, project):
    client, errors = Client(), queue.Queue()
    client.sio.on("connect_error", lambda *data: errors.put(data), namespace="/admin")
    client.sio.connect(daemon.url, transports=["websocket"], namespaces=["/", "/admin"], wait=False)
    try:
        assert errors.get(timeout=10) == ({"message": "Invalid namespace"},)
        client.next("connected")
        client.subscribe(project)
    finally:
        client.sio.shutdown()


@every_way
def test_a_client_that_leaves_can_come_again(daemon, client, project, way):
    identities = set()
    for number in range(3):
        with connected(daemon, way) as socket:
            identities.add(socket.subscribe(project)["sid"])
            sha = write_file(client, project, content=f"x = {number}\n")
            assert shas([socket.next("code_changed")]) == [sha]
        assert [socket.states.get(timeout=10) for _ in range(2)] == ["connect", "disconnect"]
    assert len(identities) == 3


@every_way
def test_a_client_comes_back_by_itself_after_a_restart_and_misses_nothing(make_daemon, way):
    daemon = make_daemon()
    project = make_project(daemon.client())
    options = {"reconnection": True, "reconnection_delay": 0.05, "reconnection_delay_max": 0.1}
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connected(daemon, way, **options)) for _ in range(5)]
        for socket in sockets:
            socket.subscribe(project)
        before = write_file(daemon.client(), project)
        events = [socket.next("code_changed") for socket in sockets]
        assert [shas([event]) for event in events] == [[before]] * 5
        daemon.restart(PORT=daemon.url.rpartition(":")[2])
        made = [write_file(daemon.client(), project, content=f"x = {number}\n") for number in range(2, 5)]
        for socket, event in zip(sockets, events):
            # A server that says a last word to its clients is not come back to: they take it for wanted.
            assert [socket.states.get(timeout=10) for _ in range(3)] == ["connect", "disconnect", "connect"]
            socket.next("connected")
            socket.subscribe(project, after=event[1]["seq"])
            assert sorted(shas(socket.until("code_changed", count=3))) == sorted(made)


@every_way
def test_a_stop_ends_the_connections(make_daemon, way):
    daemon = make_daemon()
    with connected(daemon, way) as socket:
        daemon.stop()
        assert [socket.states.get(timeout=10) for _ in range(2)] == ["connect", "disconnect"]
