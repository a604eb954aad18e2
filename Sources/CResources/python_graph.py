"""Draws the agents of a program with their tools and handoffs."""
import collections
import math
import re
import unicodedata

STYLE = """
.agent-graph{--ground:#fff;--text:#1d2433;--quiet:#667085;--line:#5b6b8c;--box:#eef3ff;--edge:#5f80f0;--tool:#eaf8f0;
--use:#3a9d6a;font:14px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
@media(prefers-color-scheme:dark){.agent-graph{--ground:#11151d;--text:#e8ecf5;--quiet:#9aa5bd;--line:#93a2c4;
--box:#1d2740;--edge:#6b8cff;--tool:#15291f;--use:#4fbf85}}
.agent-graph text{fill:var(--text);text-anchor:middle}.agent-graph .note{fill:var(--quiet);font-size:11px}
.agent-graph .ground{fill:var(--ground)}.agent-graph .agent rect{fill:var(--box);stroke:var(--edge);stroke-width:1.5}
.agent-graph .elsewhere rect{fill:none;stroke:var(--quiet);stroke-dasharray:4 3}.agent-graph .tool text{font-size:12px}
.agent-graph .tool rect{fill:var(--tool);stroke:var(--use)}.agent-graph .line{fill:none;stroke:var(--line);
stroke-width:1.5}.agent-graph .uses{stroke:var(--use)}.agent-graph .asks{stroke-dasharray:6 4}
.agent-graph .head{fill:var(--line)}.agent-graph .key{text-anchor:start}
""".replace("\n", "")
GAP, COLUMN = 14, 90  # between boxes above each other; between layers
HEAD = ' marker-end="url(#agent-graph-head)"'
WORDS = {"hands": "hands over to", "asks": "asks", "uses": "uses"}  # what a line from one box to another means


def xml(text):
    """Text for an attribute or an element: what XML cannot hold becomes a replacement character."""
    text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    return re.sub("[\t\n\r<>&\"']", lambda found: f"&#{ord(found[0])};", text)


def breadth(text):
    """About how wide a text is, in ems."""
    return sum(0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1.05 if unicodedata.east_asian_width(char) in
               "WF" else 0.78 if char.isupper() or char in "mw@%" else 0.62 for char in text)


def shown(text, most):
    """A text in one line of at most so many ems."""
    text = short = " ".join(text.split())[:200] if text else ""
    while breadth(short) > most:
        short = short[:-1]
    return text if short == text else short.rstrip() + "\u2026"


class Box:
    """Something to draw; without a kind the place where a line passes a layer."""

    def __init__(self, kind="", key="", label="", note="", about="", layer=0):
        self.kind, self.key, self.about, self.layer, self.x, self.y = kind, key, about, layer, 0, 0
        self.label, self.note, self.size = shown(label, 16), shown(note, 20), 12 if kind == "tool" else 14
        self.width = max(breadth(self.label) * self.size, breadth(self.note) * 11) + 28 if kind else 0
        self.height = {"": 2, "tool": 26}.get(kind, 48 if note else 38)

    def drawn(self):
        x, y, radius = self.x - self.width / 2, self.y - self.height / 2, self.height / 2 if self.kind == "tool" else 9
        note = f'<text class="note" x="{self.x:.1f}" y="{self.y + 15:.1f}">{xml(self.note)}</text>' if self.note else ""
        return (f'<g class="{self.kind}" data-node-id="{xml(self.key)}"><title>{xml(self.about)}</title>'
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{self.width:.1f}" height="{self.height}" rx="{radius:.0f}"/>'
                f'<text x="{self.x:.1f}" y="{self.y + (-1 if note else 5):.1f}">{xml(self.label)}</text>{note}</g>')


def ranked(boxes, lines):
    """The boxes in an order in which few lines go backwards (Eades, Lin and Smyth)."""
    head, tail = [], []
    while boxes:
        rest = set(boxes)
        leaving = collections.Counter(a for a, b, _ in lines if a in rest and b in rest and a is not b)
        coming = collections.Counter(b for a, b, _ in lines if a in rest and b in rest and a is not b)
        ends = [box for box in boxes if not leaving[box]]
        found = ends or [box for box in boxes if not coming[box]]
        found = found or [max(boxes, key=lambda box: (leaving[box] - coming[box], leaving[box]))]
        head, tail = (head, found + tail) if ends else (head + found, tail)
        boxes = [box for box in boxes if box not in found]
    return {box: index for index, box in enumerate(head + tail)}


