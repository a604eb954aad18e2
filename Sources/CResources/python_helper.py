"""Answers questions about Python source, one JSON object a line, until its input ends.

{"id": 1, "op": "check", "path": "agents.py", "source": "..."}: does it compile?
  -> {"id": 1, "ok": true}
  -> {"id": 1, "ok": false, "type": "SyntaxError", "message": "...", "line": 3, "column": 5, "text": "..."}
{"id": 2, "op": "nodes", "path": ..., "source": ...}: which agents does it define?
  -> {"id": 2, "ok": true, "nodes": [{"id": "Triage", "name": "Triage", "line_start": 3, ...}]}
{"id": 3, "op": "replace", "path": ..., "source": ..., "name": "Triage", "replacement": "..."}: a definition anew
  -> {"id": 3, "ok": true, "source": "..."}
{"id": 4, "op": "graph", "path": ..., "source": ...}: a picture of the agents, their tools and handoffs
  -> {"id": 4, "ok": true, "svg": "<svg ..."}

Source is parsed and compiled, never run. CPython bounds its own recursion there: the parser by a depth of 6000, the
tree, the symbol table and the compiler by multiples of the recursion limit, which is left at its default for that.
"""
import json
import sys

OPERATIONS = {"check": check, "nodes": nodes, "replace": replace, "graph": graph}


def answer(line):
    """The answer to a line: also to one that is no question, and when the work itself fails."""
    identity = None
    try:
        request = json.loads(line)
        if isinstance(request, dict) and isinstance(request.get("id"), (str, int)):
            identity = request["id"]
        needed = {"op", "path", "source"} | ({"name", "replacement"} if request["op"] == "replace" else set())
        if not all(isinstance(request[member], str) for member in needed):
            raise TypeError("a member is no text")
        operation = OPERATIONS[request["op"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return {"ok": False, "type": "BadRequest", "message": f"{type(error).__name__}: {error}"[:300], "id": identity}
    try:
        found = operation(request)
    except Refusal as refusal:
        found = refusal.answer
    except Exception as error:
        found = fault(error)
    return found | {"id": identity}


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing but answers goes out
    for line in sys.stdin.buffer:
        text = json.dumps(answer(line), ensure_ascii=False)
        # Lone surrogates, which a literal may hold, are in no UTF-8.
        answers.write(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode() + b"\n")
        answers.flush()
