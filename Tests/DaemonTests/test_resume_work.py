"""Readers who come back to work that has outlived the daemon."""

import random

from conftest import make_project, make_session, wait_until
from model_double import GOOD, Model, message, stall_after, submit
from test_resume import WAYS, Follower, logged, rename


def test_readers_of_work_that_outlives_the_daemon_have_every_event_once(make_daemon):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    with Model() as model:
        # Twice the model says something and stands still until the daemon is gone.
        said = [message(f"This is thought number {number}. ") for number in range(12)]
        model.vibecoder = [stall_after(3 * len(said), *said)] * 2 + [submit(GOOD)]
        daemon = make_daemon(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=model.url)
        client = daemon.client()
        project = make_project(client)
        session, topic = make_session(client, project), f"project:{project['id']}"
        followers = [
            Follower(way, daemon.url, topic, seed + number) for number, way in enumerate(list(WAYS.values()) * 2)]
        client.post(f"/sessions/{session['id']}/messages", headers={"Prefer": "respond-async"},
                    json={"prompt": "Create a triage agent", "message_id": "m"}).raise_for_status()
        for times in range(2):
            wait_until(lambda: len(model.requests) > times, "the model is asked")
            resumed = ["message.resumed"] * times
            wait_until(lambda: all(one.error or len(one.seen) > 12 and resumed == [
                event[1] for event in one.seen if event[1] == "message.resumed"] for one in followers), "much is seen")
            daemon.kill()
            daemon.start(PORT=daemon.url.rpartition(":")[2])
        client = daemon.client()
        assert client.get("/messages/m/result").json()["diff_id"]
        rename(client, project, "The end")
        events = logged(daemon, topic)
        assert [event[1] for event in events].count("message.resumed") == 2
        for follower in followers:
            follower.join(timeout=30)
            assert follower.error is None and follower.connections > 3 and follower.seen == events
