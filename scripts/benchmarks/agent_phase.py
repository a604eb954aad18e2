"""From a word that leaves the model to the browser's frame that has it, with many conversations at once."""
import http.client
import json
import select
import subprocess

from benchmarks import load, servers
from benchmarks.turns import median

CONVERSATIONS, PROJECTS = 100, 20
RATES = (10, 20, 40)  # words a second of each conversation
OPENING = 60  # seconds until all are followed


def line_of(process, seconds):
    is_readable = select.select([process.stdout], [], [], seconds)[0]
    line = process.stdout.readline().decode() if is_readable else ""
    if not line:
        process.kill()
        raise servers.Failure(f"the readers said nothing: {process.stderr.read().decode().strip()}")
    return line


def sessions(port):
    """A session about a node each, spread over projects, so that all are of their own."""
    projects = [json.loads(servers.ask(port, "/projects", json.dumps({"name": f"Project {number}"})))["id"]
                for number in range(PROJECTS)]
    for number in range(CONVERSATIONS):
        body = json.dumps({"session_type": "node", "node_id": f"node {number}"})
        yield json.loads(servers.ask(port, f"/projects/{projects[number % PROJECTS]}/sessions", body))["id"]


def run(options, folder, rate):
    """The figures of one daemon, whose conversations all stream at a rate."""
    words = [load.program(), "agent", f"--connections={CONVERSATIONS}", "--path=/ws", f"--events={rate}",
             f"--seconds={options.seconds}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as readers:
        try:
            model = line_of(readers, 10).split()[1]
            settings = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://127.0.0.1:{model}/v1", "EVENT_LOOPS": "0"}
            with servers.daemon(options.binary, folder, **settings) as server:
                found = list(sessions(server.port))
                topics = "".join(f"session:{session}\n" for session in found)
                readers.stdin.write(f"{server.port} {server.pid}\n{topics}".encode())
                readers.stdin.flush()
                line_of(readers, OPENING)
                for session in found:
                    ask(server.port, session)
                figures = json.loads(line_of(readers, options.seconds + OPENING))
        finally:
            readers.kill()
    return {**figures, "server cpu %": figures["server_cpu"] / figures["seconds"] * 100,
            "load cpu %": figures["load_cpu"] / figures["seconds"] * 100}


def ask(port, session):
    """Sends a message and does not wait for what becomes of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=servers.DEADLINE)
    connection.request("POST", f"/sessions/{session}/messages", json.dumps({"prompt": "Tell me"}),
                       {"Prefer": "respond-async"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 202:
        raise servers.Failure(f"a message was answered {answer.status}")


def bench(options, folder):
    load.raise_descriptor_limit(4 * CONVERSATIONS + 100)
    rows = []
    for rate in RATES:
        runs = [run(options, folder(f"agent-{rate}-{number}"), rate) for number in range(options.rounds)]
        rows.append({
            "conversations": CONVERSATIONS, "words/s each": rate, "words/s": median(runs, "rate"),
            "p50 ms": round(median(runs, "p50", 1) / 1000, 2), "p99 ms": round(median(runs, "p99", 1) / 1000, 2),
            "server cpu %": median(runs, "server cpu %"), "load cpu %": median(runs, "load cpu %"), "rounds": runs})
    return rows
