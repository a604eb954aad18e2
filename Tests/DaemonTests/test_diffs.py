"""Diffs and who reviews them: the next round, better messages, parts, patches from outside, races and ends."""

import json
import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import approve, commit, git, make_project, make_session, vibe
from model_double import GOOD, Model, answer, message, refuse, submit, words
from proposals import NUMBERS, edited, patch, propose, text, write


@pytest.fixture
def numbers(project):
    """A project with a file of sixty lines."""
    write(project, "numbers.py", text(NUMBERS))
    return project


# The next round.

@pytest.mark.parametrize("path, body", [
    ("review", {"approved": False, "feedback": "Make it speak Spanish"}),
    ("reject", {"feedback": "Make it speak Spanish"}),
])
def test_a_rejection_with_feedback_starts_the_next_round(daemon, client, project, session, path, body):
    first = vibe(client, session, "Create a triage agent")["diff_id"]
    rejected = client.post(f"/diffs/{first}/{path}", json=body)
    assert rejected.status_code == 200
    diff = rejected.json()
    assert (diff["status"], diff["human_feedback"]) == ("human_rejected", "Make it speak Spanish")
    assert rejected.headers["location"] == f"/messages/{diff['message_id']}/result"
    result = client.get(rejected.headers["location"]).json()
    second = client.get(f"/diffs/{result['diff_id']}").json()
    assert (second["parent_diff_id"], second["status"]) == (first, "evaluator_approved")
    assert second["vibecoder_prompt"] == "Make it speak Spanish"
    added = [line for line in second["diff_content"].splitlines() if line.startswith("+")]
    assert sum("= Agent(" in line for line in added) == 1 and any("Spanish" in line for line in added)
    users = [one for one in client.get(f"/sessions/{session['id']}/messages").json() if one["role"] == "user"]
    assert [one["content"] for one in users] == ["Create a triage agent", "Make it speak Spanish"]
    assert users[1]["id"] == diff["message_id"]


def test_the_next_round_sees_the_rejected_patch_and_the_feedback(make_daemon):
    with Model() as model:
        daemon = make_daemon(OPENAI_BASE_URL=model.url, OPENAI_API_KEY="sk-test")
        client = daemon.client()
        session = make_session(client, make_project(client))
        model.vibecoder += [submit(GOOD), submit(GOOD.replace("x = 1", "x = 2"))]
        first = vibe(client, session, "Write the notes")
        rejected = client.post(f"/diffs/{first['diff_id']}/reject", json={"feedback": "x must be 2"}).json()
        result = client.get(f"/messages/{rejected['message_id']}/result").json()
        assert "+x = 2" in result["patch"]
        asked = model.asked()[1]["input"][-1]["content"]
        for part in ("Write the notes", "+x = 1", "User request: x must be 2"):
            assert part in asked
        assert "Write the notes" in model.asked("evaluator")[1]["input"][-1]["content"]
        assert model.faults == []


@pytest.mark.parametrize("body", [{}, {"feedback": ""}, {"feedback": None}])
def test_a_rejection_without_feedback_starts_nothing(client, session, body):
    diff = vibe(client, session)["diff_id"]
    rejected = client.post(f"/diffs/{diff}/reject", json=body)
    assert (rejected.status_code, rejected.json()["message_id"]) == (200, None)
    assert "location" not in rejected.headers
    assert sum(one["role"] == "user" for one in client.get(f"/sessions/{session['id']}/messages").json()) == 1


def test_of_many_rejections_one_counts_and_starts_one_round(client, session):
    diff = vibe(client, session)["diff_id"]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(
            lambda index: client.post(f"/diffs/{diff}/reject", json={"feedback": f"Create a no{index} agent"}),
            range(10)))
    assert sorted(one.status_code for one in answers) == [200] + [400] * 9
    won = next(one for one in answers if one.status_code == 200)
    client.get(won.headers["location"])
    assert sum(one["role"] == "user" for one in client.get(f"/sessions/{session['id']}/messages").json()) == 2


def test_the_next_round_survives_a_kill(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=100)
    client = daemon.client()
    session = make_session(client, make_project(client))
    diff = vibe(client, session)["diff_id"]
    rejected = client.post(f"/diffs/{diff}/reject", json={"feedback": "Make it speak Spanish"}).json()
    daemon.kill()
    daemon.start(EMBEDDED_MODEL_DELAY_MS="0")
    result = daemon.client().get(f"/messages/{rejected['message_id']}/result").json()
    assert daemon.client().get(f"/diffs/{result['diff_id']}").json()["parent_diff_id"] == diff


# Commit messages.

