# {"name": "inherited-descriptors", "what": "Looks for open descriptors beyond the standard streams, and for folders and sockets among those.", "contained": "There are three, and none of them is a folder or a socket.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import stat
import sys

found = []
for number in range(4096):
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        continue
    if number > 2 or stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
        found.append(f"{number} {stat.filemode(mode)}")
print(f"ESCAPED: {', '.join(found)}" if found else "CONTAINED: EBADF from 3 to 4095")
sys.exit(bool(found))
