# {"name": "daemon", "what": "Leaves a daemon behind: forked twice, in a session of its own, all signals ignored, no pipe held.", "contained": "The daemon is gone when the test has ended.", "verdict": ["passed:none"], "prints": "STARTED", "forbids": "ESCAPED", "check": "no_process", "needs": "namespaces"}
import subprocess
import sys

DAEMON = """
import ctypes, os, signal, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
ctypes.CDLL(None).prctl(1, 0)  # PR_SET_PDEATHSIG: no signal when the parent ends.
print("STARTED", flush=True)
os.closerange(0, 256)
time.sleep(60)
"""
daemon = subprocess.Popen([sys.executable, "-c", DAEMON, "@MARK@"], stdout=subprocess.PIPE)
print(daemon.stdout.readline().decode(), end="", flush=True)
