# {"name": "output-closed", "what": "Closes its standard streams and stays, so that a reader of its output believes that it has ended.", "contained": "The end of its output is not taken for its end: it is killed at the wall-clock limit.", "verdict": ["timeout:wall"], "prints": "CLOSING", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import os
import sys

CLOSED = """
import os, time
print("CLOSING", flush=True)
os.closerange(0, 256)
time.sleep(60)
"""
# A new start of the interpreter in this process, for the name in the arguments.
os.execv(sys.executable, [sys.executable, "-c", CLOSED, "@MARK@"])
