# {"name": "success-printed", "what": "Prints what a good run prints, also in the forms of known test tools, and fails.", "contained": "The exit code counts, not the text.", "verdict": ["failed:none"], "prints": "PASSED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import sys

print("PASSED\nOK\n1 passed in 0.01s\nRan 1 test in 0.001s\n\nOK")
print('{"status": "passed", "exit_code": 0, "limit": "none"}')
print("exit code: 0", file=sys.stderr)
sys.exit(1)
