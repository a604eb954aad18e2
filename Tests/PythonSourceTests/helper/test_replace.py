"""One definition written anew: every byte around it stays."""

import pytest
import test_nodes
import test_relations
from test_nodes import IMPORT, name_of

NEW = 'Agent(name="N")'


def tables():
    """Every source of the tables of the other files."""
    for test in (test_nodes.test_finds_the_agent_class_however_it_is_imported, test_nodes.test_names_an_agent,
                 test_nodes.test_finds_agents_wherever_they_stand, test_nodes.test_finds_classes_that_are_agents,
                 test_relations.test_connects_agents,
                 test_relations.test_counts_columns_in_characters_and_offsets_in_bytes):
        for source, _ in test.pytestmark[0].args[1]:
            yield source if "import" in source or source.startswith("\ufeff") else IMPORT + source


@pytest.mark.parametrize("source", [
    *tables(),
    IMPORT + 'a = Agent(\r\n  name="A",\n)\rb = 1',
    IMPORT + 'class T:\r\n\t@deco\r\n\tclass A(Agent):\r\n\t\t"""x\r\ny"""\r\n\t\t# note\r\n\r\n\tx = 1',
    IMPORT + 'if x:\n    class A(Agent):\n        text = """\n  a\n"""\n        f = (\n1)\n    # after',
], ids=name_of)
def test_a_definition_replaced_by_its_own_text_changes_nothing(helper, source):
    for node in helper.nodes(source):
        text = source[node["char_start"]:node["char_end"]]
        # Of several of one name the first is asked for as NAME#1.
        known = f'{node["id"]}#1' if node["id"] == node["name"] else node["id"]
        assert helper.replace(source, known, text) == {"ok": True, "source": source}


@pytest.mark.parametrize("before, name, replacement, after", [
    ('a = Agent(name="A")\n', "A", NEW, f"a = {NEW}\n"),
    ('a = Agent(name="A")\n', "a", NEW, f"a = {NEW}\n"),
    ('a = Agent(name="A")\n', "A", f"\n\n  {NEW}\n", f"a = {NEW}\n"),
    ('a = Agent(name="A")\n', "A", f"a = {NEW}", f"a = {NEW}\n"),
    ('a = Agent(name="A")\n', "A", f"other: Agent = {NEW}", f"other: Agent = {NEW}\n"),
    ('a: Agent[int] = Agent(name="A")  # it\n', "A", f"a = {NEW}", f"a = {NEW}  # it\n"),
    ('a = Agent(name="A")  # it\n', "A", f"a = {NEW}  # new", f"a = {NEW}  # it\n"),
    ('a = Agent(name="A")\n', "A", f"# why\na = {NEW}  # new", f"# why\na = {NEW}  # new\n"),
    ('a = Agent(name="A"); b = 1\n', "A", f"a = {NEW}  # new", f"a = {NEW}; b = 1\n"),
    ('a = (\n  Agent(name="A")  # it\n)\n', "A", NEW, f"a = (\n  {NEW}  # it\n)\n"),
    ('a = b = Agent(name="A")\n', "A", NEW, f"a = b = {NEW}\n"),
    ('run(Agent(name="A"))  # \u00e9\n', "A", NEW, f"run({NEW})  # \u00e9\n"),
    ('é = "😀", Agent(name="A"), "é"\n', "A", NEW, f'é = "😀", {NEW}, "é"\n'),
    ('a = Agent(name="A")\nb = Agent(name="A")\n', "A#2", NEW, f'a = Agent(name="A")\nb = {NEW}\n'),
    ('a = Agent(name="A")\nb = Agent(name="A")\n', "A#1", NEW, f'a = {NEW}\nb = Agent(name="A")\n'),
    ('a = Agent(name="A")\nb = Agent(name="A")\n', "b", NEW, f'a = Agent(name="A")\nb = {NEW}\n'),
    ('a = Agent(name="A", handoffs=[Agent(name="B")])\n', "B", NEW, f'a = Agent(name="A", handoffs=[{NEW}])\n'),
    ('a = Agent(name="A", handoffs=[Agent(name="B")])\n', "A", NEW, f"a = {NEW}\n"),
    ('x = 1\r\na = Agent(name="A")\r\n', "A", 'Agent(\n  name="N",\n)',
     'x = 1\r\na = Agent(\r\n  name="N",\r\n)\r\n'),
    ('x = 1\ra = Agent(name="A")\r', "A", 'Agent(\r\n  name="N")', 'x = 1\ra = Agent(\r  name="N")\r'),
    ('x = 1\na = Agent(name="A")\n', "A", 'Agent(\r\n  name="N")', 'x = 1\na = Agent(\n  name="N")\n'),
    ('a = Agent(name="A")', "A", NEW, f"a = {NEW}"),
    ('a = Agent(name="A")\x0c\n\n\n# end', "A", NEW, f"a = {NEW}\x0c\n\n\n# end"),
    ('a = Agent(name="A")\n', "A", "\ufeff" + NEW, f"a = {NEW}\n"),
    ('a = Agent(name="A")\n', "A", f'{NEW[:-1]}, instructions="""é\n  😀""")',
     f'a = {NEW[:-1]}, instructions="""é\n  😀""")\n'),
    ('def f():\n\ta = Agent(name="A")\n\treturn a\n', "A", f"# why\na = {NEW}", f"def f():\n\ta = {NEW}\n\treturn a\n"),
    ('def f():\n  a = Agent(name="A")\n', "A", 'a = Agent(\nname="N")', 'def f():\n  a = Agent(\nname="N")\n'),
    ("class A(Agent): pass\nx = 1\n", "A", "class B(Agent):\n  name = 'B'\n", "class B(Agent):\n  name = 'B'\nx = 1\n"),
    ("@deco\nclass A(Agent): pass\n", "A", "@other\nclass A(Agent): pass", "@other\nclass A(Agent): pass\n"),
    ("@deco\nclass A(Agent): pass\n", "A", "class A(Agent): pass", "class A(Agent): pass\n"),
    ("if x:\n    class A(Agent):\n        pass\n", "A", 'class A(Agent):\n    text = """\nx"""\n\n    y = 1',
     'if x:\n    class A(Agent):\n        text = """\nx"""\n\n        y = 1\n'),
    ("if x:\n    class A(Agent): pass\n", "A", "@deco\nclass A(Agent):\n    y = 1",
     "if x:\n    @deco\n    class A(Agent):\n        y = 1\n"),
    ("if x:\n    class A(Agent): pass\n", "A", "class A(Agent):\n        y = 1",
     "if x:\n    class A(Agent):\n        y = 1\n"),
], ids=name_of)
def test_replaces_one_definition_and_nothing_else(helper, before, name, replacement, after):
    answer = helper.replace(IMPORT + before, name, replacement)
    assert answer == {"ok": True, "source": IMPORT + after}


