"""Answers questions about Python source, one JSON object a line, until its input ends. The daemon runs this file behind
python_source.py, python_nodes.py and python_graph.py, all as one script.

{"id": 1, "op": "check", "path": "agents.py", "source": "..."}
  -> {"id": 1, "ok": true}
  -> {"id": 1, "ok": false, "type": "SyntaxError", "message": "...", "line": 3, "column": 5, "text": "..."}
{"id": 2, "op": "nodes", ...}    -> {"id": 2, "ok": true, "nodes": [...]}
{"id": 3, "op": "replace", ..., "name": "...", "replacement": "..."} -> {"id": 3, "ok": true, "source": "..."}
{"id": 4, "op": "graph", ...}    -> {"id": 4, "ok": true, "svg": "<svg ..."}
"""
import json
import sys
import warnings

warnings.simplefilter("ignore")

OPERATIONS = {"check": check, "nodes": nodes, "replace": replace, "graph": graph}


def answered(line):
    """The answer to one line; a question that is none is answered too, so that the next one can be asked."""
    identity = None
    try:
        request = json.loads(line)
        identity = request.get("id")
        answer = OPERATIONS[request["op"]](request)
    except Refusal as refusal:
        answer = refusal.answer
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        answer = fault(error)
    except (KeyError, TypeError, AttributeError) as error:
        answer = {"ok": False, "type": "BadRequest", "message": f"the question cannot be read: {error!r}"}
    return {"id": identity, **answer}


for line in sys.stdin.buffer:
    sys.stdout.write(json.dumps(answered(line)) + "\n")
    sys.stdout.flush()
