"""Which agents a source defines: how each is written, how it is called, and where it stands."""

import ast
import re

import pytest

IMPORT = "from agents import Agent, function_tool, handoff\n"


def agent(id, **members):
    return {"id": id, **members}


def name_of(case):
    return case if isinstance(case, str) and len(case) < 80 and "\n" not in case else ""


def check_places(source, nodes):
    """Every offset names the same text, which is the definition and nothing else."""
    data, lines = source.encode(), re.split(r"\r\n|\r|\n", source.removeprefix("\ufeff"))
    ends = re.findall(r"\r\n|\r|\n", source) + [""]
    for node in nodes:
        text = data[node["byte_start"]:node["byte_end"]].decode()
        assert text == source[node["char_start"]:node["char_end"]]
        first, last = node["line_start"] - 1, node["line_end"] - 1
        spanned = "".join(line + end for line, end in zip(lines[first:last], ends[first:last])) + lines[last]
        left = len(lines[last]) - node["column_end"]
        assert text == spanned[node["column_start"]:len(spanned) - left]
        # In parentheses its lines may stand as they like; a method's class is indented.
        indent = " " * node["column_start"] if node["kind"] == "class" and node["column_start"] else ""
        parsed = ast.parse(f"if True:\n{indent}{text}" if indent else f"({text})" if node["kind"] == "agent" else text)
        found = parsed.body[0].body[0] if indent else parsed.body[0]
        assert isinstance(getattr(found, "value", found), ast.ClassDef if node["kind"] == "class" else ast.Call)
    ids = [node["id"] for node in nodes]
    assert len(set(ids)) == len(ids)
    assert all(child in ids for node in nodes for child in node["children"])
    assert nodes == sorted(nodes, key=lambda node: (node["byte_start"], node["byte_end"]))


def check_nodes(helper, source, expected):
    nodes = helper.nodes(source)
    seen = [{member: node[member] for member in wanted} for node, wanted in zip(nodes, expected)]
    assert seen == expected and len(nodes) == len(expected), nodes
    check_places(source, nodes)


@pytest.mark.parametrize("source, expected", [
    ('from agents import Agent\na = Agent(name="A")', [agent("A", variable="a", kind="agent", owner=None)]),
    ('from agents import Agent as A\na = A(name="X")', [agent("X")]),
    ('import agents\na = agents.Agent(name="A")', [agent("A")]),
    ('import agents as ag\na = ag.Agent(name="A")', [agent("A")]),
    ('from openai import agents\na = agents.Agent(name="A")', [agent("A")]),
    ('import agents.agent\na = agents.agent.Agent(name="A")', [agent("A")]),
    ('from .sdk import Agent\na = Agent(name="A")', [agent("A")]),
    ('from agents import *\na = Agent(name="A")', [agent("A")]),
    ('a = Agent(name="A")  # a part of a program', [agent("A")]),
    ('def f():\n  from agents import Agent as B\n  return B(name="A")', [agent("A", owner="f")]),
    ('try:\n  from agents import Agent\nexcept ImportError:\n  Agent = None\na = Agent(name="A")', [agent("A")]),
    ('from agents import Agent\nMaker = Agent\na = Maker(name="A")', [agent("A")]),
    ('from agents import Agent\na = Agent[Context](name="A")', [agent("A")]),
    ('import agents\na = agents.Agent[dict[str, int]](name="A")', [agent("A")]),
    ('from agents import Agent\nTyped = Agent[int]\na = Typed(name="A")', [agent("A")]),
    ('class Agent:\n  pass\na = Agent(name="A")', []),
    ('def Agent(name):\n  pass\na = Agent(name="A")', []),
    ('from agents import Agent\nx = make(name="A")\ny = Agent\nz = Agent.create(name="B")', []),
    ('from agents import AgentHooks, Runner\nh = AgentHooks(name="A")', []),
    ('x = other.Agent(name="A")', []),
    ('# Agent(name="A")\ns = "Agent(name=\'B\')"\nt = f"{Agent(name=1)}"', []),
    ("", []), ("\n\n", []), ("x = 1", []),
], ids=name_of)
def test_finds_the_agent_class_however_it_is_imported(helper, source, expected):
    check_nodes(helper, source, expected)


