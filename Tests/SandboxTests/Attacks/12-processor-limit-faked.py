# {"name": "processor-limit-faked", "what": "Sends SIGXCPU to itself, as if it had used up its processor time.", "contained": "The verdict names the signal and not the processor limit, which was not hit.", "verdict": ["error:signal", "failed:signal"], "prints": "FAKING", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import signal

print("FAKING", flush=True)
os.kill(os.getpid(), signal.SIGXCPU)
