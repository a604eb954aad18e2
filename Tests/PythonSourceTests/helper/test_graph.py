"""The picture of the agents: well-formed, complete, and nothing on top of anything else."""

import re
import time
import xml.etree.ElementTree as ElementTree

import pytest
from test_nodes import IMPORT

SVG = "{http://www.w3.org/2000/svg}"


def team(count, **links):
    """So many agents; `links` are functions from an index to the indices of its handoffs."""
    text = "".join(f'a{index} = Agent(name="Agent {index}", tools=[t{index % 7}])\n' for index in range(count))
    for index in range(count):
        ends = [end for link in links.values() for end in link(index) if 0 <= end < count]
        text += f"a{index}.handoffs = [{', '.join(f'a{end}' for end in ends)}]\n"
    return IMPORT + text


SOURCES = {
    "none": "x = 1",
    "one": IMPORT + 'a = Agent(name="A")',
    "long": IMPORT + f'a = Agent(name="{"A very long name " * 30}", model="{"m" * 300}", tools=[{"t" * 300}])',
    "wide characters": IMPORT + f'a = Agent(name="{"日本語" * 30}", tools=[道具])',
    "itself": IMPORT + 'a = Agent(name="A")\na.handoffs = [a]',
    "cycle": team(5, ring=lambda index: [(index + 1) % 5]),
    "both ways": team(2, other=lambda index: [1 - index]),
    "all to all": team(8, all=lambda index: range(8)),
    "chain": team(30, next=lambda index: [index + 1]),
    "star": team(40, hub=lambda index: range(1, 40) if index == 0 else []),
    "tree": team(60, tree=lambda index: [2 * index + 1, 2 * index + 2]),
    "tree with ways back": team(60, tree=lambda index: [2 * index + 1, 2 * index + 2], back=lambda index: [index // 3]),
    "islands": team(60),
    "skips": team(12, far=lambda index: [index + 1, index + 4, index + 9]),
    "tools": IMPORT + f'a = Agent(name="A", tools=[{", ".join(f"tool_{index}" for index in range(50))}])',
    "classes": IMPORT + 'class A(Agent):\n    name = "A"\n    tools = [t]\nb = Agent(name="B", handoffs=[A(), other])',
    "one name twice": IMPORT + 'a = Agent(name="A")\nb = Agent(name="A", handoffs=[a])',
}


def drawn(helper, source, path="agents.py"):
    answer = helper.ask("graph", source, path=path)
    assert answer["ok"], answer
    return ElementTree.fromstring(answer["svg"])


def boxes(svg):
    """The left, top, right and bottom of each box by its id."""
    found = {}
    for group in svg.iter(SVG + "g"):
        rect = group.find(SVG + "rect")
        x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        assert group.get("data-node-id") not in found
        found[group.get("data-node-id")] = (x, y, x + width, y + height)
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_no_box_overlaps_another_or_leaves_the_picture(helper, name):
    svg = drawn(helper, SOURCES[name])
    left, top, width, height = map(float, svg.get("viewBox").split())
    found = list(boxes(svg).values())
    for index, (x, y, right, bottom) in enumerate(found):
        assert left <= x < right <= left + width and top <= y < bottom <= top + height
        for other in found[:index]:
            assert right <= other[0] or other[2] <= x or bottom <= other[1] or other[3] <= y
    for path in svg.iter(SVG + "path"):
        first = re.match(r"M(-?[\d.]+) (-?[\d.]+)", path.get("d"))
        assert 0 <= float(first[1]) <= width and 0 <= float(first[2]) <= height


@pytest.mark.parametrize("name", SOURCES)
def test_every_agent_and_tool_has_its_id(helper, name):
    nodes = helper.nodes(SOURCES[name])
    ids = set(boxes(drawn(helper, SOURCES[name])))
    assert {node["id"] for node in nodes} == {id for id in ids if not re.match("(tool|elsewhere):", id)}
    assert {id for id in ids if id.startswith("tool:")} == {f"tool:{tool}" for node in nodes for tool in node["tools"]}


@pytest.mark.parametrize("name", SOURCES)
def test_every_line_ends_at_its_boxes(helper, name):
    svg, nodes = drawn(helper, SOURCES[name]), helper.nodes(SOURCES[name])
    places = boxes(svg)
    found = [path for path in svg.iter(SVG + "path") if "line" in path.get("class")]
    lines = [path for path in found if "C" in path.get("d") or "c" in path.get("d")]  # a key's are straight
    wanted = {(node["id"], "hands", name) for node in nodes for name in node["handoffs"]}
    wanted |= {(node["id"], "uses", name) for node in nodes for name in node["tools"]}
    assert len(lines) == len(wanted)
    for line in lines:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", line.get("d"))]
        if "c" in line.get("d"):
            continue
        for x, y in (numbers[:2], numbers[-2:]):
            assert any(min(abs(x - box[0]), abs(x - box[2])) < 0.2 and box[1] <= y <= box[3] for box in places.values())


@pytest.mark.parametrize("name", ["cycle", "chain", "tree", "skips"])
def test_the_picture_reads_from_left_to_right(helper, name):
    places = boxes(drawn(helper, SOURCES[name]))
    pairs = [(node["id"], child) for node in helper.nodes(SOURCES[name]) for child in node["children"]]
    backwards = [pair for pair in pairs if places[pair[0]][2] > places[pair[1]][0]]
    assert len(backwards) == (1 if name == "cycle" else 0)
    assert all(places["Agent 0"][0] <= place[0] for place in places.values())


def test_what_is_shared_is_drawn_once(helper):
    svg = drawn(helper, IMPORT + 'a = Agent(name="A", tools=[t])\nb = Agent(name="B", tools=[t], handoffs=[x])')
    assert set(boxes(svg)) == {"A", "B", "tool:t", "elsewhere:x"}


def test_an_agent_as_a_tool_is_one_box(helper):
    svg = drawn(helper, IMPORT + 'a = Agent(name="A")\nb = Agent(name="B", tools=[a.as_tool("ask", "")])')
    assert set(boxes(svg)) == {"A", "B"}
    assert [path.get("class") for path in svg.iter(SVG + "path")].count("line asks") == 2  # and the key


@pytest.mark.parametrize("name", [
    "<script>alert(1)</script>", "a & b", "]]>", "\" onload='x'", "\x01\x0b\ufffe", "a\tb\nc"])
def test_text_cannot_leave_its_place(helper, name):
    svg = drawn(helper, f"{IMPORT}a = Agent(name={name!r}, instructions={name!r}, tools=[f({name!r})])", path=name)
    assert {part.tag.removeprefix(SVG) for part in svg.iter()} <= set(
        "svg title desc style defs marker path rect g text".split())
    assert not any(name.startswith("on") for part in svg.iter() for name in part.keys())
    known = re.sub("[\x01\x0b\ufffe]", "\ufffd", name)
    assert known in boxes(svg)


def test_says_what_it_shows(helper):
    svg = drawn(helper, SOURCES["both ways"])
    assert svg.get("role") == "img"
    assert svg.find(SVG + "title").text == "Agents of agents.py"
    assert svg.find(SVG + "desc").text.startswith("2 agents, 2 tools; Agent 0 ")
    assert svg.get("aria-labelledby").split() == [svg.find(SVG + part).get("id") for part in ("title", "desc")]
    assert "prefers-color-scheme:dark" in svg.find(SVG + "style").text


def test_shortens_a_long_name_and_keeps_it_in_the_title(helper):
    group = next(drawn(helper, SOURCES["long"]).iter(SVG + "g"))
    assert len(group.find(SVG + "text").text) < 40 and group.find(SVG + "text").text.endswith("\u2026")
    assert group.find(SVG + "title").text.startswith("A very long name A very long name A very long name")


def test_an_empty_picture_says_so(helper):
    assert [text.text for text in drawn(helper, "x = 1").iter(SVG + "text")] == ["No agents in agents.py"]


def test_draws_many_agents_in_time(helper):
    start = time.monotonic()
    assert len(boxes(drawn(helper, team(400, next=lambda index: [index + 1, index // 2])))) == 407
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("source", [team(1500), team(70, all=lambda index: range(70))])
def test_refuses_more_than_anybody_can_read(helper, source):
    assert helper.ask("graph", source)["type"] == "TooComplex"
