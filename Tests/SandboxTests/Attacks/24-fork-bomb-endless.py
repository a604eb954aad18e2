# {"name": "fork-bomb-endless", "what": "Every process forks for ever, and none of them ends.", "contained": "The bomb stays within the limit, the time limit ends it, and nothing is left.", "verdict": ["timeout:wall", "timeout:cpu", "timeout:processes", "error:cpu", "error:processes"], "prints": "FORKING", "forbids": "ESCAPED", "check": "no_process", "needs": "namespaces"}
import subprocess
import sys

# It explodes only when a small try has shown that there is a limit, and gives up after half a minute.
BOMB = """
import os, signal, sys, time
end = time.monotonic() + 30
tried = []
try:
    while len(tried) < 1000:
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        tried.append(child)
except OSError:
    pass
for child in tried:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
if len(tried) == 1000:
    print("ESCAPED: 1000 processes", flush=True)
    sys.exit(1)
print("FORKING", flush=True)
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        pass
"""
sys.exit(subprocess.call([sys.executable, "-c", BOMB, "@MARK@"]))
