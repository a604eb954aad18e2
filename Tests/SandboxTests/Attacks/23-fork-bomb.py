# {"name": "fork-bomb", "what": "Makes a thousand processes that stay.", "contained": "The kernel refuses more than the limit, and all of them are gone at the end.", "verdict": ["passed:none", "passed:processes", "failed:processes", "error:processes"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import subprocess
import sys

BOMB = """
import errno, os, sys, time
for made in range(1000):
    try:
        child = os.fork()
    except OSError as error:
        print(f"CONTAINED: {errno.errorcode[error.errno]} after {made} processes", flush=True)
        sys.exit(0)
    if child == 0:
        time.sleep(30)
        os._exit(0)
print("ESCAPED: 1000 processes", flush=True)
sys.exit(1)
"""
sys.exit(subprocess.call([sys.executable, "-c", BOMB, "@MARK@"]))