@pytest.mark.parametrize("text, expected", [
    ('a: Agent = Agent(name="A")', [agent("A", variable="a")]),
    ('a: Agent[int]', []),
    ('if a := Agent(name="A"): pass', [agent("A", variable="a")]),
    ('a, b = Agent(name="A"), Agent(name="B")', [agent("A", variable="a"), agent("B", variable="b")]),
    ('[a, b] = (Agent(name="A"), Agent(name="B"))', [agent("A", variable="a"), agent("B", variable="b")]),
    ('a = b = Agent(name="A")', [agent("A", variable="a")]),
    ('a, *b = Agent(name="A"), Agent(name="B")', [agent("A", variable=None), agent("B", variable=None)]),
    ('a.b = Agent(name="A")', [agent("A", variable="a.b")]),
    ('team["x"] = Agent(name="A")', [agent("A", variable="team['x']")]),
    ('run(Agent(name="A"), other=Agent(name="B"))', [agent("A", variable=None), agent("B")]),
    ('Agent(name="A")', [agent("A", variable=None)]),
    ('team = [Agent(name="A"), Agent(name="B")]', [agent("A", variable=None), agent("B")]),
    ('team = {"a": Agent(name="A"), Agent(name="B"): 1}', [agent("A"), agent("B")]),
    ('def make():\n    return Agent(name="A")', [agent("A", owner="make", variable=None)]),
    ('async def make():\n    a = Agent(name="A")\n    return a', [agent("A", owner="make", variable="a")]),
    ('def f(a=Agent(name="A"), *, b=Agent(name="B")): pass', [agent("A", owner=None), agent("B")]),
    ('def f():\n    def g():\n        return Agent(name="A")', [agent("A", owner="f.g")]),
    ('class Team:\n    lead = Agent(name="A")\n    def f(self):\n        self.b = Agent(name="B")',
     [agent("A", owner="Team", variable="lead"), agent("B", owner="Team.f", variable="self.b")]),
    ('@register(Agent(name="A"))\ndef f(): pass', [agent("A", owner=None)]),
    ('team = [Agent(name=n) for n in names]', [agent("Agent")]),
    ('team = {n: Agent(name="A") for n in names}\nt = (Agent(name="B") for _ in x)', [agent("A"), agent("B")]),
    ('make = lambda: Agent(name="A")', [agent("A")]),
    ('a = Agent(name="A") if test else Agent(name="B")', [agent("A"), agent("B")]),
    ('a = Agent(name="A").clone(name="B")', [agent("A")]),
    ('for a in [Agent(name="A")]: pass', [agent("A")]),
    ('with run(Agent(name="A")) as r: pass', [agent("A")]),
    ('async def f():\n    await run(Agent(name="A"))\n    yield Agent(name="B")', [agent("A"), agent("B")]),
    ('match Agent(name="A"):\n    case _: b = Agent(name="B")', [agent("A"), agent("B")]),
    ('try: a = Agent(name="A")\nexcept E: b = Agent(name="B")\nfinally: c = Agent(name="C")',
     [agent("A"), agent("B"), agent("C")]),
    ('a = Agent(name="A", handoffs=[Agent(name="B", handoffs=[Agent(name="C")])])',
     [agent("A", handoffs=["B"], children=["B"]), agent("B", children=["C"]), agent("C", children=[])]),
    ('a = (\n    Agent(\n        name="A",\n    )\n)', [agent("A", line_start=3, line_end=5, column_end=5)]),
    ('a = \\\n  Agent(name="A")', [agent("A", line_start=3, column_start=2)]),
    ('a = Agent(name="A"); b = Agent(name="B")', [agent("A"), agent("B", column_start=25)]),
], ids=name_of)
def test_finds_agents_wherever_they_stand(helper, text, expected):
    check_nodes(helper, IMPORT + text, expected)


