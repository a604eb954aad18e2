# {"name": "session-of-its-own", "what": "Waits for a child that has left the session and the process group, ignores all signals and holds no pipe.", "contained": "Parent and child are killed at the wall-clock limit.", "verdict": ["timeout:wall"], "prints": "STARTED", "forbids": "ESCAPED", "check": "no_process", "needs": "namespaces"}
import subprocess
import sys

AWAY = """
import ctypes, os, signal, time
os.setsid()
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
ctypes.CDLL(None).prctl(1, 0)  # PR_SET_PDEATHSIG: no signal when the parent ends.
print("STARTED", flush=True)
os.closerange(0, 256)
time.sleep(60)
"""
subprocess.call([sys.executable, "-c", AWAY, "@MARK@"])
