# {"name": "killed-by-itself", "what": "Sends SIGKILL to itself.", "contained": "The verdict names the signal and no limit, since none was hit.", "verdict": ["error:signal", "failed:signal"], "prints": "KILLING", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import signal

print("KILLING", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
