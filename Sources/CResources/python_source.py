"""Python source as it is written: its text, its tree, where things are in it, and what its names mean.

The first part of the script that python_helper.py ends.
"""
import ast
import bisect
import collections
import re
import warnings

warnings.simplefilter("ignore")
FAULTS = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)


class Refusal(Exception):
    """Why a question has no answer; the members become those of the answer."""

    def __init__(self, type, message, **members):
        super().__init__(message)
        self.answer = {"ok": False, "type": type, "message": message, **members}


def fault(error):
    """The answer for what the parser or the compiler raised."""
    if isinstance(error, SyntaxError):
        return {
            "ok": False,
            "type": type(error).__name__,
            "message": error.msg,
            "line": error.lineno,
            "column": error.offset,
            "text": error.text,
        }
    return {"ok": False, "type": type(error).__name__, "message": str(error) or "the source is too complex"}


def check(request):
    try:
        compile(request["source"].encode(), request["path"], "exec", dont_inherit=True)
    except FAULTS as error:
        return fault(error)
    return {"ok": True}


class Source:
    """Source text with its tree, and where things are in it.

    The text is UTF-8 whatever its coding cookie says, since offsets are about the file as it is. Python counts columns
    in bytes. A byte order mark counts in offsets, not in columns.
    """

    def __init__(self, text, path):
        self.text, self.data = text, text.encode()
        body = text.removeprefix("\ufeff")
        self.tree = ast.parse(body, path)
        self.lines = [(3, 1) if len(body) < len(text) else (0, 0)]  # where each begins, in bytes and in characters
        # Only these end a line for Python; str.splitlines knows more.
        begin = 0
        for found in re.finditer(r"\r\n|\r|\n", body):
            byte, char = self.lines[-1]
            line, begin = body[begin:found.end()], found.end()
            self.lines.append((byte + len(line.encode()), char + len(line)))

    def span(self, node):
        """Where a node begins and ends, in bytes; a class begins with its decorators."""
        start = self.lines[node.lineno - 1][0] + node.col_offset
        if getattr(node, "decorator_list", None):
            # A decorator begins its line, but its expression may stand in parentheses on a later one.
            line = node.decorator_list[0].lineno
            while not re.compile(rb"[ \t\f]*@").match(self.data, self.lines[line - 1][0]):
                line -= 1
            start = self.data.index(b"@", self.lines[line - 1][0])
        return start, self.lines[node.end_lineno - 1][0] + node.end_col_offset

    def slice(self, node):
        return self.data[slice(*self.span(node))].decode()

    def place(self, offset):
        """Line, column and offset in characters of an offset in bytes."""
        line = bisect.bisect_right(self.lines, (offset, len(self.data)))
        byte, char = self.lines[line - 1]
        column = len(self.data[byte:offset].decode())
        return line, column, char + column


def position(node):
    return node.lineno, node.col_offset


