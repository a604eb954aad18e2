# {"name": "descriptors", "what": "Opens descriptors until it is refused.", "contained": "It is refused before 4096.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import os
import sys

count = 0
try:
    while count < 4096:
        os.open("/dev/null", os.O_RDONLY)
        count += 1
    result = "ESCAPED: 4096 descriptors"
except OSError as error:
    result = f"CONTAINED: {errno.errorcode[error.errno]} after {count} descriptors"
print(result)
sys.exit(result.startswith("ESCAPED"))
