"""Finds the agents that a program defines, and writes one anew."""
import ast
import re

# The fields of the SDK's Agent in the order of its parameters.
PARAMETERS = ("name", "handoff_description", "tools", "mcp_servers", "mcp_config", "instructions", "prompt", "handoffs",
              "model")


class Agent:
    """A definition: a call of the SDK's Agent, or a class that is a kind of it."""

    def __init__(self, node, scope, arguments):
        self.node, self.scope, self.arguments = node, scope, arguments  # parameter -> (node, scope)
        self.is_class = isinstance(node, ast.ClassDef)
        self.lists = {
            field: [("extend", *arguments[field])] if field in arguments else [] for field in ("tools", "handoffs")}


def call_arguments(call, scope, skip=0):
    positional = ((value, scope) for value in call.args[skip:])
    return dict(zip(PARAMETERS, positional)) | {keyword.arg: (keyword.value, scope) for keyword in call.keywords}


def unpacked(item):
    """What is shown for a list of which only a label is known."""
    return ("*" + item[0], None) if isinstance(item, tuple) and not item[1] else item


class Definitions(Program):
    """The agents that a program defines, in the order of its source.

    What an expression is known to be is a text, a list, or (label, agent), where the agent is None for tools and for
    all else that is known by its label only.
    """

    def __init__(self, source):
        super().__init__(source)
        self.by_node, self.known_classes = {}, {}  # by id() of the node; (name, scope) -> see agent_class
        for node, scope in sorted(self.classes, key=lambda found: position(found[0])):
            if self.agent_class(node.name, scope) is node:
                self.by_node[id(node)] = Agent(node, scope, self.class_arguments(node, (*scope, node.name)))
        for node, scope in self.calls:
            made = self.agent_class(class_path(node.func), scope)
            # An object of a program's own class is an agent of its own when it is given a name.
            if made is Agent or (made and any(keyword.arg == "name" for keyword in node.keywords)):
                self.by_node[id(node)] = Agent(node, scope, call_arguments(node, scope))
        if len(self.by_node) > 2000:
            raise Refusal("TooComplex", "there are more than 2000 agents")
        self.agents = sorted(self.by_node.values(), key=lambda agent: source.span(agent.node))
        self.name_agents()
        for change in self.changes:
            self.change(*change)
        for agent in self.agents:
            agent.tools, agent.handoffs = self.entries(agent.lists["tools"]), self.entries(agent.lists["handoffs"])

    def agent_class(self, name, scope):
        """The class of agents that a name means: Agent itself for the SDK's, a node for the program's own, or None.

        Every `Agent` that is imported is taken for the SDK's, and one that is not bound at all: the source may be a
        part of a program, or import everything.
        """
        if name and (name, scope) not in self.known_classes:
            self.known_classes[name, scope] = None  # for a class that is its own base
            self.known_classes[name, scope] = self.find_agent_class(name, scope)
        return self.known_classes.get((name, scope))

    def find_agent_class(self, name, scope):
        found, _ = self.all_bindings(name, scope)
        root, _, rest = name.partition(".")
        if not found and rest and self.all_bindings(root, scope)[0]:
            modules = [binding.value for binding in self.all_bindings(root, scope)[0]]
            return Agent if any(isinstance(path, str) for path in modules) and name.endswith(".Agent") else None
        for _, value, where, _ in found:
            made = None
            if isinstance(value, str):
                made = Agent if value.endswith(".Agent") else None
            elif isinstance(value, ast.ClassDef):
                made = any(self.agent_class(class_path(base), where) for base in value.bases) and value
            elif isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)):
                made = self.agent_class(class_path(value), where)
            if made:
                return made
        return Agent if name in ("Agent", "agents.Agent") and not found else None

    def class_arguments(self, node, inner):
        """What a class sets in its body, in its call of the superclass's __init__, and on self."""
        given = {name: self.bindings.get((inner, name), ()) for name in PARAMETERS}
        given = {name: (found[-1].value, inner) for name, found in given.items() if found}
        for method in node.body:
            for call in ast.walk(method) if getattr(method, "name", None) == "__init__" else ():
                if isinstance(call, ast.Call) and getattr(call.func, "attr", None) == "__init__":
                    # `super().__init__(name)`, or `Agent.__init__(self, name)`.
                    skip = 0 if isinstance(call.func.value, ast.Call) else 1
                    given.update(call_arguments(call, (*inner, "__init__"), skip))
        for name in PARAMETERS:
            given.update((name, (found.value, found.scope)) for found in self.bindings.get((inner, "self." + name), ()))
        return {name: found for name, found in given.items() if isinstance(found[0], ast.expr)}

    def name_agents(self):
        taken = set()
        for agent in self.agents:
            node, count = agent.node, 1
            agent.variable = node.name if agent.is_class else self.variables.get(id(node))
            said = self.text(*agent.arguments.get("name", (None, ())))
            agent.name = agent.id = said or agent.variable or class_path(node.func).rpartition(".")[2]
            while agent.id in taken:
                count += 1
                agent.id = f"{agent.name}#{count}"
            taken.add(agent.id)

    def change(self, change, target, value, scope):
        """`x.append(...)` and the like, where x is a list of an agent or a variable."""
        binding, field = self.lookup(target, scope), getattr(target, "attr", None)
        lists = [binding.changes] if binding and change != "set" else []
        if field in ("handoffs", "tools"):
            owners = self.entries([("append", target.value, scope)])
            lists = [agent.lists[field] for _, agent in owners if agent] or lists
        if change == "set":
            value = self.value(value, scope)  # now: `x.tools = x.tools + [...]` means what they were
        for found in lists:
            if change == "set":
                found.clear()
            found.append(("extend" if change == "set" else change, value, scope))

    def entries(self, changes):
        """(label, agent) of all that was put into a list, each once."""
        known = [self.value(*change[1:]) for change in changes]
        known = [unpacked(item) if change[0] == "extend" else item for change, item in zip(changes, known)][::-1]
        found = {}
        while known:
            item = known.pop()
            self.spend()
            if isinstance(item, list):
                known += item[::-1]
            elif item:
                found[(item, None) if isinstance(item, str) else item] = None
        return list(found)

    def text(self, node, scope):
        known = self.value(node, scope) if node else None
        return known if isinstance(known, str) else None

    def label(self, node):
        words = dotted(node).rpartition(".")[2] or " ".join(self.source.slice(node).split())
        return words[:79] + "\u2026" if len(words) > 80 else words

    def value(self, node, scope, depth=0):
        """What an expression is known to be: a text, a list, (label, agent), or None for None."""
        self.spend()
        if not isinstance(node, ast.AST):
            return node  # it is known already
        if depth > 60:
            return self.label(node), None
        follow = lambda part, where=scope: self.value(part, where, depth + 1)
        if isinstance(node, ast.JoinedStr) and all(isinstance(part, ast.Constant) for part in node.values):
            node = ast.Constant("".join(part.value for part in node.values))
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, type(None))):
            return node.value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [follow(part) for part in operands(node)]
            if all(isinstance(part, str) for part in parts):
                self.spend(sum(map(len, parts)))
                return "".join(parts)
            if any(isinstance(part, list) for part in parts):
                return [unpacked(part) for part in parts]
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [unpacked(follow(part.value)) if isinstance(part, ast.Starred) else follow(part)
                    for part in node.elts]
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            parts = [follow(part) for part in getattr(node, "values", None) or (node.body, node.orelse)]
            return [unpacked(part) for part in parts] if any(isinstance(part, list) for part in parts) else parts
        if isinstance(node, (ast.NamedExpr, ast.Await)):
            return follow(node.value)
        if isinstance(node, ast.Call):
            return self.called(node, scope, follow)
        if isinstance(node, ast.Attribute) and node.attr in ("handoffs", "tools"):
            owner = follow(node.value)
            if isinstance(owner, tuple) and owner[1]:
                return [follow(part, where) for _, part, where in owner[1].lists[node.attr]]
        binding = self.lookup(node, scope)
        value = binding.value if binding else None
        if isinstance(value, FUNCTIONS):
            said = {part.arg: part.value for call in value.decorator_list for part in getattr(call, "keywords", ())}
            return self.text(said.get("name_override"), binding.scope) or value.name, None
        known = follow(value, binding.scope) if isinstance(value, ast.expr) else None
        if known is None or (isinstance(known, tuple) and not known[1] and not isinstance(value, ast.Call)):
            known = self.label(node), None
        changes = binding.changes if binding else ()
        return [known, *(follow(part, where) for _, part, where in changes)] if changes else known

    def called(self, node, scope, follow):
        """What a call gives: an agent, a handoff to one, an agent as a tool, another tool."""
        path, said = class_path(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
        first, binding = node.args[0] if node.args else None, self.lookup(node.func, scope)
        agent = self.by_node.get(id(node)) or self.by_node.get(id(self.agent_class(path, scope)))
        if agent:
            return agent.name, agent
        name = (binding.value if binding and isinstance(binding.value, str) else path).rpartition(".")[2]
        if name in ("list", "tuple", "sorted", "set") and first:
            return follow(first)
        if name == "handoff" and (given := said.get("agent", first)):
            return follow(given)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "as_tool":
            known, label = follow(node.func.value), self.text(said.get("tool_name", first), scope)
            known = known if isinstance(known, tuple) else (self.label(node.func.value), None)
            return label or re.sub(r"\W", "_", known[0], flags=re.ASCII).lower(), known[1]
        if label := self.text(said.get("name_override") or said.get("name") or said.get("agent_name"), scope):
            return label, None
        return follow(first) if name == "function_tool" and first else (name or self.label(node), None)

    def written(self, agent, parameter):
        """A text as it is known, of a dedent() what stands in it; else what the source says."""
        node, scope = agent.arguments.get(parameter, (None, ()))
        if isinstance(node, ast.Call) and class_path(node.func).endswith("dedent") and node.args:
            node = node.args[0]
        if not node or (isinstance(node, ast.Constant) and node.value is None):
            return None
        binding = self.lookup(node, scope)
        if binding and isinstance(binding.value, ast.JoinedStr):
            node, scope = binding.value, binding.scope
        known = self.text(node, scope)
        said = known if known is not None else dotted(node) or self.source.slice(node)
        self.spend(len(said) // 4)
        return said

    def describe(self, agent):
        start, end = self.source.span(agent.node)
        (line_start, column_start, char_start), (line_end, column_end, char_end) = map(self.source.place, (start, end))
        return {
            "id": agent.id, "name": agent.name, "variable": agent.variable,
            "kind": "class" if agent.is_class else "agent", "owner": ".".join(agent.scope) or None,
            "line_start": line_start, "line_end": line_end, "column_start": column_start, "column_end": column_end,
            "byte_start": start, "byte_end": end, "char_start": char_start, "char_end": char_end,
            "instructions": self.written(agent, "instructions"), "model": self.written(agent, "model"),
            "tools": [label for label, _ in agent.tools], "handoffs": [label for label, _ in agent.handoffs],
            "children": list(dict.fromkeys(child.id for _, child in agent.handoffs + agent.tools if child)),
        }


def nodes(request):
    program = Definitions(Source(request["source"], request["path"]))
    return {"ok": True, "nodes": [program.describe(agent) for agent in program.agents]}


def chosen(agents, name):
    """The agent of a name, an id or a variable; NAME#1 is the first of several of one name."""
    for found in ([agent for agent in agents if name in (agent.name, agent.id)],
                  [agent for agent in agents if name == agent.id + "#1"],
                  [agent for agent in agents if name == agent.variable]):
        if len(found) > 1:
            ids = [agent.id + "#1" if agent.id == agent.name else agent.id for agent in found]
            raise Refusal("AmbiguousNode", f"{len(found)} agents are called '{name}': {', '.join(ids)}", ids=ids)
        if found:
            return found[0]
    raise Refusal("UnknownNode", f"there is no agent '{name}'", ids=[agent.id for agent in agents])


def shifted(given, prefix):
    """The text of a class with its lines moved to the right, but for those that begin inside a string."""
    strings = [node for node in ast.walk(given.tree) if isinstance(node, (ast.Constant, ast.JoinedStr))]
    inside = {line for node in strings for line in range(node.lineno + 1, node.end_lineno + 1)}
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n|$)", given.text)
    return "".join(
        line if index == 0 or index + 1 in inside or not line.strip() else prefix + line
        for index, line in enumerate(lines))


def given_definition(text, prefix):
    """What is to be put in: its Source, the statement in it, and where its text begins there.

    A class for an indented place is taken as it is to stand there, or as it would stand by itself.
    """
    try:
        given, start = Source(text, "replacement"), 0
    except IndentationError:
        if not prefix:
            raise
        given, start = Source(f"if 1:\n{prefix}{text}", "replacement"), len(f"if 1:\n{prefix}")
        return given, given.tree.body[0].body, start
    whole = given.tree.body[0] if given.tree.body else None
    if prefix and isinstance(whole, ast.ClassDef):
        columns = [part.col_offset for part in whole.body if part.lineno > whole.lineno]
        if whole.decorator_list or (columns and min(columns) <= len(prefix)):
            given = Source(f"if 1:\n{prefix}{shifted(given, prefix)}", "replacement")
            return given, given.tree.body[0].body, len(f"if 1:\n{prefix}")
    return given, given.tree.body, 0


def replace(request):
    """A definition anew: a class by a class, a call by a call, an assignment of a call by either."""
    program = Definitions(Source(request["source"], request["path"]))
    source, agent = program.source, chosen(program.agents, request["name"])
    text, before = request["replacement"].removeprefix("\ufeff").strip(), source.slice(agent.node)
    if text != before:
        ends = re.findall(r"\r\n|\r|\n", before) or re.findall(r"\r\n|\r|\n", source.text) or ["\n"]
        text = re.sub(r"\r\n|\r|\n", max(ends, key=ends.count), text)
    start, end = source.span(agent.node)
    prefix = source.data[source.lines[source.place(start)[0] - 1][0]:start].decode() if agent.is_class else ""
    try:
        given, body, begin = given_definition(text, prefix)
    except FAULTS as error:
        return fault(error) | {"where": "replacement"}
    whole = body[0] if len(body) == 1 else None
    new, old = whole.value if isinstance(whole, (ast.Expr, ast.Assign, ast.AnnAssign)) else whole, agent.node
    if not isinstance(new, ast.ClassDef if agent.is_class else ast.Call):
        wanted = "one class" if agent.is_class else "one Agent(...), or one assignment of it,"
        raise Refusal("NotADefinition", f"{wanted} is wanted for '{agent.id}'")
    if isinstance(whole, (ast.Assign, ast.AnnAssign)):
        old = program.statements.get(id(agent.node))
        if not old:
            raise Refusal("NotADefinition", f"'{agent.id}' is no assignment of its own: give Agent(...) alone")
        start, end = source.span(old)
    first, last = given.span(whole if isinstance(old, ast.stmt) else new)
    if isinstance(old, ast.stmt):
        # Comments around a statement are kept where they cannot change what stands beside it.
        first = begin if begin or source.place(start)[1] == 0 else first
        last = len(given.data) if re.match(rb"[ \t\f]*(?:[\r\n]|$)", source.data[end:]) else last
    result = (source.data[:start] + given.data[first:last] + source.data[end:]).decode()
    verdict = check({"source": result, "path": request["path"]})
    if not verdict["ok"]:
        return verdict | {"where": "result"}
    at = start + given.span(new)[0] - first
    made = Definitions(Source(result, request["path"]))
    if not any(at == made.source.span(found.node)[0] and found.scope == agent.scope for found in made.agents):
        raise Refusal("NotADefinition", "the replacement defines no agent")
    return {"ok": True, "source": result}
