# {"name": "orphan-with-pipe", "what": "Ends well, but leaves a child that holds its output open.", "contained": "The test passes at once and does not wait for the child, which is gone afterwards.", "verdict": ["passed:none"], "prints": "STARTED", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import subprocess
import sys

HOLDER = "import time; time.sleep(60)"
subprocess.Popen([sys.executable, "-c", HOLDER, "@MARK@"])
print("STARTED", flush=True)
