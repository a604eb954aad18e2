# {"name": "kill-everything", "what": "Sends SIGKILL to every process that it may signal.", "contained": "Only its own processes are hit.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "namespaces"}
import os
import signal
import subprocess
import sys

# A high number tells that there is no process namespace: then signal 0, which only asks, has to be refused first.
if os.getpid() > 1000:
    # Not with -1, which succeeds when every process refuses: see kill(2).
    for number in range(1, os.getpid()):
        try:
            os.kill(number, 0)
            print(f"ESCAPED: may signal process {number} of the machine")
            sys.exit(1)
        except (PermissionError, ProcessLookupError):
            pass
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "@MARK@"])
os.kill(-1, signal.SIGKILL)
print(f"CONTAINED: only its own child was hit, by {signal.Signals(-child.wait()).name}")
