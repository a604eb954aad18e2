"""What a client may ask to have of an answer: nothing when it has it already, a part, or a compressed form.

RFC 9110: content codings (8.4, 12.5.3), validators and conditions (8.8, 13), ranges (14).
"""

import json
import random
import re

import pytest

from conftest import Daemon, git, make_project
from raw_http import Connection, ask, request

THRESHOLD = 1024
RANDOM = random.Random(7)
# Fields that tell about one answer and not about what it shows.
PASSING = ("date", "x-request-id", "connection")
# What a 206 and a 304 have as a 200 to the same request would (RFC 9110 15.3.7, 15.4.5).
SHARED = ("etag", "cache-control", "content-location", "expires", "vary")


def code(size):
    """Python of so many bytes, with letters of several bytes; a part of it is hard to compress."""
    lines = []
    while sum(map(len, lines)) < size:
        lines.append(f"# é {RANDOM.getrandbits(200):x} the triage agent hands over to the next agent\n".encode())
    # The cut may fall within a letter: what is left of it goes, and ASCII fills up.
    return b"".join(lines)[:max(0, size - 80)].decode(errors="ignore").encode().ljust(size, b"#")


SIZES = {"agents.py": 5000, "at.py": THRESHOLD, "over.py": THRESHOLD + 1, "large.py": 300_000, "empty.py": 0}
FILES = {**{name: code(size) for name, size in SIZES.items()}, "image.bin": bytes(range(256)) * 20}
AGENTS = FILES["agents.py"]
SIZE, LAST = len(AGENTS), len(AGENTS) - 1


class Site:
    """A daemon with a project of known files."""
    def __init__(self, folder):
        self.daemon = Daemon(folder).start()
        self.url = self.daemon.url
        project = make_project(self.daemon.client())
        for name, content in FILES.items():
            (self.daemon.repository(project) / name).write_bytes(content)
        git(project["repository_path"], "add", ".")
        git(project["repository_path"], "commit", "-qm", "Add files")
        self.folder = f"/projects/{project['id']}/files"

    def target(self, name):
        """A path, or a file of the project as JSON, or behind `raw:` its bytes."""
        if name.startswith("/"):
            return name
        return f"{self.folder}/{name.removeprefix('raw:')}" + ("?raw=1" if name.startswith("raw:") else "")

    def get(self, name, **fields):
        return ask(self.url, "GET", self.target(name), **fields)

    def head(self, name, **fields):
        return ask(self.url, "HEAD", self.target(name), **fields)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("content"))
    yield site
    site.daemon.close()


# Answers of text over the threshold; all but the last have a validator.
TAGGED = ["/docs", "/api/v1/openapi.json", "/openapi.json", "agents.py", "raw:agents.py", "raw:large.py"]
LONG = [*TAGGED, "/none/" + "a" * 2000]
RANGED = ["/docs", "/api/v1/openapi.json", "raw:agents.py", "raw:image.bin", "raw:large.py"]


def lasting(answer):
    """The fields that have to be the same whenever the same is asked for."""
    return sorted((name, value) for name, value in answer.fields if name not in PASSING)


def steady(body):
    """A body without what is another at each answer."""
    return re.sub(rb'"request_id":"[^"]*"', b"", body)


@pytest.mark.parametrize("name", [*LONG, "raw:over.py"], ids=lambda name: name[:24])
def test_a_long_text_is_compressed_and_is_the_same_text(site, name):
    whole, packed = site.get(name), site.get(name, Accept_Encoding="gzip")
    assert whole["content-encoding"] is None and len(whole.body) > THRESHOLD
    assert (packed.status, packed["content-type"]) == (whole.status, whole["content-type"])
    assert packed["content-encoding"] == "gzip" and len(packed.body) < len(whole.body)
    assert steady(packed.decoded()) == steady(whole.body)
    for answer in (whole, packed):
        # Also the one that is not compressed: a cache must not give it to everybody (RFC 9110 12.5.5).
        assert "accept-encoding" in answer.tokens("vary"), answer


