"""What the agents remember lies in a file of the OpenAI Agents SDK, and goes when its session or project goes."""

import asyncio
import json
import pathlib
import sqlite3
import subprocess

from agents import SQLiteSession

from conftest import approve, commit, make_project, make_session, vibe


def items(session, key=None):
    """The items of a session, read by the SDK's own class."""
    memory = SQLiteSession(key or session["openai_session_key"], session["conversations_db_path"])
    try:
        return asyncio.run(memory.get_items())
    finally:
        memory.close()


def add_items(session, added):
    memory = SQLiteSession(session["openai_session_key"], session["conversations_db_path"])
    try:
        asyncio.run(memory.add_items(added))
    finally:
        memory.close()


def remembered(session):
    """The keys and numbers of items of a memory file, read without the SDK, which would make the tables."""
    path = pathlib.Path(session["conversations_db_path"])
    if not path.exists():
        return {}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return dict(connection.execute("SELECT session_id, count(*) FROM agent_messages GROUP BY session_id"))
    finally:
        connection.close()


def commit_all(client, result):
    approve(client, result["diff_id"])
    return commit(client, result["diff_id"])


def test_the_agents_sdk_reads_our_conversation(client, session):
    vibe(client, session)
    read = items(session)
    assert read[0]["role"] == "user" and "Create a triage agent" in json.dumps(read[0])
    call = next(item for item in read if item.get("type") == "function_call")
    output = next(item for item in read if item.get("type") == "function_call_output")
    assert call["name"] == "submit_patch" and output["call_id"] == call["call_id"]
    assert isinstance(output["output"], (str, list)), "the Responses API takes text or content parts"
    assert read.index(call) < read.index(output)


def test_a_conversation_goes_on_after_the_agents_sdk_added_to_it(client, session):
    commit_all(client, vibe(client, session))
    commit_all(client, vibe(client, session, "Create a weather agent"))
    added = [{"role": "user", "content": "User request: Make the triage agent speak German"},
             {"role": "assistant", "content": "Done."}]
    before = len(items(session))
    add_items(session, added)
    assert items(session)[before:] == added
    result = vibe(client, session, "Make it speak Spanish")
    assert result["error"] is None
    assert "triage" in client.get(f"/diffs/{result['diff_id']}").json()["commit_message"].lower()
    assert items(session)[before:before + 2] == added and len(items(session)) > before + 2


def test_what_was_proposed_and_is_not_yet_committed_can_be_spoken_of(client, session):
    vibe(client, session, "Create a triage agent")
    second = vibe(client, session, "Make it speak Spanish")
    assert second["diff"], second["content"]
    assert "triage_agent" in second["diff"] and second["diff"].count("Agent(") == 1


def test_the_evaluator_has_a_memory_of_its_own_until_the_commit(client, session):
    result = vibe(client, session)
    evaluator = session["openai_session_key"] + "_evaluator"
    assert items(session, evaluator)
    own = items(session)
    commit_all(client, result)
    assert items(session, evaluator) == []
    assert items(session) == own


def test_a_memory_survives_a_restart_and_a_kill(daemon, project, session):
    commit_all(daemon.client(), vibe(daemon.client(), session))
    before = items(session)
    daemon.restart()
    assert items(session) == before
    daemon.kill()
    daemon.start()
    assert items(session) == before
    assert "triage" in vibe(daemon.client(), session, "Make it speak Spanish")["patch"].lower()


def test_deleting_a_session_clears_what_it_said_and_remembered(client, project, session):
    vibe(client, session)
    assert set(remembered(session)) == {session["openai_session_key"], session["openai_session_key"] + "_evaluator"}
    assert client.delete(f"/sessions/{session['id']}").status_code == 204
    assert remembered(session) == {}
    for path in ("", "/messages", "/diffs"):
        assert client.get(f"/sessions/{session['id']}{path}").status_code == 404
    again = make_session(client, project)
    assert again["id"] != session["id"] and client.get(f"/sessions/{again['id']}/messages").json() == []


