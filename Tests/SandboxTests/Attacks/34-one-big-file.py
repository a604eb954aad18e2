# {"name": "one-big-file", "what": "Writes one file of 256 MB.", "contained": "The file is cut at the limit, or the folder is full.", "verdict": ["passed:none", "passed:files", "failed:files", "error:files"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import os
import sys

total = 0
with open("big", "wb", buffering=0) as file:
    try:
        while total < 256:
            total += file.write(b"x" * (1 << 20)) >> 20
        result = "ESCAPED: 256 MB"
    except OSError as error:
        result = f"CONTAINED: {errno.errorcode[error.errno]} after {total} MB"
os.unlink("big")
print(result)
sys.exit(result.startswith("ESCAPED"))
