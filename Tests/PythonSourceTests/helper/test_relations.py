"""What belongs to an agent: its tools, handoffs, children, instructions and model."""

import pytest
from test_nodes import IMPORT, agent, check_nodes, name_of

TWO = IMPORT + 'a = Agent(name="A")\nb = Agent(name="B")\n'


@pytest.mark.parametrize("text, handoffs, children", [
    ("handoffs=[a, b]", ["A", "B"], ["A", "B"]),
    ("handoffs=(a, b)", ["A", "B"], ["A", "B"]),
    ("handoffs=[]", [], []),
    ("handoffs=None", [], []),
    ("handoffs=[a, a]", ["A"], ["A"]),
    ("handoffs=[handoff(a)]", ["A"], ["A"]),
    ("handoffs=[handoff(agent=b, on_handoff=f)]", ["B"], ["B"]),
    ("handoffs=[handoff(unknown)]", ["unknown"], []),
    ("handoffs=[team.lead]", ["lead"], []),
    ("handoffs=[make_agent()]", ["make_agent"], []),
    ("handoffs=[*[a], b]", ["A", "B"], ["A", "B"]),
    ("handoffs=[*others, b]", ["*others", "B"], ["B"]),
    ("handoffs=[a] + [b]", ["A", "B"], ["A", "B"]),
    ("handoffs=[a] + others", ["A", "*others"], ["A"]),
    ("handoffs=[a if x else b]", ["A", "B"], ["A", "B"]),
    ("handoffs=others or [b]", ["*others", "B"], ["B"]),
    ("handoffs=[a, None]", ["A"], ["A"]),
    ('handoffs=[Agent(name="New")]', ["New"], ["New"]),
    ('tools=[a.as_tool("ask_a", "Asks.")]', [], ["A"]),
    ("tools=[t], handoffs=[a]", ["A"], ["A"]),
], ids=name_of)
def test_reads_handoffs(helper, text, handoffs, children):
    nodes = helper.nodes(TWO + f'c = Agent(name="C", {text})\n')
    found = next(node for node in nodes if node["id"] == "C")
    assert (found["handoffs"], found["children"]) == (handoffs, children)


@pytest.mark.parametrize("text, tools", [
    ("tools=[search, fetch]", ["search", "fetch"]),
    ("tools=[kit.search]", ["search"]),
    ("tools=[WebSearchTool()]", ["WebSearchTool"]),
    ("tools=[tools.FileSearchTool(max=3)]", ["FileSearchTool"]),
    ("tools=[local]", ["local"]),
    ("tools=[renamed]", ["better_name"]),
    ("tools=[called]", ["called"]),
    ("tools=[function_tool(plain)]", ["plain"]),
    ('tools=[function_tool(plain, name_override="simple")]', ["simple"]),
    ('tools=[a.as_tool(tool_name="ask_a", tool_description="x")]', ["ask_a"]),
    ("tools=[a.as_tool(None, None)]", ["a"]),
    ("tools=[*KIT, local]", ["search", "fetch", "local"]),
    ("tools=KIT", ["search", "fetch"]),
    ("tools=list(KIT)", ["search", "fetch"]),
    ("tools=KIT if x else []", ["search", "fetch"]),
    ("tools=[t for t in KIT]", ["*[t for t in KIT]"]),
    ("tools=unknown", ["*unknown"]),
    ('tools=[FunctionTool(name="made", f=g)]', ["made"]),
], ids=name_of)
def test_reads_tools(helper, text, tools):
    defined = (
        "@function_tool\ndef local(): pass\n@function_tool(name_override='better_name')\ndef renamed(): pass\n"
        "@function_tool()\nasync def called(): pass\ndef plain(): pass\nKIT = [search, fetch]\n")
    nodes = helper.nodes(TWO + defined + f'c = Agent(name="C", {text})\n')
    assert next(node for node in nodes if node["id"] == "C")["tools"] == tools


@pytest.mark.parametrize("text, handoffs", [
    ("c.handoffs.append(a)", ["A"]),
    ("c.handoffs.extend([a, b])", ["A", "B"]),
    ("c.handoffs.insert(0, a)", ["A"]),
    ("c.handoffs = [a]", ["A"]),
    ("c.handoffs = [a]\nc.handoffs = [b]", ["B"]),
    ("c.handoffs += [a]", ["A"]),
    ("c.handoffs = c.handoffs + [a]\nc.handoffs.append(b)", ["A", "B"]),
    ("for x in (a, b):\n    x.handoffs.append(c)\nc.handoffs.append(a)", ["A"]),
    ("c.handoffs.append(c)", ["C"]),
    ("others.handoffs.append(a)", []),
    ("if x:\n    c.handoffs.append(handoff(a))", ["A"]),
    ("def wire():\n    c.handoffs = [a]\nwire()", ["A"]),
    ("c.handoffs = [*c.handoffs, a]\nc.handoffs = c.handoffs + [b]", ["A", "B"]),
    ("c.tools.append(a)", []),
], ids=name_of)
def test_follows_later_changes(helper, text, handoffs):
    nodes = helper.nodes(TWO + f'c = Agent(name="C")\n{text}\n')
    assert next(node for node in nodes if node["id"] == "C")["handoffs"] == handoffs


