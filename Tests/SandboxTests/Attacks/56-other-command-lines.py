# {"name": "other-command-lines", "what": "Lists the other processes and reads their command lines.", "contained": "It sees the daemon nowhere, and no more than a few processes, which are of its own sandbox.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "namespaces"}
import os
import sys

seen = []
try:
    names = os.listdir("/proc")
except OSError:
    names = []
for name in names:
    if not name.isdigit() or int(name) == os.getpid():
        continue
    try:
        with open(f"/proc/{name}/cmdline", "rb") as file:
            file.read()
        seen.append(name)
    except OSError:
        pass
escaped = len(seen) > 8 or "@PARENT_PID@" in seen
print(f"{'ESCAPED' if escaped else 'CONTAINED'}: {len(seen)} command lines of others")
sys.exit(escaped)
