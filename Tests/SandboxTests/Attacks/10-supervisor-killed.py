# {"name": "supervisor-killed", "what": "Kills the process that started it, then fails.", "contained": "The kill has no effect, and the failure is reported.", "verdict": ["failed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "namespaces"}
import errno
import os
import signal
import sys
import time

# A high number tells that there is no process namespace: then signal 0, which only asks, has to be refused first.
parent = os.getppid()
if os.getpid() > 1000:
    try:
        os.kill(parent, 0)
        print(f"ESCAPED: may signal its parent {parent}")
        sys.exit(2)
    except PermissionError:
        pass
result = "no effect"
for number in (signal.SIGTERM, signal.SIGKILL) if parent > 0 else ():
    try:
        os.kill(parent, number)
    except OSError as error:
        result = errno.errorcode[error.errno]
# A parent that has been killed is gone within this time; there is no event to wait for when it lives.
time.sleep(0.2)
if os.getppid() != parent:
    print(f"ESCAPED: process {parent} is dead, {os.getppid()} took its place")
    sys.exit(2)
print(f"CONTAINED: {result}")
sys.exit(1)
