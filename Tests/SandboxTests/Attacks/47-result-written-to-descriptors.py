# {"name": "result-written-to-descriptors", "what": "Writes a made-up good result to every descriptor that it may have been left, and fails.", "contained": "There are none to write to, and the failure is reported.", "verdict": ["failed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import sys

written = []
for descriptor in range(3, 1024):
    try:
        os.write(descriptor, b'{"status": "passed", "exit_code": 0, "signal": 0, "limit": "none"}\n\0\0\0\0')
        written.append(descriptor)
    except OSError:
        pass
print(f"ESCAPED: wrote to {written}" if written else "CONTAINED: EBADF")
sys.exit(1)
