# {"name": "fork-chain", "what": "Leaves a chain of processes of which each forks the next and ends, so that its number changes all the time.", "contained": "The chain is gone when the test has ended.", "verdict": ["passed:none"], "prints": "STARTED", "forbids": "ESCAPED", "check": "no_process", "needs": "namespaces"}
import subprocess
import sys

CHAIN = """
import os, time
end = time.monotonic() + 20
os.setsid()
print("STARTED", flush=True)
os.closerange(0, 256)
while time.monotonic() < end:
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        pass
"""
chain = subprocess.Popen([sys.executable, "-c", CHAIN, "@MARK@"], stdout=subprocess.PIPE)
print(chain.stdout.readline().decode(), end="", flush=True)