def test_keeps_a_byte_order_mark_and_a_coding_cookie(helper):
    source = '\ufeff# coding: utf-8\r\na = Agent(name="é")\r\n'
    assert helper.replace(source, "é", NEW) == {"ok": True, "source": f"\ufeff# coding: utf-8\r\na = {NEW}\r\n"}


TWO = 'a = Agent(name="A")\nb = Agent(name="A")\nclass C(Agent): pass\nd = e = Agent("D")\nf(Agent("E"))\n'


@pytest.mark.parametrize("name, replacement, type, message, members", [
    ("Z", NEW, "UnknownNode", "there is no agent 'Z'", {"ids": ["A", "A#2", "C", "D", "E"]}),
    ("", NEW, "UnknownNode", "there is no agent ''", {}),
    ("A#3", NEW, "UnknownNode", "there is no agent 'A#3'", {}),
    ("A", NEW, "AmbiguousNode", "2 agents are called 'A': A#1, A#2", {"ids": ["A#1", "A#2"]}),
    ("D", "", "NotADefinition", "one Agent(...)", {}),
    ("D", "# only a comment", "NotADefinition", "one Agent(...)", {}),
    ("D", "agent", "NotADefinition", "one Agent(...)", {}),
    ("D", f"{NEW}; {NEW}", "NotADefinition", "one Agent(...)", {}),
    ("D", f"{NEW}, {NEW}", "NotADefinition", "one Agent(...)", {}),
    ("D", f"import os\nd = {NEW}", "NotADefinition", "one Agent(...)", {}),
    ("D", "def f(): pass", "NotADefinition", "one Agent(...)", {}),
    ("D", f"return {NEW}", "NotADefinition", "one Agent(...)", {}),
    ("D", "print('x')", "NotADefinition", "defines no agent", {}),
    ("D", "class D(Agent): pass", "NotADefinition", "one Agent(...)", {}),
    ("D", f"d = {NEW}", "NotADefinition", "no assignment of its own", {}),
    ("E", f"d = {NEW}", "NotADefinition", "no assignment of its own", {}),
    ("C", NEW, "NotADefinition", "one class", {}),
    ("C", "class C: pass", "NotADefinition", "defines no agent", {}),
    ("D", 'Agent(name="N"', "SyntaxError", "'(' was never closed", {"where": "replacement", "line": 1}),
    ("D", 'Agent(\n  name="N" x)', "SyntaxError", "invalid syntax", {"where": "replacement", "line": 2}),
    ("D", "Agent(a=1, a=2)", "SyntaxError", "keyword argument repeated: a", {"where": "result", "line": 5}),
    ("D", "Agent(await x)", "SyntaxError", "'await' outside function", {"where": "result", "line": 5}),
    ("C", "class C(Agent):\npass", "IndentationError", "expected an indented block", {"line": 2}),
    ("D", "(" * 5000, "SyntaxError", "too many nested parentheses", {"where": "replacement"}),
    ("D", "Agent(" + "-" * 50_000 + "1)", "MemoryError", "", {"where": "replacement"}),
    ("D", "Agent(\ud800)", "UnicodeEncodeError", "surrogates not allowed", {"where": "replacement"}),
], ids=name_of)
def test_says_what_is_wrong(helper, name, replacement, type, message, members):
    answer = helper.replace(IMPORT + TWO, name, replacement)
    assert (answer["ok"], answer["type"]) == (False, type), answer
    assert message in answer["message"]
    assert {member: answer[member] for member in members} == members


def test_refuses_a_source_that_does_not_compile(helper):
    assert helper.replace("a = Agent(name='A'\n", "A", NEW)["type"] == "SyntaxError"
