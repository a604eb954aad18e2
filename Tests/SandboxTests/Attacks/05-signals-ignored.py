# {"name": "signals-ignored", "what": "Ignores SIGTERM and every other signal that can be ignored, then waits.", "contained": "It is killed at the wall-clock limit.", "verdict": ["timeout:wall"], "prints": "IGNORING", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import subprocess
import sys

DEAF = """
import signal, time
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
print("IGNORING", flush=True)
time.sleep(60)
"""
subprocess.call([sys.executable, "-c", DEAF, "@MARK@"])
