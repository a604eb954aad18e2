"""Every case of Tests/Corpus/http.json on the wire, and what a table cannot tell: order, timing and ends.

A case's `input` is text whose characters are bytes, or a list of such texts and of [text, count] pairs. Behind it goes
another request: it is answered when the connection stays open and passed over when it `closes`. A list in `answers`
holds the statuses of which any is right; so is either end where `closes` is left out. `head` counts the answers to
HEAD, from 0.
"""

import concurrent.futures
import datetime
import email.utils
import json
import re
import time

import pytest

from conftest import ROOT, Daemon, make_project, make_session
from raw_http import Connection, ask, request

CORPUS = json.loads((ROOT / "Tests/Corpus/http.json").read_text(encoding="ascii"))
NAMED = b'{"name":"a"}'
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
TOO_LARGE = (4 << 20) + 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One daemon for the cases: none of them may bring it down."""
    daemon = Daemon(tmp_path_factory.mktemp("http")).start()
    yield daemon
    daemon.close()


@pytest.fixture
def url(server):
    return server.url


def input_of(case):
    parts = [case["input"]] if isinstance(case["input"], str) else case["input"]
    return b"".join((part if isinstance(part, str) else part[0] * part[1]).encode("latin-1") for part in parts)


def in_one(data):
    return [data]


def in_pieces(data):
    """A byte each, or for a long input its first and last bytes one by one and a few dozen pieces between."""
    if len(data) <= 160:
        return [data[at:at + 1] for at in range(len(data))]
    step = max(1, (len(data) - 64) // 32)
    cuts = [*range(32), *range(32, len(data) - 32, step), *range(len(data) - 32, len(data) + 1)]
    return [data[start:end] for start, end in zip(cuts, cuts[1:])]


def check(answer, method="GET"):
    """What every answer has, whatever it says."""
    if answer.status < 200:
        assert answer.fields == [] or answer.status == 101, answer
        return
    assert answer["date"] and answer["server"] and answer["x-request-id"], answer
    if answer.status == 405:
        assert answer.tokens("allow"), f"405 must say what is allowed (RFC 9110 15.5.6): {answer}"
    if answer.status >= 400:
        assert answer["content-type"] == "application/problem+json", answer
    if answer.status >= 400 and method != "HEAD":
        body = json.loads(answer.body)
        assert body["status"] == answer.status and body["request_id"] == answer["x-request-id"], body
        assert all(isinstance(body[name], str) for name in ("type", "title", "detail", "instance", "code")), body
    if answer.status == 201:
        assert json.loads(answer.body)["name"] == "a", "the body must arrive as it was sent"


def outcome(url, case, cut):
    """Sends a case and then one more request; checks all that comes, and gives the final statuses."""
    expected = [status for status in case["answers"] if status != 100]
    heads, answers = case.get("head", []), []
    with Connection(url, 5) as connection:
        connection.send_pieces(cut(input_of(case)))
        connection.send(request(X_Request_ID="behind-it", Connection="close"))
        while len(answers) < len(expected):
            method = "HEAD" if len(answers) in heads else "GET"
            answer = connection.answer(method)
            check(answer, method)
            if answer.status < 200:
                # It may be left out when the body is there already (RFC 9110 10.1.1), but not made up.
                assert 100 in case["answers"] and answer.status == 100, f"an unasked {answer}"
                continue
            wanted = expected[len(answers)]
            answers.append(answer)
            assert answer.status == wanted or isinstance(wanted, list) and answer.status in wanted, \
                f"answer {len(answers)} has to be {wanted} ({case['section']}): {answer}"
        said = ["close" in answer.tokens("connection") for answer in answers]
        assert not any(said[:-1]), f"an answer that says close has to be the last (RFC 9112 9.6): {answers}"
        closes = case.get("closes", said[-1])
        if closes:
            connection.expect_end()
        else:
            behind = connection.answer()
            assert (behind.status, behind["x-request-id"]) == (200, "behind-it"), f"out of step: {behind}"
        assert said[-1] == closes, "an answer says close if, and only if, the connection closes (RFC 9112 9.6)"
    return [answer.status for answer in answers]


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_the_answers_are_those_of_the_standard_however_the_bytes_are_cut(url, case):
    assert outcome(url, case, in_one) == outcome(url, case, in_pieces)


def test_the_table_has_every_name_once_and_names_its_sections():
    assert len(CORPUS) >= 230 and len({case["name"] for case in CORPUS}) == len(CORPUS)
    known = {"name", "section", "input", "answers", "closes", "head"}
    for case in CORPUS:
        assert set(case) <= known and re.fullmatch(r"RFC \d{4} [\d.]+", case["section"]), case["name"]


def expecting(length, target="/projects", method="POST", **fields):
    return request(method, target, Expect="100-continue", Content_Length=length, **fields)


def test_a_client_that_waits_is_told_to_continue_before_it_sends_the_body(url):
    with Connection(url) as connection:
        assert connection.send(expecting(len(NAMED))).answer().status == 100
        assert connection.is_silent(0.05)
        assert connection.send(NAMED).answer().status == 201
        # The same again, behind a request that is answered first.
        connection.send(request(X_Request_ID="first") + expecting(len(NAMED)))
        assert connection.answer()["x-request-id"] == "first"
        assert [connection.answer().status, connection.send(NAMED).answer().status] == [100, 201]


@pytest.mark.parametrize("status, head", [
    (413, expecting(TOO_LARGE)), (404, expecting(12, "/none")), (405, expecting(12, "/health")),
    (403, expecting(12, host="evil.example")), (200, expecting(12, "/health", "GET")),
], ids=lambda value: str(value) if isinstance(value, int) else "")
def test_a_body_that_nobody_reads_is_not_asked_for(url, status, head):
    with Connection(url) as connection:
        answer = connection.send(head).answer()
        check(answer)
        assert answer.status == status
        # The client may send the body or not, so that only the end of the connection tells what comes next.
        assert "close" in answer.tokens("connection")
        connection.expect_end()


@pytest.mark.parametrize("target", [
    "/health", "/docs", "/redoc", "/projects", "/openapi.json", "/api/v1/openapi.json", "/none", "/projects/none",
    "/projects?limit=1", "/api/v1/events?topic=nonsense"])
def test_head_has_the_fields_of_get_and_no_body(url, target):
    def fields(answer):
        return sorted((name, value) for name, value in answer.fields if name not in ("date", "x-request-id"))

    get, head = ask(url, "GET", target), ask(url, "HEAD", target)
    assert (head.status, fields(head), head.body) == (get.status, fields(get), b"") and get.body


def test_head_of_a_stream_ends_at_once(url):
    stream = "/api/v1/events?topic=project:x"
    with Connection(url) as connection:
        connection.send(request("HEAD", stream) + request())
        assert connection.answer("HEAD")["content-type"].startswith("text/event-stream")
        assert connection.answer().status == 200


def test_a_stream_has_chunks_for_http_1_1_and_ends_with_the_connection_for_http_1_0(url):
    for version, framing in [("1.1", "chunked"), ("1.0", None)]:
        with Connection(url) as connection:
            connection.send(request("GET", "/api/v1/events?topic=project:x", version=version))
            # The head alone: the body has no end.
            answer = connection.answer("HEAD")
            assert (answer.status, answer["transfer-encoding"], answer["content-length"]) == (200, framing, None)
            assert ("close" in answer.tokens("connection")) == (version == "1.0")


def seconds_off(answer):
    date = answer["date"]
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date), date
    then = email.utils.parsedate_to_datetime(date)
    assert email.utils.format_datetime(then, usegmt=True) == date, "the day of the week has to be that of the date"
    return abs((datetime.datetime.now(datetime.timezone.utc) - then).total_seconds())


def test_every_answer_has_a_fresh_date_and_names_the_server(url):
    with Connection(url) as connection:
        for wait in (0, 1.6):
            # What was true before a pause must not be said after it.
            assert connection.is_silent(wait)
            answer = connection.send(request()).answer()
            assert seconds_off(answer) < 2 and re.fullmatch(r"[!-~]+(/[!-~]+)?( .*)?", answer["server"])


@pytest.mark.parametrize("target", [
    "/health", "/projects", "/projects/none", "/docs", "/api/v1/openapi.json", "/sessions/none/messages",
    "/api/v1/projects/none/files/main.py"])
def test_allow_names_exactly_what_is_served(url, target):
    answers = {method: ask(url, method, target, **({} if method == "GET" else {"Content_Length": 0}))
               for method in METHODS}
    served = {method for method, answer in answers.items() if answer.status not in (405, 501)}
    assert {"HEAD", "OPTIONS"} <= served or "GET" not in served
    for method in (set(METHODS) - served) | {"OPTIONS"}:
        assert {name.upper() for name in answers[method].tokens("allow")} == served, method
    assert answers["OPTIONS"].status in (200, 204) and answers["OPTIONS"].body == b""


def test_options_of_the_server_as_a_whole_is_answered(url):
    answer = ask(url, "OPTIONS", "*")
    assert answer.status in (200, 204) and answer.body == b""


def test_an_old_client_that_keeps_its_connection_is_told_that_it_may(url):
    with Connection(url) as connection:
        for _ in range(3):
            answer = connection.send(request(version="1.0", Connection="keep-alive")).answer()
            assert answer.status == 200 and answer.tokens("connection") == ["keep-alive"]
        answer = connection.send(request(version="1.0")).answer()
        assert answer.status == 200 and "keep-alive" not in answer.tokens("connection")
        connection.expect_end()


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("kinds", [
    [("GET", "/health", None)],
    [("PATCH", "/projects/none", NAMED), ("GET", "/health", None), ("PATCH", "/projects/none", b"{}"),
     ("HEAD", "/health", None), ("GET", "/health", b"x" * 300), ("DELETE", "/health", NAMED)],
], ids=["without bodies", "with bodies of all kinds"])
def test_200_pipelined_requests_are_answered_in_order(url, kinds):
    statuses = {("GET", None): 200, ("HEAD", None): 200, ("PATCH", NAMED): 404, ("PATCH", b"{}"): 422,
                ("DELETE", NAMED): 405}
    sent = []
    for number in range(200):
        method, target, body = kinds[number % len(kinds)]
        fields = {"X_Request_ID": f"number-{number}"}
        if body is not None and number % 2:
            fields["Transfer_Encoding"] = "chunked"
        wire = body if body is None or "Transfer_Encoding" not in fields else chunked(body)
        sent.append((method, statuses.get((method, body), 200), request(method, target, wire, **fields)))
    with Connection(url) as connection:
        connection.send(b"".join(data for *_, data in sent))
        for number, (method, status, _) in enumerate(sent):
            answer = connection.answer(method)
            assert (answer["x-request-id"], answer.status) == (f"number-{number}", status)


@pytest.mark.parametrize("begun", [b"G", b"GET /health HTTP/1.1\r\nHost: loc", expecting(12)[:-30],
                                   request("POST", "/projects", NAMED)[:-1]], ids=repr)
def test_an_answer_does_not_wait_for_the_next_request(url, begun):
    with Connection(url) as connection:
        assert connection.send(request() + begun).answer().status == 200


@pytest.mark.parametrize("head, bodies", [
    (request(Transfer_Encoding="chunked"), b"x\r\n"), (request("POST", "/none", Transfer_Encoding="chunked"), b"x\r\n"),
    (request(Transfer_Encoding="chunked"), b"1\r\nab\r\n0\r\n\r\n"),
    (request("POST", "/projects", Transfer_Encoding="chunked"), chunked(NAMED)[:-2] + b"X\r\n\r\n"),
])
def test_a_request_whose_body_turns_out_bad_gets_one_answer(url, head, bodies):
    with Connection(url) as connection:
        assert connection.send(head + bodies).answer().status in (200, 400, 404)
        connection.expect_end()


def test_a_refused_client_that_goes_on_sending_still_gets_the_answer(url):
    with Connection(url) as connection:
        connection.send(b"nonsense\r\n" + b"x" * (512 << 10))
        assert connection.answer().status == 400
        connection.expect_end()


@pytest.mark.parametrize("count", [1, 50])
def test_a_client_that_has_closed_its_half_gets_all_its_answers(url, count):
    with Connection(url) as connection:
        connection.send((request() + request("POST", "/projects", NAMED)) * count).half_close()
        assert [connection.answer().status for _ in range(2 * count)] == [200, 201] * count
        connection.expect_end()


def test_a_client_that_has_closed_its_half_gets_the_answer_to_long_work(server):
    session = make_session(server.client(), make_project(server.client()))
    body = b'{"prompt":"Create a triage agent"}'
    with Connection(server.url, 30) as connection:
        connection.send(request("POST", f"/sessions/{session['id']}/messages", body)).half_close()
        assert json.loads(connection.answer().body)["diff_id"]
        connection.expect_end()


@pytest.mark.parametrize("begun", [
    b"", b"\r\n", b"G", request()[:-1], request("POST", "/projects", NAMED)[:-1], expecting(12),
    request("POST", "/projects", chunked(NAMED)[:-2], Transfer_Encoding="chunked"),
], ids=repr)
def test_a_request_that_ends_early_is_not_served(server, begun):
    before = len(server.client().get("/projects").json())
    with Connection(server.url) as connection:
        data = connection.send(begun).half_close().rest()
    # An answer that says so, or none (RFC 9112 section 8).
    assert data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")[:12] in (b"", b"HTTP/1.1 400")
    assert len(server.client().get("/projects").json()) == before


def drip(connection, data, pause):
    """Sends a byte at a time until all is out or something comes."""
    for at in range(len(data)):
        connection.send(data[at:at + 1])
        if not connection.is_silent(pause):
            return


HALF = request("POST", "/projects", NAMED)[:-5]
# What is sent at once, what then drips in, the pause between its bytes, and the statuses before the end.
TIMED = {
    "nothing at all": (b"", b"", 0, []),
    "an empty line": (b"\r\n", b"", 0, [[], [408]]),
    "a part of the request line": (b"GET /hea", b"", 0, [408]),
    "a part of the fields": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"", 0, [408]),
    "a head that drips in without end": (b"", b"GET /health?a", 0.35, [408]),
    "an answered request": (request(), b"", 0, [200]),
    "an answered request and a part of another": (request() + b"GET", b"", 0, [200, 408]),
    "a part of a body": (HALF, b"", 0, [408]),
    "a part of a chunk": (request("POST", "/projects", b"c\r\n{", Transfer_Encoding="chunked"), b"", 0, [408]),
    "a part of the trailers": (request("POST", "/projects", chunked(NAMED)[:-2], Transfer_Encoding="chunked"), b"", 0,
                               [408]),
    "no body after it was asked for": (expecting(12), b"", 0, [100, 408]),
    "a body that drips in to its end": (HALF, NAMED[-5:], 0.4, [201]),
    "a part of a body that nobody reads": (request(body=b"x" * 10)[:-5], b"", 0, [200]),
}


def timed(url, data, dripping, pause):
    """The statuses up to the end of the connection, and the seconds until then."""
    with Connection(url, 6) as connection:
        start, statuses = time.monotonic(), []
        connection.send(data)
        drip(connection, dripping, pause)
        while connection.has_more():
            statuses.append(connection.answer())
        return statuses, time.monotonic() - start


@pytest.fixture(scope="module", autouse=True)
def waits(tmp_path_factory):
    """All the waits at once, beside the other tests, so that nobody has to wait for them."""
    names = ("HTTP_HEADER_TIMEOUT", "HTTP_BODY_TIMEOUT", "HTTP_IDLE_TIMEOUT")
    daemon = Daemon(tmp_path_factory.mktemp("waits"), **{name: "1" for name in names}).start()
    with concurrent.futures.ThreadPoolExecutor(len(TIMED)) as pool:
        yield {name: pool.submit(timed, daemon.url, *row[:3]) for name, row in TIMED.items()}
    daemon.close()


@pytest.mark.parametrize("name", TIMED)
def test_a_client_that_says_no_more_is_not_waited_for(waits, name):
    answers, seconds = waits[name].result(timeout=20)
    expected = TIMED[name][3]
    statuses = [answer.status for answer in answers]
    assert statuses == expected or statuses in expected, "408 for a begun request, else only the end (RFC 9110 15.5.9)"
    assert 0.7 <= seconds <= 5, f"closed after {seconds:.1f} s, the time-out is 1 s"
    assert all("close" in answer.tokens("connection") for answer in answers if answer.status == 408)


def test_the_daemon_outlived_all_of_it(server):
    assert server.running and ask(server.url).status == 200
    assert not [line for line in server.stderr.splitlines() if '"error"' in line or '"critical"' in line]
