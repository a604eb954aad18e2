# {"name": "stopped", "what": "Stops itself with SIGSTOP, so that it never ends and handles no signal.", "contained": "It is killed at the wall-clock limit although it is stopped.", "verdict": ["timeout:wall"], "prints": "STOPPING", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import subprocess
import sys

STOPPED = """
import os, signal, time
print("STOPPING", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(60)
"""
subprocess.call([sys.executable, "-c", STOPPED, "@MARK@"])