def settle(column, wanted):
    """Puts a column's boxes as near to where they are wanted as their order and heights allow."""
    places, blocks, offset = [], [], 0
    for box in column:
        places.append(offset + box.height / 2)
        blocks.append((wanted[box] - places[-1], 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            (total, count), (more, others) = blocks.pop(), blocks.pop()  # they would overlap: both get the mean
            blocks.append((total + more, count + others))
        offset += box.height + GAP
    shifts = [total / count for total, count in blocks for _ in range(count)]
    for box, place, shift in zip(column, places, shifts):
        box.y = place + shift


def arrange(boxes, lines):
    """Places connected boxes in layers from left to right; gives each line with the boxes that it passes."""
    rank = ranked(boxes, lines)
    pairs = sorted((sorted(line[:2], key=rank.get) for line in lines), key=lambda pair: rank[pair[0]])
    for a, b in pairs:
        b.layer = max(b.layer, a.layer + (a is not b))
    for a in {a for a, _ in pairs} - {b for _, b in pairs}:  # what nothing leads to stands close to what it leads to
        a.layer = min(b.layer - 1 for other, b in pairs if other is a)
    paths, near, columns = [], collections.defaultdict(list), collections.defaultdict(list)
    for line in lines:
        first, last = sorted(line[:2], key=rank.get)
        path = [first, *(Box(layer=layer) for layer in range(first.layer + 1, last.layer)), last]
        paths.append((line, path))
        for one, other in zip(path, path[1:]):
            near[one].append(other)
            near[other].append(one)
    for box in dict.fromkeys([*rank, *(box for _, path in paths for box in path)]):
        columns[box.layer].append(box)
    columns = [columns[layer] for layer in sorted(columns)]
    turns = 24 if sum(map(len, columns)) < 5000 else 9  # of a picture that nobody can take in
    for turn in range(turns):
        # Each column is sorted by the one on its left, then by the one on its right, and so on; at last both pull.
        for column in columns[::-1] if turn % 2 else columns:
            wanted = {}
            for box in column:
                beside = [other.y for other in near[box] if turn >= turns * 2 // 3 or (other.layer > box.layer) == turn % 2]
                wanted[box] = sum(beside) / len(beside) if beside else box.y
            if turn < turns * 2 // 3:
                column.sort(key=wanted.get)
            settle(column, wanted)
    left, top = 0, min(box.y - box.height / 2 for column in columns for box in column)
    for column in columns:
        room = max(box.width for box in column)
        for box in column:
            box.x, box.y, box.room = left + room / 2, box.y - top, room
        left += room + COLUMN
    return paths


def fanned(paths):
    """How far from the middle of its box's side each line begins and ends, so that those of one box are told apart."""
    sides, places = collections.defaultdict(list), {}
    for index, (_, path) in enumerate(paths):
        sides[path[0], 0].append((path[1].y, index))
        sides[path[-1], -1].append((path[-2].y, index))
    for (box, end), lines in sides.items():
        step = min(9, (box.height - 14) / max(1, len(lines) - 1))
        for place, (_, index) in enumerate(sorted(lines)):
            places[index, end] = (place - (len(lines) - 1) / 2) * step
    return [(places[index, 0], places[index, -1]) for index in range(len(paths))]


def drawn_line(a, b, how, path, shifts):
    """A line with an arrow head at b, level beside boxes and bent between layers."""
    points = [(box.x + side * (box.width or box.room) / 2, box.y) for box in path for side in (-1, 1)][1:-1]
    for end in (0, -1):
        points[end] = points[end][0], points[end][1] + shifts[end]
    points = points if path[0] is a else points[::-1]
    way = "M%.1f %.1f" % points[0]
    for (x, y), (to_x, to_y) in zip(points, points[1:]):
        half = (x + to_x) / 2
        way += f"C{half:.1f} {y:.1f} {half:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    if a is b:
        x, y = a.x + a.width / 2, a.y
        way = f"M{x:.1f} {y - 8:.1f}c34 -16 34 32 0 16"
    return f'<path class="line {how}" d="{way}"{"" if how == "uses" else HEAD}/>'


def connected(boxes, lines):
    """The boxes in their connected parts."""
    near, seen = collections.defaultdict(list), set()
    for a, b, _ in lines:
        near[a].append(b)
        near[b].append(a)
    for first in boxes:
        part = [first] * (first not in seen)
        seen.add(first)
        for box in part:
            part += (fresh := dict.fromkeys(other for other in near[box] if other not in seen))
            seen.update(fresh)
        if part:
            yield part


def draw(path, boxes, lines):
    """The picture: each connected part for itself, the highest first, beside and below each other."""
    parts, drawn, edges = [], [], []
    for part in connected(boxes, lines):
        paths = arrange(part, [line for line in lines if line[0] in set(part)])
        everything = [*part, *(box for _, passed in paths for box in passed)]
        right = max(box.x + box.width / 2 for box in everything) + 24 * any(a is b for (a, b, _), _ in paths)
        parts.append((max(box.y + box.height / 2 for box in everything), right, part, paths, everything))
    parts.sort(key=lambda part: -part[0])
    widest = max([700, *(part[1] for part in parts), math.sqrt(2 * sum(part[0] * part[1] for part in parts))])
    x, y, row, width = 20, 20, 0, 280
    for height, right, part, paths, everything in parts:
        if x > 20 and x + right > widest + 20:
            x, y, row = 20, y + row + 28, 0
        for box in dict.fromkeys(everything):
            box.x, box.y = box.x + x, box.y + y
        edges += [drawn_line(*line, passed, shifts) for (line, passed), shifts in zip(paths, fanned(paths))]
        drawn += [box.drawn() for box in part]
        x, row, width = x + right + 28, max(row, height), max(width, x + right + 20)
    y += row + 34
    counts = [(kind, sum(box.kind == kind for box in boxes)) for kind in ("agent", "tool")]
    said = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts)
    said += "".join(f"; {a.label} {WORDS[how]} {b.label}" for a, b, how in lines[:100])
    if not boxes:
        drawn = [f'<text x="{width / 2}" y="{y}">No agents in {xml(shown(path, 24))}</text>']
    place = 20
    for how in (how for how in WORDS if any(line[2] == how for line in lines)):
        edges.append(f'<path class="line {how}" d="M{place} {y}h26"{HEAD if how != "uses" else ""}/>')
        drawn.append(f'<text class="note key" x="{place + 32}" y="{y + 4}">{WORDS[how]}</text>')
        place += 32 + round(breadth(WORDS[how]) * 11) + 16
    height = y + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="agent-graph" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'aria-labelledby="agent-graph-title agent-graph-desc">'
        f'<title id="agent-graph-title">Agents of {xml(path)}</title><desc id="agent-graph-desc">{xml(said)}</desc>'
        f'<style>{STYLE}</style><defs><marker id="agent-graph-head" viewBox="0 0 10 10" refX="9" refY="5" '
        'markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0L10 5L0 10z"/></marker></defs>'
        f'<rect class="ground" width="100%" height="100%"/>{"".join(edges)}{"".join(drawn)}</svg>')


def graph(request):
    program = Definitions(Source(request["source"], request["path"]))
    boxes, lines = {}, {}
    for agent in program.agents:
        about = f"{agent.name}, line {agent.node.lineno}. {(program.written(agent, 'instructions') or '')}"[:400]
        note = program.written(agent, "model") or ("class " + agent.variable if agent.is_class else "")
        boxes[agent] = Box("agent", agent.id, agent.name, note, shown(about, 400))
    for agent in program.agents:
        for label, other in agent.handoffs + agent.tools:
            is_tool = (label, other) in agent.tools
            key = other or ("tool:" if is_tool else "elsewhere:") + label
            if key not in boxes:
                boxes[key] = Box("tool" if is_tool else "elsewhere", key, label, about=label)
            lines[boxes[agent], boxes[key], ("asks" if other else "uses") if is_tool else "hands"] = None
    if len(boxes) > 1000 or len(lines) > 4000:
        raise Refusal("TooComplex", "there are more than 1000 boxes or 4000 lines to draw")
    return {"ok": True, "svg": draw(request["path"], list(boxes.values()), list(lines))}