def test_a_deleted_project_leaves_nothing_and_its_successor_remembers_nothing(daemon, client, project, session):
    result = vibe(client, session)
    assert client.delete(f"/projects/{project['id']}").status_code == 204
    assert list((daemon.media / "projects").iterdir()) == []
    tables = ["projects", "vibecode_sessions", "conversation_messages", "diffs", "test_cases", "test_results",
              "message_runs"]
    assert {table: daemon.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in tables} == dict.fromkeys(
        tables, 0)
    for path in (f"/projects/{project['id']}", f"/sessions/{session['id']}", f"/diffs/{result['diff_id']}",
                 f"/messages/{result['message_id']}/full", f"/messages/{result['message_id']}/result"):
        assert client.get(path).status_code == 404, path
    successor = make_project(client, project["name"])
    assert successor["slug"] == project["slug"]
    fresh = make_session(client, successor)
    assert items(fresh) == [] and client.get(f"/sessions/{fresh['id']}/messages").json() == []
    assert vibe(client, fresh, "Which agents are there?")["content"].startswith("main.py defines no agents")


def test_a_project_may_be_deleted_during_the_work(make_daemon):
    daemon = make_daemon(EMBEDDED_MODEL_DELAY_MS=200)
    client = daemon.client()
    project = make_project(client)
    session = make_session(client, project)
    client.post(f"/sessions/{session['id']}/messages", json={"prompt": "Create a triage agent"},
                headers={"Prefer": "respond-async"})
    assert client.delete(f"/projects/{project['id']}").status_code == 204
    assert list((daemon.media / "projects").iterdir()) == []
    daemon.restart()
    assert daemon.client().get("/projects").json() == []
    assert list((daemon.media / "projects").iterdir()) == []


def test_a_fork_goes_on_from_a_past_point(client, session):
    first = vibe(client, session)
    commit_all(client, first)
    vibe(client, session, "Which agents are there?")
    answer = client.post(f"/sessions/{session['id']}/fork", json={"after_message_id": first["message_id"]})
    fork = answer.json()
    assert answer.status_code == 201 and fork["id"] != session["id"] and fork["forked_from"] == session["id"]
    assert fork["openai_session_key"] != session["openai_session_key"]
    whole = items(session)
    assert items(fork) == whole[: len(items(fork))] and 0 < len(items(fork)) < len(whole)
    kept = [m["content"] for m in client.get(f"/sessions/{fork['id']}/messages").json() if m["role"] == "user"]
    assert kept == ["Create a triage agent"]
    assert "Spanish" in vibe(client, fork, "Make it speak Spanish")["patch"]
    assert items(session) == whole, "the fork has a memory of its own"


def sqlite(path, command):
    done = subprocess.run(["sqlite3", "-readonly", str(path), command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_sqlite_shell_reads_the_database_while_the_daemon_runs(daemon, client, project, session):
    vibe(client, session)
    schema = sqlite(daemon.database, ".schema")
    for table in ("projects", "vibecode_sessions", "conversation_messages", "diffs", "test_cases", "test_results"):
        columns = sqlite(daemon.database, f"SELECT group_concat(name) FROM pragma_table_info('{table}')")
        assert f"CREATE TABLE {table}" in schema.replace('"', "")
        assert {"created_at", "updated_at"} <= set(columns.strip().split(",")), table
    assert project["id"] in sqlite(daemon.database, "SELECT * FROM projects")
    dump = sqlite(daemon.database, ".dump")
    assert dump.rstrip().endswith("COMMIT;") and "Create a triage agent" in dump
    assert sqlite(daemon.database, "PRAGMA integrity_check").strip() == "ok"
    with sqlite3.connect(":memory:") as copy:
        copy.executescript(dump)
        assert copy.execute("SELECT count(*) FROM diffs").fetchone() == (1,)


def test_a_reader_of_the_database_does_not_hold_up_the_daemon(daemon, client, session):
    reader = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM diffs").fetchone() == (0,)
    result = vibe(client, session)
    assert reader.execute("SELECT count(*) FROM diffs").fetchone() == (0,)
    reader.execute("ROLLBACK")
    assert reader.execute("SELECT id FROM diffs").fetchone() == (result["diff_id"],)
    reader.close()
