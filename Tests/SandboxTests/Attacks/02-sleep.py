# {"name": "sleep", "what": "Sleeps much longer than it may run, using no processor time.", "contained": "It is ended at the wall-clock limit.", "verdict": ["timeout:wall"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import time

time.sleep(600)