@pytest.mark.parametrize("source, expected", [
    ('a = Agent(name="A")\nb = Agent(name="B", handoffs=[a])\na.handoffs.append(b)',
     [agent("A", children=["B"]), agent("B", children=["A"])]),
    ('a = Agent(name="A", handoffs=[b])\nb = Agent(name="B")',
     [agent("A", handoffs=["B"], children=["B"]), agent("B")]),
    ('team = []\nteam.append(helper)\na = Agent(name="A", handoffs=team)', [agent("A", handoffs=["helper"])]),
    ('team = [helper]\nteam += [other]\na = Agent(name="A", handoffs=team)',
     [agent("A", handoffs=["helper", "other"])]),
    ('team = [helper]\na = Agent(name="A", handoffs=team)\nteam.append(late)',
     [agent("A", handoffs=["helper", "late"])]),
    ('def wire():\n    a.handoffs = [*a.handoffs, c]\na = Agent(name="A", handoffs=[b])',
     [agent("A", handoffs=["b", "c"])]),
    ('a = Agent(name="X")\nb = Agent(name="X")\nc = Agent(name="C", handoffs=[a, b])',
     [agent("X"), agent("X#2"), agent("C", handoffs=["X", "X"], children=["X", "X#2"])]),
    ('a = Agent(name="Old")\na = Agent(name="New", handoffs=[a])', [agent("Old"), agent("New", handoffs=["Old"])]),
    ('def f():\n    a = Agent(name="Inner")\n    return Agent(name="O", handoffs=[a])\na = Agent(name="Outer")',
     [agent("Inner"), agent("O", children=["Inner"]), agent("Outer")]),
    ('class T:\n    def __init__(self):\n        self.a = Agent(name="A")\n'
     '        self.b = Agent("B", handoffs=[self.a])',
     [agent("A"), agent("B", children=["A"])]),
    ('class S(Agent): name = "Sub"\na = Agent(name="A", handoffs=[S()])', [agent("Sub"), agent("A", children=["Sub"])]),
    ('TEAM = {"x": Agent(name="X")}\na = Agent(name="A", handoffs=[TEAM["x"]])', [agent("X"), agent("A")]),
], ids=name_of)
def test_connects_agents(helper, source, expected):
    check_nodes(helper, IMPORT + source, expected)


@pytest.mark.parametrize("text, instructions", [
    ('"Be kind."', "Be kind."),
    ('"""\n    Be kind.\n      Always.\n    """', "\n    Be kind.\n      Always.\n    "),
    ('("Be "\n  "kind.")', "Be kind."),
    ('"Be " + "kind."', "Be kind."),
    ("PROMPT", "Be careful."),
    ('PROMPT + " Now."', "Be careful. Now."),
    ('f"Be {mood}."', 'f"Be {mood}."'),
    ("GREETING", 'f"Hi {mood}"'),
    ("make", "make"),
    ("prompts.make", "prompts.make"),
    ("lambda context, agent: 'x'", "lambda context, agent: 'x'"),
    ('dedent("""\n  Be kind.""")', "\n  Be kind."),
    ('load("prompt.md")', 'load("prompt.md")'),
    ("None", None),
    (r'"tab\tand \N{BULLET} é😀"', "tab\tand \u2022 é😀"),
    (r'"lone \ud800 half"', "lone \ufffd half"),
    (r'r"\d+"', r"\d+"),
], ids=name_of)
def test_reads_instructions(helper, text, instructions):
    before = 'PROMPT = "Be careful."\nGREETING = f"Hi {mood}"\ndef make(context, agent): return "x"\n'
    source = f'{IMPORT}{before}a = Agent(name="A", instructions={text})\n'
    check_nodes(helper, source, [agent("A", instructions=instructions)])


@pytest.mark.parametrize("text, model", [
    ('model="m-1"', "m-1"), ("model=MODEL", "m-2"), ("", None), ("model=None", None),
    ("model=settings.model", "settings.model"), ('model=Model("m", client=c)', 'Model("m", client=c)'),
])
def test_reads_the_model(helper, text, model):
    check_nodes(helper, f'{IMPORT}MODEL = "m-2"\na = Agent(name="A", {text})\n', [agent("A", model=model)])


@pytest.mark.parametrize("source, expected", [
    ('\ufeffa = Agent(name="A")\n', agent("A", byte_start=7, char_start=5, column_start=4)),
    ('x = 1\r\na = Agent(\r\n  name="A")\r\n', agent("A", line_start=2, line_end=3, column_end=11, byte_end=30)),
    ('x = 1\ra = Agent(name="A")\r', agent("A", line_start=2, byte_start=10)),
    ('x = 1\r\ny = 2\nz = 3\ra = Agent(name="A")', agent("A", line_start=4)),
    ('if x:\n\ta = Agent(name="A")\n', agent("A", column_start=5)),
    ('x = 1\n\f\na = Agent(name="A")\n', agent("A", line_start=3)),
    ('\fa = Agent(name="A")\n', agent("A", column_start=5)),
    ('é = "😀"; a = Agent(name="Ä")', agent("Ä", column_start=13, byte_start=17, char_start=13)),
    ('# -*- coding: latin-1 -*-\na = Agent(name="é")', agent("é", byte_start=30)),
    ('s = "a\u2028b\x85c\x0bd"\na = Agent(name="A")', agent("A", line_start=2)),
    ('a = [\n  "é", Agent(\n  name="日本" )]', agent("日本", column_start=7, column_end=13, byte_start=14)),
    ('x = "\\\né"; a = Agent(name="A")', agent("A", line_start=2, column_start=8)),
    ('变量 = Agent()', agent("变量", variable="变量", column_start=5, byte_start=9)),
    ('a = Agent(name="A")\x0c\n# end', agent("A")),
    ('a = Agent(name="e\u0301🇩🇪")', agent("e\u0301🇩🇪")),
], ids=name_of)
def test_counts_columns_in_characters_and_offsets_in_bytes(helper, source, expected):
    check_nodes(helper, source, [expected])
