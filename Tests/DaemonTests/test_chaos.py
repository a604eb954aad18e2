"""Fifty conversations at once over twenty projects, a provider that fails at random, cancels, reviews, commits, and a
SIGKILL every few seconds: afterwards nothing that was acknowledged is missing, and git, disk and database agree.

CHAOS_SECONDS makes it longer (20), CHAOS_SEED repeats a run: the seed is printed.
"""

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import random
import signal
import threading
import time

import httpx
import pytest

from conftest import git, wait_until
from model_double import (
    GOOD, NONSENSE, STALE, Model, Responses, answer, cut_after, events_of, message, refuse, submission, submit,
    verdict, words)
from test_crash import ORDER, agree

pytestmark = pytest.mark.alone

SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
PROJECTS, CONVERSATIONS, BETWEEN_KILLS, PATIENCE = 20, 50, (2.0, 5.0), 120


def stand_still(item):
    """A stream that stops for a while and then breaks off."""
    def step(exchange):
        exchange.begin()
        for event in itertools.islice(events_of([item]), 2):
            exchange.event(event)
        exchange.wait_until_the_client_leaves(3)
    return step


class ChaosModel(Model):
    """Answers and fails by a random generator; knows how often each piece of work is under way at once."""

    def __init__(self, seed):
        super().__init__()
        self.random, self.numbers, self.lock = random.Random(seed), itertools.count(1), threading.Lock()
        self.working, self.twice, self.generation = {}, [], 0
        self.is_calm = False

    def take(self, path, headers, body):
        with self.lock:
            choice, number = self.random.random(), next(self.numbers)
        step = self.step(body, 1.0 if self.is_calm else choice, number)
        request = body["input"][-1].get("content", "") if not Responses.is_evaluation(body) else ""
        return lambda exchange: self.answer(exchange, step, request)

    def answer(self, exchange, step, request):
        """Counts who asks for the same message at the same time of the same daemon: it would be worked on twice."""
        name = request.rpartition("User request: ")[2] if isinstance(request, str) else ""
        key = (self.generation, name) if name.startswith("Message ") else None
        if key:
            with self.lock:
                self.working[key] = self.working.get(key, 0) + 1
                if self.working[key] > 1:
                    self.twice.append(key)
        try:
            step(exchange)
        finally:
            if key:
                with self.lock:
                    self.working[key] -= 1

    @staticmethod
    def step(body, choice, number):
        patch = GOOD.replace("notes", f"notes{number}")
        if Responses.is_evaluation(body):
            return verdict(False, "Not good enough.") if choice < 0.1 else verdict(True)
        good = submission(patch)
        faults = [
            (0.04, refuse(429, "slow down", retry_after_ms=20)), (0.08, refuse(500, "oops")),
            (0.10, refuse(400, "no")), (0.14, cut_after(2, good)), (0.17, cut_after(3.5, good)),
            (0.19, NONSENSE["broken JSON"]), (0.21, NONSENSE["a page"]), (0.24, stand_still(good)),
            (0.30, submit(STALE)), (0.33, submit("nonsense")), (0.36, submit("+++ b/x.py\n@@ -0,0 +1 @@\n+def (\n")),
            (0.45, words("Only words.")),
        ]
        return next((step for limit, step in faults if choice < limit), answer(good))