def test_the_evaluator_refines_a_commit_message_and_the_commit_takes_it(client, project, session):
    diff = client.get(f"/diffs/{vibe(client, session)['diff_id']}").json()
    before = len(client.get(f"/sessions/{session['id']}/messages").json())
    refined = client.post(f"/diffs/{diff['id']}/refine-message", json={"prompt": "Say that it is for the desk"}).json()
    assert set(refined) == {"diff_id", "original_message", "refined_message", "suggestion"}
    assert (refined["diff_id"], refined["original_message"]) == (diff["id"], diff["commit_message"])
    assert "Say that it is for the desk" in refined["refined_message"] and refined["suggestion"]
    assert client.get(f"/diffs/{diff['id']}").json()["commit_message"] == diff["commit_message"]
    used = client.get(f"/sessions/{session['id']}/messages").json()[before:]
    assert [(one["agent"], one["stream_event_type"]) for one in used] == [("evaluator", "raw_response_event")]
    assert used[0]["token_usage"]["total_tokens"] > 0
    approve(client, diff["id"])
    commit(client, diff["id"], commit_message=refined["refined_message"])
    assert git(project["repository_path"], "log", "-1", "--format=%B").strip() == refined["refined_message"].strip()


def test_a_refinement_that_fails_says_so_and_changes_nothing(make_daemon):
    with Model() as model:
        daemon = make_daemon(OPENAI_BASE_URL=model.url, OPENAI_API_KEY="sk-test")
        client = daemon.client()
        session = make_session(client, make_project(client))
        model.vibecoder += [submit(GOOD)]
        diff = vibe(client, session)["diff_id"]
        model.evaluator += [words("no JSON"), refuse(400, "bad request"), answer(message(json.dumps(
            {"commit_message": "Add the notes", "reasoning": "It was vague."})))]
        for _ in range(2):
            refused = client.post(f"/diffs/{diff}/refine-message")
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        refined = client.post(f"/diffs/{diff}/refine-message", json={"current_message": "notes"}).json()
        assert (refined["original_message"], refined["refined_message"]) == ("notes", "Add the notes")
        assert refined["suggestion"] == "It was vague." and model.faults == []


# Parts.

def three_places(client, project):
    lines = edited(NUMBERS, n5="five = 'new'", n30="thirty = 'new'", n55="last = 'new'")
    change = patch("numbers.py", text(NUMBERS), text(lines)) + patch("extra.py", None, "z = 1\n")
    return propose(client, project, change)


def test_hunks_have_numbers_and_some_can_be_taken(client, numbers):
    diff = three_places(client, numbers)
    files = {one["path"]: one for one in client.get(f"/diffs/{diff['id']}/preview").json()["files"]}
    hunks = {path: [hunk["number"] for hunk in one["hunks"]] for path, one in files.items()}
    headers = [line for line in diff["diff_content"].splitlines() if line.startswith("@@")]
    assert hunks == {"extra.py": [1], "numbers.py": [2, 3, 4]}
    assert [hunk["header"] for one in files.values() for hunk in one["hunks"]] == headers
    taken = client.post(f"/diffs/{diff['id']}/review", json={"approved": True, "hunks": [3], "files": ["extra.py"]})
    assert taken.status_code == 200, taken.text
    part, rest = taken.json(), client.get(f"/diffs/{taken.json()['rest_diff_id']}").json()
    assert (part["id"], part["status"]) == (diff["id"], "human_approved")
    assert (rest["status"], rest["parent_diff_id"]) == ("evaluator_approved", diff["id"])
    assert part["diff_content"].count("\n@@") == 2 and rest["diff_content"].count("\n@@") == 2
    sha = commit(client, diff["id"])["committed_sha"]
    repository = numbers["repository_path"]
    assert git(repository, "show", f"{sha}:numbers.py") == text(edited(NUMBERS, n30="thirty = 'new'"))
    rest = client.get(f"/diffs/{rest['id']}").json()
    assert rest["merge_status"] == "clean"
    rebased = client.post(f"/diffs/{rest['id']}/rebase").json()
    client.post(f"/diffs/{rebased['id']}/accept").raise_for_status()
    assert git(repository, "rev-parse", "HEAD^{tree}").strip() == diff["proposal_tree"]


