# {"name": "orphan-stopped", "what": "Ends well, but leaves a stopped child in another session, which handles no signal but SIGKILL.", "contained": "The child is gone when the test has ended.", "verdict": ["passed:none"], "prints": "STARTED", "forbids": "ESCAPED", "check": "no_process", "needs": "namespaces"}
import os
import subprocess
import sys

STOPPED = "import os, signal, time\nos.setsid()\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", STOPPED, "@MARK@"])
_, status = os.waitpid(child.pid, os.WUNTRACED)
print("STARTED" if os.WIFSTOPPED(status) else "the child has ended", flush=True)
os._exit(0)