@pytest.mark.parametrize("name", ["/none", "raw:at.py", "raw:empty.py", "raw:image.bin"])
def test_what_is_short_or_no_text_is_not_compressed(site, name):
    whole, asked = site.get(name), site.get(name, Accept_Encoding="gzip")
    assert asked["content-encoding"] is None and asked.framing == "length"
    assert steady(asked.body) == steady(whole.body) and asked["etag"] == whole["etag"]


TAKEN = [
    "gzip", "GZIP", "x-gzip", "gzip;q=1", "gzip;q=1.000", "gzip;q=0.001", "gzip; q=0.5", "gzip ;\tq=0.5", "gzip;Q=0.5",
    "gzip;q=1.", "*", "*;q=0.5", "deflate, gzip, br, zstd", "deflate,gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1",
    "identity;q=0.5, gzip;q=1.0", "identity;q=0, gzip", "identity;q=0, *", "gzip, identity;q=0.5, *;q=0", ", gzip ,",
    "*;q=0, gzip", "br;q=0, gzip", "identity, gzip"]
NOT_TAKEN = [
    None, "", "identity", "gzip;q=0", "gzip;q=0.000", "gzip;q=0.", "gzip; q=0", "GZIP;Q=0", "gzip;q=0, *",
    "*, gzip;q=0", "gzip;q=0, identity", "gzip;q=0.5, identity;q=1", "gzip;q=0.5, identity", "*;q=0, identity",
    "deflate", "br, zstd", "compress", "gzipped", "xgzip", "gzip2", '"gzip"', "identity;q=1, *;q=0",
    "*;q=0.5, identity;q=0.9", "x-gzip;q=0"]
# Compressed or not, neither is wrong.
NONSENSE = [
    "gzip;q=2", "gzip;q=-1", "gzip;q=x", "gzip;q=", "gzip;", "gzip;q=0.0001", ";;;", "gzip;q=1;q=0", "*;q=0", "\xff",
    "identity;q=0", "gzip q=1", "g zip", ",,,", 'gzip;x="a,b"', "gzip," * 5000, "a," * 10_000]


@pytest.mark.parametrize("coding, accepted", [("gzip", one) for one in TAKEN] + [(None, one) for one in NOT_TAKEN])
def test_the_coding_is_one_that_the_client_takes(site, coding, accepted):
    for name in ("/docs", "raw:agents.py"):
        answer = site.get(name, Accept_Encoding=accepted)
        assert (answer.status, answer["content-encoding"]) == (200, coding)


@pytest.mark.parametrize("accepted", NONSENSE, ids=lambda value: value[:16])
def test_nonsense_about_codings_does_no_harm(site, accepted):
    answer = site.get("raw:agents.py", Accept_Encoding=accepted)
    # 406 where even no coding is refused (RFC 9110 12.5.3).
    assert answer.status == 406 or (answer.status, answer.decoded()) == (200, AGENTS)


@pytest.mark.parametrize("name", LONG, ids=lambda name: name[:24])
@pytest.mark.parametrize("accepted", [None, "gzip"])
def test_head_agrees_with_get_in_every_coding(site, name, accepted):
    # An error names its request, and another name may be compressed to another length.
    asked = {"Accept_Encoding": accepted, "X_Request_ID": "the-same"}
    get, head = site.get(name, **asked), site.head(name, **asked)
    assert (head.status, lasting(head), head.body) == (get.status, lasting(get), b"") and get.body


def test_an_old_client_gets_compressed_text_without_chunks(site):
    with Connection(site.url) as connection:
        asked = request(target=site.target("raw:large.py"), version="1.0", Accept_Encoding="gzip")
        answer = connection.send(asked).answer()
        assert answer["transfer-encoding"] is None and answer.decoded() == FILES["large.py"]
        connection.expect_end()