def test_all_parts_are_the_whole_and_bad_ones_are_refused(client, numbers):
    diff = three_places(client, numbers)
    url = f"/diffs/{diff['id']}/review"
    for body, field in [
        ({"hunks": [9]}, "hunks"), ({"hunks": [0]}, "hunks"), ({"files": ["no.py"]}, "files"), ({"hunks": []}, "body"),
        ({"hunks": "1"}, "hunks"), ({"files": [], "hunks": []}, "body"),
    ]:
        refused = client.post(url, json={"approved": True, **body})
        assert refused.status_code == 422 and field in str(refused.json()["errors"][0]["loc"]), refused.text
    assert client.post(url, json={"approved": False, "hunks": [1]}).status_code == 422
    whole = client.post(url, json={"approved": True, "files": ["extra.py"], "hunks": [2, 3, 4]}).json()
    assert (whole["status"], whole["rest_diff_id"], whole["proposal_tree"]) == (
        "human_approved", None, diff["proposal_tree"])
    assert client.post(url, json={"approved": True, "hunks": [1]}).status_code == 400


def test_a_part_must_compile_and_a_renamed_file_goes_whole(client, numbers):
    quoted = NUMBERS[:20] + ['"""'] + NUMBERS[20:50] + ['"""'] + NUMBERS[50:]
    diff = propose(client, numbers, patch("numbers.py", text(NUMBERS), text(quoted)))
    refused = client.post(f"/diffs/{diff['id']}/review", json={"approved": True, "hunks": [1]})
    assert refused.status_code == 422 and "does not compile" in refused.json()["errors"][0]["msg"], refused.text
    assert client.get(f"/diffs/{diff['id']}").json()["status"] == "evaluator_approved"
    moved = text(edited(NUMBERS, n5="five = 'new'", n55="last = 'new'"))
    header = "diff --git a/numbers.py b/digits.py\nrename from numbers.py\nrename to digits.py\n"
    change = patch("numbers.py", text(NUMBERS), moved).replace("+++ b/numbers.py", "+++ b/digits.py")
    renamed = propose(client, numbers, header + change)
    url = f"/diffs/{renamed['id']}/review"
    refused = client.post(url, json={"approved": True, "hunks": [1]})
    assert refused.status_code == 422 and "renamed" in refused.json()["errors"][0]["msg"]
    whole = client.post(url, json={"approved": True, "hunks": [1, 2]}).json()
    assert whole["proposal_tree"] == renamed["proposal_tree"]


# Patches from outside.

def test_a_patch_that_does_not_fit_is_refused_with_the_hunk_named(client, numbers):
    good = patch("numbers.py", text(NUMBERS), text(edited(NUMBERS, n5="five = 'new'", n50="fifty = 'new'")))
    for change, words_ in [
        (good.replace("-number_50 = 50", "-number_50 = 5000"), "hunk 2 of numbers.py"), ("nonsense", "unified diff"),
        (patch("../x.py", None, "x = 1\n"), "'..'"), (patch("bad.py", None, "def f(:\n"), "bad.py"),
        (patch("numbers.py", text(NUMBERS), text(NUMBERS)) or "--- a/numbers.py\n+++ b/numbers.py\n", "no hunks"),
    ]:
        refused = client.post(f"/projects/{numbers['id']}/diffs", json={"patch": change})
        assert refused.status_code == 422 and words_ in refused.json()["errors"][0]["msg"], refused.text
    assert git(numbers["repository_path"], "for-each-ref", "refs/proposals") == ""


# Races and ends.

def test_accepting_and_rejecting_at_once_has_one_winner(client, project):
    for number in range(8):
        diff = propose(client, project, patch(f"f{number}.py", None, "x = 1\n"))
        before = git(project["repository_path"], "rev-list", "--count", "HEAD").strip()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(
                lambda index: client.post(f"/diffs/{diff['id']}/{('accept', 'reject')[index % 2]}", json={}), range(8)))
        won = [index % 2 for index, one in enumerate(answers) if one.status_code == 200]
        status = client.get(f"/diffs/{diff['id']}").json()["status"]
        assert len(won) == 1 and status == ("committed", "human_rejected")[won[0]]
        added = int(git(project["repository_path"], "rev-list", "--count", "HEAD")) - int(before)
        assert added == (status == "committed")


def test_accepting_is_not_refused_because_somebody_approves_meanwhile(daemon, client, project):
    """Writes that change nothing hold the project's lock, so that the verdict comes while the commit waits."""
    address = f"/projects/{project['id']}/files/same.py"
    client.put(address, json={"content": "x = 1\n"}).raise_for_status()
    done = threading.Event()

    def write_the_same(_):
        with daemon.client() as mine:
            while not done.is_set():
                mine.put(address, json={"content": "x = 1\n"}, headers={"If-Match": "*"}).raise_for_status()

    def approve_it(diff):
        return client.post(f"/diffs/{diff['id']}/review", json={"approved": True}).status_code

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write_the_same, number) for number in range(4)]
        try:
            verdicts = []
            for number in range(15):
                diff = propose(client, project, patch(f"f{number}.py", None, "x = 1\n"))
                verdict = pool.submit(approve_it, diff)
                accepted = client.post(f"/diffs/{diff['id']}/accept", json={})
                assert accepted.status_code == 200, accepted.text
                verdicts.append(verdict.result())
        finally:
            done.set()
        assert set(verdicts) <= {200, 400, 409} and [one.result() for one in writers] == [None] * 4


