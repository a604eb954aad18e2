# {"name": "processor-by-children", "what": "Computes in eight children, since a processor limit counts for each process alone.", "contained": "All of them are ended at the time limit.", "verdict": ["timeout:wall", "timeout:cpu", "error:cpu", "error:processes"], "prints": "", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import subprocess
import sys

# The children end by themselves after a while, should nothing else end them.
LOOP = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
children = [subprocess.Popen([sys.executable, "-c", LOOP, "@MARK@"]) for _ in range(8)]
for child in children:
    child.wait()
