# {"name": "processor-signal-ignored", "what": "Ignores SIGXCPU, moves the soft limit up to the hard one, and computes for ever.", "contained": "It is ended at the time limit all the same.", "verdict": ["timeout:wall", "timeout:cpu", "error:cpu"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import resource
import signal

signal.signal(signal.SIGXCPU, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
while True:
    pass
