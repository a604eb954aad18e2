"""The loop of the helper: every line has an answer, whatever it says, and the child stays up."""

import json
import time

import pytest
from test_nodes import IMPORT, name_of

DEEP = {
    "parentheses": lambda depth: "(" * depth + "1" + ")" * depth,
    "lists": lambda depth: "x = " + "[" * depth + "]" * depth,
    "dicts": lambda depth: "{1:" * depth + "1" + "}" * depth,
    "signs": lambda depth: "-" * depth + "1",
    "nots": lambda depth: "not " * depth + "1",
    "sums": lambda depth: "1+" * depth + "1",
    "powers": lambda depth: "a**" * depth + "1",
    "attributes": lambda depth: "a" + ".b" * depth,
    "calls": lambda depth: "f" + "()" * depth,
    "subscripts": lambda depth: "a" + "[0]" * depth,
    "lambdas": lambda depth: "lambda:" * depth + "1",
    "conditions": lambda depth: "a if b else " * depth + "1",
    "elifs": lambda depth: "if a: pass\n" + "elif b: pass\n" * depth,
    "defaults": lambda depth: "lambda a=" * depth + "1" + ":1" * depth,
    "comprehensions": lambda depth: "[" * depth + "1" + " for x in y]" * depth,
    "patterns": lambda depth: "match a:\n case " + "[" * depth + "]" * depth + ": pass",
    "blocks": lambda depth: "".join(" " * level + "if a:\n" for level in range(min(depth, 2000))) + " " * depth + "b",
    "unclosed": lambda depth: "f(" * depth,
    "agents": lambda depth: IMPORT + 'Agent("a",handoffs=[' * depth + "])" * depth,
    "texts": lambda depth: IMPORT + 'Agent("a",instructions=' + '"a"+' * depth + '"b")',
    "aliases": lambda depth: IMPORT + "a0=[]\n" + "".join(
        f"a{i + 1}=a{i}\n" for i in range(depth % 20_000)) + f'x=Agent("x",tools=a{depth % 20_000})',
    "subclasses": lambda depth: IMPORT + "A0 = Agent\n" + "".join(
        f"class A{i + 1}(A{i}): pass\n" for i in range(depth % 20_000)),
}


@pytest.mark.parametrize("depth", [100, 1000, 4000, 100_000])
@pytest.mark.parametrize("shape", DEEP)
def test_survives_deep_source(helper, shape, depth):
    source, child = DEEP[shape](depth), helper.child.pid
    for op in ("check", "nodes", "graph"):
        answer = helper.ask(op, source)
        assert answer["ok"] or answer["type"] in (
            "SyntaxError", "IndentationError", "RecursionError", "MemoryError", "TooComplex"), answer
    assert helper.child.poll() is None and helper.child.pid == child
    assert helper.ask("check", "x = 1") == {"ok": True}


@pytest.mark.parametrize("line", [
    b"", b" ", b"null", b"[]", b"{}", b"1", b'"check"', b"{", b"\xff\xfe", b"\x00", b"[" * 100_000, b'{"a":' * 50_000,
    b'{"op":"check"}', b'{"op":"none","path":"a","source":""}', b'{"op":null,"path":"a","source":""}',
    b'{"op":["check"],"path":"a","source":""}', b'{"op":{},"path":"a","source":""}',
    b'{"op":"check","path":1,"source":""}', b'{"op":"check","path":"a","source":null}',
    b'{"op":"nodes","source":""}', b'{"op":"replace","path":"a","source":""}',
    b'{"op":"replace","path":"a","source":"","name":"A","replacement":7}', b"9" * 5000, b"NaN", b'{"op":"__class__"}',
], ids=lambda line: repr(line[:40]))
def test_answers_a_line_that_is_no_question(helper, line):
    answer = helper.exchange(line)
    assert (answer["ok"], answer["type"], answer["id"]) == (False, "BadRequest", None)


