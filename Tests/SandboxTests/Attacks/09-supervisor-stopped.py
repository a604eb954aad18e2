# {"name": "supervisor-stopped", "what": "Stops the process that started it, so that nobody is left to look at the clock.", "contained": "The stop has no effect, and the program is killed at the wall-clock limit.", "verdict": ["timeout:wall"], "prints": "STOPPING", "forbids": "ESCAPED", "check": "parent_alive", "needs": "namespaces"}
import os
import signal
import sys
import time

# A high number tells that there is no process namespace: then signal 0, which only asks, has to be refused first.
if os.getpid() > 1000:
    try:
        os.kill(os.getppid(), 0)
        print(f"ESCAPED: may signal its parent {os.getppid()}")
        sys.exit(1)
    except PermissionError:
        pass
print("STOPPING", flush=True)
if os.getppid() > 0:
    try:
        os.kill(os.getppid(), signal.SIGSTOP)
    except PermissionError:
        pass
time.sleep(600)
