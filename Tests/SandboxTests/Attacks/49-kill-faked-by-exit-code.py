# {"name": "kill-faked-by-exit-code", "what": "Ends with the exit code that a shell shows for a killed process.", "contained": "It is a plain failure: no signal, no limit.", "verdict": ["failed:none"], "prints": "FAKING", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import sys

print("FAKING")
sys.exit(137)