class Conversation:
    """Somebody who talks, reviews and commits at random, and remembers what was acknowledged."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.random = random.Random(f"{SEED} {number}")
        self.project = world.projects[number % PROJECTS]
        self.session, self.count = None, 0
        self.messages, self.results, self.diffs, self.commits = {}, {}, {}, {}

    def run(self):
        while not self.world.is_over.is_set():
            with contextlib.suppress(httpx.TransportError):
                with httpx.Client(base_url=self.world.daemon.url, timeout=15, trust_env=False) as self.client:
                    while not self.world.is_over.is_set():
                        self.act()
            self.world.is_over.wait(0.1)  # the daemon has been killed

    def post(self, path, body=None, **headers):
        answered = self.client.post(path, json=body or {}, headers=headers)
        assert answered.status_code < 500 or answered.status_code == 503, f"{path}: {answered.status_code} {answered.text}"
        return answered

    def act(self):
        if self.session is None:
            # A project has one session about all of it, and one about each node, which need not be there.
            body = {"session_type": "node", "node_id": f"node {self.number}"}
            made = self.post(f"/projects/{self.project['id']}/sessions", body)
            assert made.status_code in (200, 201), made.text
            self.session = made.json()["id"]
            return
        choice = self.random.random()
        if choice < 0.5 or not self.diffs:
            self.say(waits=choice < 0.4)
        elif choice < 0.54:
            self.post(f"/sessions/{self.session}/cancel")
        elif choice < 0.7:
            self.review()
        elif choice < 0.92:
            self.commit()
        else:
            history = self.client.get(f"/sessions/{self.session}/messages")
            seen = {row["id"] for row in history.json()} if history.status_code == 200 else set(self.messages)
            assert set(self.messages) <= seen, "a message is missing while the daemon runs"

    def say(self, waits):
        self.count += 1
        name = f"m-{self.number}-{self.count}"
        body = {"prompt": f"Message {name}", "message_id": name}
        said = self.post(f"/sessions/{self.session}/messages", body, Prefer="respond-async")
        if said.status_code != 202:
            return
        self.messages[name] = body["prompt"]
        if waits:
            got = self.client.get(f"/messages/{name}/result")
            if got.status_code == 200:
                self.take(name, got.json())

    def take(self, name, result):
        assert self.results.setdefault(name, result) == result, "a result has changed"
        if result["diff_id"]:
            self.diffs.setdefault(result["diff_id"], "evaluator_approved")

    def review(self):
        waiting = [diff for diff, status in self.diffs.items() if status == "evaluator_approved"]
        diff = waiting[-1] if waiting and self.random.random() < 0.8 else self.random.choice(list(self.diffs))
        is_approved = self.random.random() < 0.8
        done = self.post(f"/diffs/{diff}/review", {"approved": is_approved, "feedback": "" if is_approved else "No"})
        if done.status_code == 200:
            self.diffs[diff] = done.json()["status"]

    def commit(self):
        # The newest is the one whose base may still be the head.
        for diff in [diff for diff, status in self.diffs.items() if status == "human_approved"][-1:]:
            done = self.post(f"/diffs/{diff}/commit")
            if done.status_code == 200:
                self.diffs[diff], self.commits[diff] = "committed", done.json()["committed_sha"]
            else:
                assert done.status_code in (400, 409, 503), done.text
                # What is stale stays stale.
                self.diffs.pop(diff)


class World:
    def __init__(self, daemon, model):
        self.daemon, self.model = daemon, model
        self.is_over = threading.Event()
        client = daemon.client()
        self.projects = [client.post("/projects", json={"name": f"Project {number}"}).json()
                         for number in range(PROJECTS)]
        self.conversations = [Conversation(self, number) for number in range(CONVERSATIONS)]
        self.kills = 0

    def live(self):
        """Lets all of them talk, and kills the daemon now and then."""
        fate = random.Random(f"{SEED} kills")
        end = time.monotonic() + SECONDS
        with concurrent.futures.ThreadPoolExecutor(CONVERSATIONS) as pool:
            running = [pool.submit(one.run) for one in self.conversations]
            try:
                # A busy machine does less in the time: it goes on until there is something to look at.
                while time.monotonic() < end or (not self.has_seen_enough() and time.monotonic() < end + PATIENCE):
                    time.sleep(fate.uniform(*BETWEEN_KILLS))
                    if any(one.done() for one in running):
                        break
                    self.kill()
            finally:
                self.is_over.set()
            for one in running:
                one.result(timeout=60)

    def has_seen_enough(self):
        return self.kills >= 3 and self.count("messages") > 100 and self.count("commits") > 5

    def count(self, what):
        return sum(len(getattr(one, what)) for one in self.conversations)

    def kill(self):
        # On the same port, so that whoever talks finds it again.
        port = self.daemon.url.rpartition(":")[2]
        os.kill(self.daemon.pid, signal.SIGKILL)
        self.daemon.kill()
        self.kills += 1
        with self.model.lock:
            self.model.generation += 1
        self.daemon.start(PORT=port)


def fact(condition, text):
    assert condition, f"seed {SEED}: {text}"


def test_whatever_happens_nothing_that_was_acknowledged_is_lost(make_daemon):
    print(f"CHAOS_SEED={SEED}")
    with ChaosModel(SEED) as model:
        daemon = make_daemon(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=model.url, LOG_LEVEL="warning")
        world = World(daemon, model)
        world.live()
        model.is_calm = True
        check(world, daemon, model)
    said = f"{world.kills} kills, {world.count('messages')} messages, {world.count('commits')} commits acknowledged"
    print(said)
    fact(world.has_seen_enough(), f"too little has happened: {said}")


def check(world, daemon, model):
    client = daemon.client(timeout=120)
    wait_until(lambda: not daemon.rows("SELECT 1 FROM message_runs WHERE state IN ('queued', 'running') LIMIT 1"),
               f"seed {SEED}: all work ends", seconds=120)
    wait_until(lambda: not daemon.rows("SELECT 1 FROM message_runs WHERE memory IS NOT NULL LIMIT 1"),
               f"seed {SEED}: all is remembered")
    fact(model.twice == [], f"worked on twice at once: {model.twice[:5]}")
    for one in world.conversations:
        if not one.session:
            continue
        history = client.get(f"/sessions/{one.session}/messages").json()
        said = {row["id"]: row["content"] for row in history if row["role"] == "user"}
        ends = [row["request_id"] for row in daemon.rows(
            "SELECT request_id FROM conversation_messages WHERE session_id = ? AND message_type = 'run_result'",
            one.session)]
        fact(len(ends) == len(set(ends)), f"{one.session}: a message has ended twice")
        for name, prompt in one.messages.items():
            fact(said.get(name) == prompt, f"message {name} is lost")
            fact(name in ends, f"message {name} has no end")
            one.take(name, client.get(f"/messages/{name}/result").json())
        for diff, status in one.diffs.items():
            now = client.get(f"/diffs/{diff}").json()
            if status in ORDER:
                fact(ORDER.index(now["status"]) >= ORDER.index(status) if now["status"] in ORDER else
                     status == "evaluator_approved", f"diff {diff} was {status} and is {now['status']}")
        for diff, sha in one.commits.items():
            fact(client.get(f"/diffs/{diff}").json()["committed_sha"] == sha, f"commit {sha} is lost")
            git(one.project["repository_path"], "merge-base", "--is-ancestor", sha, "HEAD")
    agree(daemon, client)
    runs = daemon.rows("SELECT trace_id FROM diffs GROUP BY trace_id HAVING count(*) > 1")
    fact(runs == [], f"a message made two diffs: {runs}")
    for project in world.projects:
        refs = git(project["repository_path"], "for-each-ref", "--format=%(refname)").split()
        kept = {ref.rpartition("/")[2] for ref in refs if ref.startswith("refs/proposals/")}
        pending = {row["id"] for row in daemon.rows(
            "SELECT id FROM diffs WHERE project_id = ? AND status IN ('evaluator_approved', 'human_approved')",
            project["id"])}
        fact(pending <= kept, f"proposals of {pending - kept} are not kept")
        fact(not list(pathlib.Path(project["repository_path"], ".git").glob("*.lock")), "a lock is left")


def test_no_conversation_waits_for_another_one_s_stream(make_daemon):
    count = 40
    together = threading.Barrier(count)

    def step(exchange):
        exchange.begin()
        together.wait(timeout=30)  # all of them are being answered, or nobody is
        for event in events_of([message("Together.")]):
            exchange.event(event)
        exchange.end()

    with Model() as model:
        model.vibecoder = [step] * count
        daemon = make_daemon(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=model.url)
        client = daemon.client()
        project = client.post("/projects", json={"name": "Busy"}).json()
        for number in range(count):
            session = client.post(f"/projects/{project['id']}/sessions",
                                  json={"session_type": "node", "node_id": f"node {number}"}).json()
            client.post(f"/sessions/{session['id']}/messages", json={"prompt": "Hello", "message_id": f"m{number}"},
                        headers={"Prefer": "respond-async"}).raise_for_status()
        results = [client.get(f"/messages/m{number}/result").json() for number in range(count)]
    assert [result["content"] for result in results] == ["Together."] * count and not together.broken
