"""Answers questions about Python source, one JSON object a line, until its input ends.

{"id": 1, "op": "check", "path": "agents.py", "source": "..."}
  -> {"id": 1, "ok": true}
  -> {"id": 1, "ok": false, "type": "SyntaxError", "message": "...", "line": 3, "column": 5, "text": "..."}
"""
import json
import sys
import warnings

warnings.simplefilter("ignore")


def check(request):
    try:
        compile(request["source"].encode(), request["path"], "exec", dont_inherit=True)
    except SyntaxError as error:
        return {
            "ok": False,
            "type": type(error).__name__,
            "message": error.msg,
            "line": error.lineno,
            "column": error.offset,
            "text": error.text,
        }
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return {"ok": False, "type": type(error).__name__, "message": str(error) or "the source is too complex"}
    return {"ok": True}


OPERATIONS = {"check": check}

for line in sys.stdin.buffer:
    request = json.loads(line)
    answer = OPERATIONS[request["op"]](request)
    answer["id"] = request["id"]
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