def test_a_commit_takes_back_nothing_that_others_change_meanwhile(daemon, client, numbers):
    """Names given and verdicts of tests written while the commit is made; each is what was last acknowledged."""
    address = f"/projects/{numbers['id']}"
    test = client.post(f"{address}/tests", json={"name": "passes", "command": "true"}).json()["id"]
    lines, verdicts = NUMBERS, 0
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            changed = edited(lines, **{f"n{number}": f"changed_{number} = 1"})
            diff = f"/diffs/{propose(client, numbers, patch('numbers.py', text(lines), text(changed)))['id']}"
            lines = changed
            accepted = pool.submit(client.post, f"{diff}/accept", json={})
            tested = pool.submit(client.post, f"{diff}/test", json={"test_ids": [test]})
            for letter in "abcdefgh":
                name = f"Name {number}{letter}"
                assert client.patch(address, json={"name": name}).json()["name"] == name
            assert accepted.result().status_code == 200, accepted.result().text
            assert client.get(address).json()["name"] == name
            if tested.result().status_code == 200:
                assert client.get(diff).json()["test_results"], diff
                verdicts += 1
    assert verdicts > 0, "no test came in time"
    assert daemon.rows("SELECT name FROM projects") == [{"name": name}]


def test_a_deleted_session_lets_go_of_its_proposals(client, project, session):
    kept = propose(client, project, patch("k.py", None, "x = 1\n"))
    node = client.post(f"/projects/{project['id']}/sessions", json={"node_id": "n"}).json()
    gone = propose(client, project, patch("g.py", None, "x = 1\n"), session_id=node["id"])
    assert (kept["session_id"], gone["session_id"]) == (session["id"], node["id"])
    assert client.delete(f"/sessions/{node['id']}").status_code == 204
    refs = git(project["repository_path"], "for-each-ref", "--format=%(refname)", "refs/proposals").split()
    assert refs == [f"refs/proposals/{kept['id']}"]
    after = client.get(f"/diffs/{gone['id']}").json()
    assert (after["status"], after["session_id"]) == ("human_rejected", None)
    client.post(f"/diffs/{kept['id']}/accept").raise_for_status()
    assert git(project["repository_path"], "for-each-ref", "refs/proposals") == ""


def test_a_commit_that_cannot_be_written_leaves_the_diff_as_it_was(daemon, client, project):
    diff = propose(client, project, patch("w.py", None, "x = 1\n"))
    repository = project["repository_path"]
    before = git(repository, "rev-parse", "HEAD")
    git(repository, "repack", "-adq")
    git(repository, "prune-packed", "-q")
    # Whatever the commit will be called: a file is in the way of its folder.
    objects = pathlib.Path(repository, ".git/objects")
    obstacles = [objects / f"{number:02x}" for number in range(256)]
    for obstacle in obstacles:
        obstacle.touch(exist_ok=False)
    answer = client.post(f"/diffs/{diff['id']}/accept", json={})
    for obstacle in obstacles:
        obstacle.unlink()
    assert answer.status_code == 500
    after = client.get(f"/diffs/{diff['id']}").json()
    assert (after["status"], after["committed_sha"]) == ("evaluator_approved", None)
    assert daemon.rows("SELECT committing_sha FROM diffs") == [{"committing_sha": None}]
    assert git(repository, "rev-parse", "HEAD") == before
    client.post(f"/diffs/{diff['id']}/accept", json={}).raise_for_status()


def test_the_references_of_proposals_are_what_the_rows_say_after_a_start(daemon, project):
    client = daemon.client()
    kept, lost = (propose(client, project, patch(name, None, "x = 1\n")) for name in ("k.py", "l.py"))
    daemon.stop()
    repository = project["repository_path"]
    git(repository, "update-ref", "refs/proposals/unknown", kept["proposal_tree"])
    git(repository, "update-ref", f"refs/proposals/{kept['id']}", lost["proposal_tree"])
    git(repository, "update-ref", "-d", f"refs/proposals/{lost['id']}")
    daemon.start()
    refs = git(repository, "for-each-ref", "--format=%(refname) %(objectname)", "refs/proposals").splitlines()
    assert refs == sorted(f"refs/proposals/{diff['id']} {diff['proposal_tree']}" for diff in (kept, lost))
