# {"name": "endless-loop", "what": "Computes for ever.", "contained": "It is ended at the time limit.", "verdict": ["timeout:wall", "timeout:cpu", "error:cpu"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
while True:
    pass