def dotted(node):
    """`a.b` of an attribute, `a['b']` of a constant subscript, "" of what is no such path."""
    parts = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            parts.append("." + node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            parts.append(f"[{node.slice.value!r}]")
        else:
            return ""
        node = node.value
    return node.id + "".join(reversed(parts))


def class_path(node):
    """The path of a class; of `Agent[Context]` that is `Agent`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return dotted(node)


def operands(node):
    """The operands of a chain of `+`, which may be long."""
    rest = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        rest.append(node.right)
        node = node.left
    return [node, *reversed(rest)]


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Before Python 3.12 places inside an f-string are wrong, so nothing is looked for in there.
LEAVES = (ast.Constant, ast.JoinedStr, ast.expr_context, ast.operator)
# What a name has from a position on: a node, the path of what was imported, or None for what is not known; and the
# changes of the list that it is, as (change, node, scope).
Binding = collections.namedtuple("Binding", "start value scope changes")


class Program:
    """What a program binds, calls and changes. A scope is the tuple of the names around something."""

    def __init__(self, source):
        self.source, self.budget = source, 200_000
        self.bindings = {}  # (scope, name) -> [Binding]
        self.classes, self.calls, self.changes = [], [], []
        self.variables, self.statements = {}, {}  # by id() of the value that is assigned
        self.seen_targets = set()  # id() of the names that their statement has bound
        self.survey()

    def survey(self):
        pending = [(self.source.tree, ())]
        while pending:
            node, scope = pending.pop()
            inner = (*scope, node.name) if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else scope
            self.visit(node, scope, inner)
            for field in node._fields:
                value = getattr(node, field, None)
                for child in value if isinstance(value, list) else (value,):
                    if isinstance(child, ast.AST) and not isinstance(child, LEAVES):
                        pending.append((child, inner if field == "body" else scope))
        for found in self.bindings.values():
            found.sort(key=lambda binding: binding.start)
        self.changes.sort(key=lambda change: position(change[1]))

    def visit(self, node, scope, inner):
        if isinstance(node, ast.Call):
            self.calls.append((node, scope))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in self.seen_targets:
            self.bind(node.id, scope, position(node), None)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self.bind(node.name, scope, position(node), node)
            if isinstance(node, ast.ClassDef):
                self.classes.append((node, scope))
            for part in ast.walk(getattr(node, "args", ast.arguments())):
                if isinstance(part, ast.arg):
                    self.bind(part.arg, inner, position(part), None)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            module = "." * node.level + (node.module or "") + "." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                bound = alias.asname or (alias.name if module else alias.name.partition(".")[0])
                self.bind(bound, scope, position(node), module + alias.name if alias.asname or module else bound)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                self.assign(target, node.value, scope, (node.end_lineno, node.end_col_offset))
            if len(targets) == 1 and isinstance(node, ast.stmt):
                self.statements[id(node.value)] = node
        elif isinstance(node, (ast.For, ast.AsyncFor)) and isinstance(node.target, ast.Name):
            # Such a variable is any of the elements: it has the value of the list.
            self.seen_targets.add(id(node.target))
            self.bind(node.target.id, scope, position(node.iter), node.iter)
        elif isinstance(node, ast.AugAssign):
            self.seen_targets.add(id(node.target))
            self.changes.append(("extend", node.target, node.value, scope))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
            change = getattr(node.value.func, "attr", None)
            if change in ("append", "insert", "extend"):
                self.changes.append((change, node.value.func.value, node.value.args[-1], scope))

    def assign(self, target, value, scope, start):
        targets, values = getattr(target, "elts", [target]), getattr(value, "elts", ())
        values = values if isinstance(target, (ast.Tuple, ast.List)) else [value]
        if len(targets) == len(values) and not any(isinstance(part, ast.Starred) for part in [*targets, *values]):
            for target, value in zip(targets, values):
                if name := dotted(target):
                    self.seen_targets.add(id(target))
                    self.bind(name, scope, start, value)
                    self.variables.setdefault(id(value), name)
                if getattr(target, "attr", None) in ("handoffs", "tools"):
                    self.changes.append(("set", target, value, scope))

    def bind(self, name, scope, start, value):
        # An attribute of self belongs to the class, whichever method sets it.
        owner = scope[:-1] if name.startswith("self.") else scope
        self.bindings.setdefault((owner, name), []).append(Binding(start, value, scope, []))

    def all_bindings(self, name, scope):
        """The bindings that a name may mean, and whether they are of this scope itself."""
        first, _, rest = name.partition(".")
        for depth in range(len(scope), -1, -1):
            outer = scope[:depth]
            found = self.bindings.get((outer, name), ())
            if rest and not found:
                found = self.bindings.get((outer if first == "self" else (*outer, first), rest), ())
            if found:
                return found, depth == len(scope)
        return (), False

    def lookup(self, node, scope):
        """What a path means where it stands: in its own scope the last binding before it, elsewhere the last of all."""
        name = dotted(node)
        found, is_local = self.all_bindings(name, scope) if name else ((), False)
        before = bisect.bisect_right(found, position(node), key=lambda binding: binding.start) if is_local else 0
        return found[before - 1] if found else None

    def spend(self, amount=1):
        """A few lines can stand for lists and texts without end: there is a bound on the work."""
        self.budget -= amount
        if self.budget < 0:
            raise Refusal("TooComplex", "the definitions stand for too much to be written out")
