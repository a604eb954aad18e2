"""Random programs: what is not asked to change does not change, whatever stands around it."""

import os
import random

import pytest
from test_replace import NEW

SEED = int(os.environ.get("SOURCE_SEED", "1"))
ROUNDS = int(os.environ.get("SOURCE_ROUNDS", "40"))
ENDS = ["\n", "\r\n", "\r"]
TEXTS = ["é", "日本", "😀🇩🇪", "e\u0301", "a", "", "\\t", "# no comment", "Agent(name='no')", "\u2028", "{x}"]


def expression(chooser, depth=0):
    """Anything that may stand where a value does."""
    simple = [lambda: repr(chooser.choice(TEXTS)), lambda: str(chooser.randrange(99)), lambda: "变量",
              lambda: f'"""{chooser.choice(TEXTS)}"""', lambda: "[]"]
    if depth > 2:
        return chooser.choice(simple)()
    inner = lambda: expression(chooser, depth + 1)
    nested = [lambda: f"[{inner()}, {inner()}]", lambda: f"f({inner()}, k={inner()})", lambda: f"({inner()})",
              lambda: f"{{{inner()!s}: {inner()}}}" if depth > 1 else "{}", lambda: f"lambda: {inner()}",
              lambda: agent(chooser, depth + 1), lambda: agent(chooser, depth + 1)]
    return chooser.choice(simple + nested)()


def agent(chooser, depth=0):
    kind = chooser.choice(["Agent", "Agent[dict]", "agents.Agent"])
    parts = [f'name="{chooser.choice("ABCDÄ日")}"']
    if chooser.randrange(2):
        parts.append(f"instructions={expression(chooser, depth + 2)}")
    if depth < 2 and chooser.randrange(2):
        parts.append(f"handoffs=[{agent(chooser, depth + 1)}]")
    space = chooser.choice([", ", ",\n  ", " ,# é\n\t", ","])
    return f"{kind}({space.join(parts)}{chooser.choice(['', ',', ' '])})"


def statement(chooser, indent=""):
    """A line or some, which end without a line end."""
    name = chooser.choice(["a", "b", "é", "x.y", "t['k']"])
    simple = [lambda: f"{name} = {agent(chooser)}", lambda: f"{name} = {expression(chooser)}", lambda: "pass",
              lambda: f"a: object = {agent(chooser)}; b = {expression(chooser)}", lambda: f"run({agent(chooser)})",
              lambda: f"# {chooser.choice(TEXTS)}".replace("\u2028", "")]
    if len(indent) > 4 or chooser.random() < 0.6:
        return indent + chooser.choice(simple)() + chooser.choice(["", "  # ü", " "])
    deeper = indent + chooser.choice(["  ", "\t", "    "])
    body = "\n".join(statement(chooser, deeper) for _ in range(chooser.randrange(1, 3))) + f"\n{deeper}pass"
    head = chooser.choice(["if x:", "def f(self, y=1):", "class T:", f"class K(Agent):\n{deeper}name = 'K'",
                           f"@deco({expression(chooser, 2)})\n{indent}class D(Agent):", "for i in y:", "with z as w:"])
    return f"{indent}{head}\n{body}"


def program(chooser):
    lines = "\n".join(statement(chooser) for _ in range(chooser.randrange(1, 7)))
    text = f"import agents\nfrom agents import Agent\n{lines}{chooser.choice(['', chr(10)])}"
    return chooser.choice(["", "\ufeff"]) + text.replace("\n", chooser.choice(ENDS))


@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_a_replacement_leaves_every_other_byte_alone(helper, seed):
    chooser, replaced = random.Random(seed), 0
    for _ in range(ROUNDS):
        source = program(chooser)
        assert helper.ask("check", source)["ok"], source
        nodes = helper.nodes(source)
        for node in nodes:
            name = f"{node['id']}#1" if node["id"] == node["name"] else node["id"]
            before, after = source[:node["char_start"]], source[node["char_end"]:]
            own = source[node["char_start"]:node["char_end"]]
            assert own == source.encode()[node["byte_start"]:node["byte_end"]].decode(), (source, name)
            assert helper.replace(source, name, own) == {"ok": True, "source": source}, (source, name)
            if node["kind"] == "agent":
                answer = helper.replace(source, name, NEW)
                assert answer == {"ok": True, "source": before + NEW + after}, (source, name)
                replaced += 1
    assert replaced > ROUNDS / 2
