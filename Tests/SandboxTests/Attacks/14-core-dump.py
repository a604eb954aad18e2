# {"name": "core-dump", "what": "Raises its core limit as far as it may and aborts in a child, to write its memory to the disk.", "contained": "No core is written.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import pathlib
import resource
import signal
import sys

child = os.fork()
if child == 0:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    os.abort()
_, status = os.waitpid(child, 0)
cores = [path.name for path in pathlib.Path(".").glob("*core*")]
if os.WCOREDUMP(status) or cores:
    print(f"ESCAPED: a core was dumped, {cores}")
    sys.exit(1)
print(f"CONTAINED: ended by {signal.Signals(os.WTERMSIG(status)).name} without a core")