@pytest.mark.parametrize("id", [1, -1, 0, "a", "é", None, 1 << 70])
def test_repeats_the_id(helper, id):
    question = {"id": id, "op": "check", "path": "a.py", "source": "x = 1", "more": [1]}
    assert helper.exchange(json.dumps(question).encode()) == {"id": id, "ok": True}
    assert helper.exchange(json.dumps({"id": id, "op": "?"}).encode())["id"] == id


@pytest.mark.parametrize("source, members", [
    ("x = 1\n", {"ok": True}),
    ("\ufeffx = 1\n", {"ok": True}),
    ("def f(:\n  pass\n", {"ok": False, "type": "SyntaxError", "line": 1, "column": 7, "text": "def f(:\n"}),
    ("x = 1\n  y = 2\n", {"type": "IndentationError", "message": "unexpected indent", "line": 2}),
    ("if x:\n\ty = 1\n        z = 2\n", {"type": "TabError", "line": 3}),
    ("return 1\n", {"type": "SyntaxError", "message": "'return' outside function"}),
    ("x = '\0'", {"ok": False}),
    ("x = '\ud800'", {"ok": False, "type": "UnicodeEncodeError"}),
    ("# coding: nonsense\n", {"ok": False, "type": "SyntaxError"}),
    ("# coding: latin-1\nx = 'é'\n", {"ok": True}),
], ids=name_of)
def test_checks_by_the_compiler(helper, source, members):
    answer = helper.ask("check", source)
    assert {member: answer[member] for member in members} == members


@pytest.mark.parametrize("source, type", [
    ("a = Agent(", "SyntaxError"), ("a = Agent('\0')", "SyntaxError"), ("a = '\ud800'", "UnicodeEncodeError"),
    ("  a = 1", "IndentationError"), ("x = " + "9" * 5000, "SyntaxError"),
    ('a0 = ["x", "y"]\n' + "".join(f"a{i + 1} = [*a{i}, *a{i}]\n" for i in range(50)) + "Agent(tools=a50)",
     "TooComplex"),
    ('a0 = "xy"\n' + "".join(f"a{i + 1} = a{i} + a{i}\n" for i in range(50)) + "Agent(name=a50)", "TooComplex"),
    ("Agent()\n" * 2001, "TooComplex"),
], ids=name_of)
def test_refuses_what_it_cannot_read(helper, source, type):
    for op in ("nodes", "graph"):
        answer = helper.ask(op, source)
        # For a NUL some versions of Python have another type.
        assert not answer["ok"] and answer["type"] in (type, "ValueError" if "\0" in source else type), answer


def large(lines):
    """A program of so many lines with an agent in every twenty."""
    agents = ('@function_tool\ndef tool_{0}(x):\n    """Ö"""\n    return [x, {{"a": 1}}]\n' +
              "VALUE = f(1, [2], 'é')\n" * 10 +
              'agent_{0} = Agent(\n    name="A {0}",\n    tools=[tool_{0}],\n'
              '    instructions="Ünder",\n)\n')
    return IMPORT + "".join(agents.format(index) for index in range(lines // 19))


@pytest.mark.parametrize("op", ["nodes", "check"])
def test_reads_ten_thousand_lines_in_a_second(helper, op):
    source = large(10_000)
    start = time.monotonic()
    answer = helper.ask(op, source)
    assert time.monotonic() - start < 1
    assert answer["ok"] and (op == "check" or len(answer["nodes"]) == 526)


def test_answers_within_its_memory(helper):
    """The largest source that the daemon sends, as dense as can be, is an answer and no death."""
    for source in ("[" + "a," * (2 << 20) + "]", "f()\n" * (1 << 20), "x" * (4 << 20), "#" * (4 << 20)):
        answer = helper.ask("nodes", source)
        assert answer["ok"] or answer["type"] == "MemoryError"
    assert helper.ask("check", "x = 1") == {"ok": True}


def test_never_runs_the_source(helper):
    source = IMPORT + "raise SystemExit(7)\nprint('x')\na = Agent(name='A', tools=[exit()])\n"
    assert [node["id"] for node in helper.nodes(source)] == ["A"]


def test_ends_with_its_input(fresh_helper):
    assert fresh_helper.ask("check", "x = 1") == {"ok": True}
    assert fresh_helper.end() == (0, b"")