def test_compressed_answers_stay_in_step_on_one_connection(site):
    names = ["raw:large.py", "/docs", "/health", "raw:agents.py"] * 5
    asked = [(name, coding, method) for name in names for coding in ("gzip", None) for method in ("GET", "HEAD")]
    with Connection(site.url) as connection:
        connection.send(b"".join(request(method, site.target(name), Accept_Encoding=coding, X_Request_ID=f"r-{number}")
                                 for number, (name, coding, method) in enumerate(asked)))
        for number, (name, _, method) in enumerate(asked):
            answer = connection.answer(method)
            assert (answer.status, answer["x-request-id"]) == (200, f"r-{number}")
            if method == "GET" and name.startswith("raw:"):
                assert answer.decoded() == FILES[name.removeprefix("raw:")]


@pytest.mark.parametrize("name", TAGGED)
def test_a_tag_is_well_formed_and_stays_while_the_content_does(site, name):
    whole, packed = site.get(name), site.get(name, Accept_Encoding="gzip")
    for answer in (whole, packed):
        assert re.fullmatch(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"', answer["etag"]), answer
    assert site.get(name)["etag"] == whole["etag"]
    # Other bytes cannot have the same strong tag (RFC 9110 8.8.3.3).
    assert packed["etag"] != whole["etag"] or whole["etag"].startswith("W/")


# {tag} is the tag without W/, {bare} what is between its quotes.
HAS_IT = ["{tag}", "W/{tag}", "*", '"other", {tag}', '"other",{tag},"more"', '"a,b", W/{tag}', ', {tag} ,', '"", {tag}',
          '"x"\t,\t{tag}', '"W/", {tag}', 'W/"other", W/{tag}']
HAS_IT_NOT = ['"other"', '""', "{bare}", '"{bare}x"', '"x{bare}"', '"*"', 'W/"other"', '"a", "b", W/"c"', '"{short}"',
              "'{bare}'", '"x, {bare}"', "W/{bare}"]


def filled(pattern, tag):
    tag = tag.removeprefix("W/")
    return pattern.format(tag=tag, bare=tag[1:-1], short=tag[1:-2])


@pytest.mark.parametrize("accepted", [None, "gzip"])
@pytest.mark.parametrize("name", TAGGED)
def test_what_the_client_has_is_not_sent_again(site, name, accepted):
    whole = site.get(name, Accept_Encoding=accepted)
    for pattern in HAS_IT:
        for ask_for in (site.get, site.head):
            answer = ask_for(name, Accept_Encoding=accepted, If_None_Match=filled(pattern, whole["etag"]))
            assert (answer.status, answer.body) == (304, b""), pattern
            # Of a body that is not there nothing may be said that is not so (RFC 9110 8.6).
            assert answer["content-length"] in (None, whole["content-length"])


@pytest.mark.parametrize("accepted", [None, "gzip"])
@pytest.mark.parametrize("more", [{"If_None_Match": "*"}, {"Range": "bytes=0-4"}], ids=["304", "206"])
@pytest.mark.parametrize("name", ["/docs", "raw:agents.py", "raw:image.bin"])
def test_an_answer_without_the_whole_has_the_fields_that_caches_need(site, name, more, accepted):
    answer = site.get(name, Accept_Encoding=accepted, **more)
    # A part may be of the form that is not compressed: its coding tells.
    accepted = accepted if answer.status == 304 or answer["content-encoding"] else None
    whole = site.get(name, Accept_Encoding=accepted)
    assert answer.status in (206, 304)
    assert {field: answer[field] for field in SHARED} == {field: whole[field] for field in SHARED}


@pytest.mark.parametrize("pattern", HAS_IT_NOT)
@pytest.mark.parametrize("name", ["/docs", "raw:agents.py", "agents.py"])
def test_what_the_client_does_not_have_is_sent(site, name, pattern):
    whole = site.get(name)
    answer = site.get(name, If_None_Match=filled(pattern, whole["etag"]))
    assert (answer.status, answer.body, lasting(answer)) == (200, whole.body, lasting(whole))


def test_a_list_may_go_on_in_a_second_line_and_answers_stay_in_step(site):
    tag = site.get("/docs")["etag"]
    with Connection(site.url) as connection:
        for name, values in (("If-None-Match", ['"other"', tag]), ("Accept-Encoding", ["br", "gzip"])):
            lines = "".join(f"{name}: {value}\r\n" for value in values)
            connection.send(request(target="/docs")[:-2] + lines.encode() + b"\r\n")
        seen, packed = connection.answer(), connection.answer()
        assert (seen.status, packed.status, packed["content-encoding"]) == (304, 200, "gzip")


@pytest.mark.parametrize("status, pattern", [(200, "{tag}"), (200, "*"), (200, '"other", {tag}'), (412, '"other"'),
                                             (412, "W/{tag}"), (412, '"{bare}x", ""')])
@pytest.mark.parametrize("name", ["/docs", "raw:agents.py"])
def test_a_client_may_insist_on_what_it_has(site, name, status, pattern):
    tag = site.get(name)["etag"]
    # If-Match compares strongly (RFC 9110 13.1.1), and is looked at before all else (13.2.2).
    for more in ({}, {"Range": "bytes=0-4"}, {"If_None_Match": '"x"'}):
        answer = site.get(name, If_Match=filled(pattern, tag), **more)
        assert answer.status == (206 if status == 200 and "Range" in more else status), more


DATES = {"past": "Sun, 06 Nov 1994 08:49:37 GMT", "RFC 850": "Sunday, 06-Nov-94 08:49:37 GMT",
         "asctime": "Sun Nov  6 08:49:37 1994", "future": "Fri, 01 Jan 2100 00:00:00 GMT"}


@pytest.mark.parametrize("name", [*TAGGED, "/health"])
def test_a_date_counts_only_where_one_is_given(site, name):
    whole = site.get(name)
    given = whole["last-modified"]
    # Both conditions must be ignored for what has no date (RFC 9110 13.1.3, 13.1.4).
    assert site.get(name, If_Modified_Since=given or DATES["past"]).status == (304 if given else 200)
    for past in ("past", "RFC 850", "asctime"):
        assert site.get(name, If_Modified_Since=DATES[past]).status == 200
        assert site.get(name, If_Unmodified_Since=DATES[past]).status == (412 if given else 200)
    for nonsense in ("yesterday", "Sun, 06 Nov 1994", "0", "Sun, 99 Nov 1994 08:49:37 GMT", "", "9" * 5000):
        assert site.get(name, If_Modified_Since=nonsense, If_Unmodified_Since=nonsense).status == 200
    if whole["etag"]:
        # A tag goes before a date (RFC 9110 13.1.3).
        assert site.get(name, If_None_Match='"other"', If_Modified_Since=DATES["future"]).status == 200
        assert site.get(name, If_None_Match=whole["etag"], If_Modified_Since=DATES["past"]).status == 304


def test_a_change_of_the_file_changes_its_tag(site):
    old = site.get("raw:main.py")
    body = json.dumps({"content": "two = 2\n" * 200}).encode()
    assert ask(site.url, "PUT", site.target("main.py"), body, If_Match=old["etag"]).status == 200
    new = site.get("raw:main.py", If_None_Match=old["etag"])
    assert (new.status, new.body) == (200, b"two = 2\n" * 200) and new["etag"] != old["etag"]
    resumed = site.get("raw:main.py", Range="bytes=8-", If_Range=old["etag"])
    assert (resumed.status, resumed.body) == (200, new.body), "parts of two versions must not be put together"
    assert site.get("main.py", If_None_Match=old["etag"]).status == 200


def checked_part(whole, answer, first, last):
    """A 206 of one range: the part, its place and its tag (RFC 9110 15.3.7)."""
    assert answer.status == 206, answer
    assert answer["content-range"] == f"bytes {first}-{last}/{len(whole.body)}"
    assert answer.body == whole.body[first:last + 1] and answer["content-length"] == str(last + 1 - first)
    assert (answer["content-type"], answer["etag"]) == (whole["content-type"], whole["etag"])
    assert answer["content-encoding"] == whole["content-encoding"]


PARTS = {
    "0-0": (0, 0), "0-": (0, LAST), "5-9": (5, 9), "007-009": (7, 9), f"{LAST}-": (LAST, LAST), "-1": (LAST, LAST),
    f"-{SIZE}": (0, LAST), f"-{SIZE + 5}": (0, LAST), f"0-{SIZE + 99}": (0, LAST), f"1-{LAST}": (1, LAST),
    "0-18446744073709551615": (0, LAST), "-18446744073709551617": (0, LAST), "7-9223372036854775807": (7, LAST),
    "3-" + "9" * 300: (3, LAST), "-" + "9" * 300: (0, LAST)}
# No part of it is there: an answer of 416.
BEYOND = [f"{SIZE}-", f"{SIZE}-{SIZE + 9}", "-0", "99999999999999999999-", "9" * 300 + "-", "9223372036854775807-",
          "18446744073709551616-18446744073709551617"]
MALFORMED = [
    "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "bytes 0-4", "bytes", "0-4", "bytes=0-4x", "bytes=--5", "bytes=0--1",
    "bytes=+0-4", "bytes=0x0-4", "bytes=1-2-3", "bytes=0", "lines=0-4", "=0-4", "bytes=1 0-20", "bytes=0 -4",
    "bytes=0- 4", "bytes=0-4;", "bytes==0-4", "bytes=0-4=", "octets=0-4", "", "bytes=\xb2-\xb3", "bytes=0.0-4"]


@pytest.mark.parametrize("spec", PARTS, ids=lambda spec: spec[:24])
def test_a_part_is_sent_alone(site, spec):
    checked_part(site.get("raw:agents.py"), site.get("raw:agents.py", Range=f"bytes={spec}"), *PARTS[spec])


@pytest.mark.parametrize("name", RANGED)
def test_parts_together_are_the_whole(site, name):
    whole = site.get(name)
    assert whole["accept-ranges"] == "bytes" and site.head(name)["accept-ranges"] == "bytes"
    size = len(whole.body)
    for first in range(0, size, size // 7):
        last = min(first + size // 7, size) - 1
        checked_part(whole, site.get(name, Range=f"bytes={first}-{last}", If_Range=whole["etag"]), first, last)


@pytest.mark.parametrize("spec", BEYOND, ids=lambda spec: spec[:24])
def test_a_part_that_is_not_there_is_refused_with_the_length(site, spec):
    answer = site.get("raw:agents.py", Range=f"bytes={spec}")
    assert (answer.status, answer["content-range"]) == (416, f"bytes */{SIZE}")
    assert answer["content-type"] == "application/problem+json" and b'"status":416' in answer.body


@pytest.mark.parametrize("field", MALFORMED)
def test_a_malformed_range_gives_no_part(site, field):
    answer = site.get("raw:agents.py", Range=field)
    # It may be ignored or refused (RFC 9110 14.2), not guessed at.
    assert answer.status in (400, 416) or (answer.status, answer.body) == (200, AGENTS), answer


SEVERAL = {
    "0-1,4-5": [0, 1, 4, 5], "0-1, 4-5": [0, 1, 4, 5], f"0-4,{SIZE}-": [0, 4], ",0-4": [0, 4], "-1,0-0": [0, LAST],
    "0-,0-": [0, LAST], ",".join(["0-"] * 1000): None, ",".join(f"{at}-{at}" for at in range(0, 4000, 3)): None,
    f"{SIZE}-,-0": None, "0-1,x": None}


@pytest.mark.parametrize("spec", SEVERAL, ids=lambda spec: spec[:24])
def test_several_ranges_never_cost_more_than_the_whole(site, spec):
    answer = site.get("raw:agents.py", Range=f"bytes={spec}")
    # What is bad, or more than anybody needs, may be refused (RFC 9110 14.2); each part has a head of its own.
    assert answer.status in ((200, 206) if SEVERAL[spec] else (200, 206, 400, 416)) and len(answer.body) < SIZE + 2000
    if answer.status == 200:
        assert answer.body == AGENTS
    if answer.status == 206:
        parts = [(answer["content-range"], answer.body)] if answer["content-range"] else answer.parts()
        places = [re.fullmatch(rf"bytes (\d+)-(\d+)/{SIZE}", place) for place, _ in parts]
        assert [AGENTS[int(place[1]):int(place[2]) + 1] for place in places] == [body for _, body in parts]
        # Parts that lie close together may come as one.
        assert all(any(int(place[1]) <= at <= int(place[2]) for place in places) for at in SEVERAL[spec] or [])


@pytest.mark.parametrize("name", RANGED)
def test_a_part_is_sent_only_of_what_the_client_has_the_rest_of(site, name):
    whole = site.get(name)
    tag = whole["etag"]
    assert not tag.startswith("W/"), "only a strong tag can resume"
    checked_part(whole, site.get(name, Range="bytes=3-7", If_Range=tag), 3, 7)
    for condition in ('"other"', f"W/{tag}", tag.strip('"'), "*", '""', DATES["past"], DATES["future"], "yesterday",
                      f'{tag}, "other"'):
        for wanted in ("bytes=3-7", "bytes=99999999-"):
            answer = site.get(name, Range=wanted, If_Range=condition)
            assert (answer.status, answer.body) == (200, whole.body), condition
    assert site.get(name, If_Range=tag).body == whole.body, "without Range it says nothing (RFC 9110 13.1.5)"


@pytest.mark.parametrize("name", ["/docs", "raw:agents.py", "raw:large.py"])
def test_a_part_of_compressed_text_is_a_part_of_what_it_says_it_is(site, name):
    part = site.get(name, Range="bytes=10-99", Accept_Encoding="gzip")
    assert part.status == 206
    # A part may be of either form, and its tag and coding tell of which.
    whole = site.get(name, Accept_Encoding="gzip" if part["content-encoding"] else None)
    checked_part(whole, part, 10, 99)


def test_only_get_has_parts(site):
    for name in RANGED:
        for wanted in ("bytes=0-4", "bytes=99999999-"):
            # Range is defined for GET alone (RFC 9110 14.2).
            head = site.head(name, Range=wanted)
            assert (head.status, lasting(head)) == (200, lasting(site.head(name)))
    answer = ask(site.url, "POST", "/projects", b'{"name":"a"}', Range="bytes=0-4")
    assert answer.status == 201 and answer.body.endswith(b"}")
    assert site.get("/none", Range="bytes=0-4").status == 404


def test_a_condition_goes_before_a_range(site):
    tag = site.get("raw:agents.py")["etag"]
    for wanted in ("bytes=0-4", f"bytes={SIZE}-"):
        assert site.get("raw:agents.py", Range=wanted, If_None_Match=tag).status == 304
        assert site.get("raw:agents.py", Range=wanted, If_Match='"other"').status == 412


def test_nothing_has_no_parts(site):
    for wanted in ("bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"):
        answer = site.get("raw:empty.py", Range=wanted)
        told = (answer.status, answer["content-range"], answer["content-length"])
        assert told == (200, None, "0") or told[:2] == (416, "bytes */0")


@pytest.mark.parametrize("name", FILES)
def test_a_raw_file_is_its_bytes_and_otherwise_json(site, name):
    # Anybody's agent wrote it: no browser may take it for a page.
    raw, shown = site.get(f"raw:{name}"), site.get(name)
    assert raw.body == FILES[name] and raw["x-content-type-options"] == "nosniff"
    assert raw["content-type"].split(";")[0] == ("application/octet-stream" if name == "image.bin" else "text/plain")
    assert shown["content-type"] == "application/json" and json.loads(shown.body)["size"] == len(FILES[name])
    assert site.get(f"raw:{name}x").status == 404