@pytest.mark.parametrize("text, expected", [
    ('a = Agent("A")', [agent("A")]),
    ("a = Agent()", [agent("a", name="a")]),
    ("Agent()", [agent("Agent")]),
    ("a = Agent(name=make_name())", [agent("a")]),
    ("a = Agent(**settings)", [agent("a")]),
    ("a = Agent(*settings)", [agent("a")]),
    ('a = Agent(name="")', [agent("a")]),
    ("a = Agent(name=None)", [agent("a")]),
    ("a = Agent(name=7)", [agent("a")]),
    ('a = Agent(name=b"A")', [agent("a")]),
    ('a = Agent(name=f"A")', [agent("A")]),
    ('a = Agent(name=f"A {{x}}")', [agent("A {x}")]),
    ('a = Agent(name=f"A {x}")', [agent("a")]),
    ('a = Agent(name="A" "B")', [agent("AB")]),
    ('a = Agent(name="A" + " " + "B")', [agent("A B")]),
    ('a = Agent(name="A" + x)', [agent("a")]),
    ('NAME = "A"\na = Agent(name=NAME)', [agent("A")]),
    ('NAME: str = "A"\na = Agent(name=NAME)', [agent("A")]),
    ('FIRST = "A"\nNAME = FIRST + "!"\na = Agent(name=NAME)', [agent("A!")]),
    ('class Names:\n    LEAD = "A"\na = Agent(name=Names.LEAD)', [agent("A")]),
    ('NAME = "A"\ndef f(NAME):\n    x = Agent(name=NAME)', [agent("x")]),
    ('NAME = NAME\na = Agent(name=NAME)', [agent("a")]),
    ("a = Agent(name='''A\nB''')", [agent("A\nB")]),
    (r'a = Agent(name="\u00e9\t\"")', [agent('\u00e9\t"')]),
    ('a = Agent(name="A")\nb = Agent(name="A")\nc = Agent(name="A")',
     [agent("A"), agent("A#2", name="A", variable="b"), agent("A#3")]),
    ('a = Agent(name="A#2")\nb = Agent(name="A")\nc = Agent(name="A")', [agent("A#2"), agent("A"), agent("A#3")]),
    ('if x:\n    a = Agent(name="A")\nelse:\n    a = Agent(name="A")', [agent("A"), agent("A#2")]),
], ids=name_of)
def test_names_an_agent(helper, text, expected):
    check_nodes(helper, IMPORT + text, expected)


@pytest.mark.parametrize("text, expected", [
    ('class A(Agent):\n    pass', [agent("A", kind="class", variable="A", line_start=2, line_end=3)]),
    ('class A(Agent):\n    name = "Lead"', [agent("Lead", kind="class", variable="A")]),
    ('class A(Agent):\n    name: str = "Lead"', [agent("Lead")]),
    ('class A(Agent[int]): name = "Lead"', [agent("Lead")]),
    ('class A(Mixin, Agent): name = "Lead"', [agent("Lead")]),
    ('class A(Agent):\n    def __init__(self):\n        super().__init__(name="Lead", tools=[t])',
     [agent("Lead", tools=["t"])]),
    ('class A(Agent):\n    def __init__(self):\n        super().__init__("Lead")', [agent("Lead")]),
    ('class A(Agent):\n    def __init__(self):\n        Agent.__init__(self, "Lead")', [agent("Lead")]),
    ('class A(Agent):\n    def __init__(self):\n        self.name = "Lead"', [agent("Lead")]),
    ('class A(Agent): pass\nclass B(A): name = "Sub"', [agent("A"), agent("Sub", kind="class", variable="B")]),
    ('class A(B): pass\nclass B(A): pass', []),
    ('class A(Agent):\n    name = "Lead"\n    instructions = "Go."\n    model = "m"\n    handoffs = [x]',
     [agent("Lead", instructions="Go.", model="m", handoffs=["x"])]),
    ('class A(Agent): pass\na = A()', [agent("A")]),
    ('class A(Agent): pass\na = A(name="One")', [agent("A", kind="class"), agent("One", kind="agent")]),
    ('@final\n@deco(1)\nclass A(Agent):\n    pass', [agent("A", line_start=2, line_end=5)]),
    ('class Outer:\n    class A(Agent):\n        pass', [agent("A", owner="Outer", column_start=4)]),
    ('class A(Agent):\n    helper = Agent(name="H")', [agent("A"), agent("H", owner="A")]),
    ('class A(Base): pass', []),
], ids=name_of)
def test_finds_classes_that_are_agents(helper, text, expected):
    check_nodes(helper, IMPORT + text, expected)
