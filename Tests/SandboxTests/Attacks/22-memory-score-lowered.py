# {"name": "memory-score-lowered", "what": "Asks the kernel to kill anything else first when memory runs out.", "contained": "The score cannot be lowered.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import sys

PATH = "/proc/self/oom_score_adj"
try:
    with open(PATH) as file:
        before = int(file.read())
    with open(PATH, "w") as file:
        file.write("-1000")
    with open(PATH) as file:
        after = int(file.read())
    result = f"{before} became {after}"
    escaped = after < before
except OSError as error:
    escaped, result = False, errno.errorcode[error.errno]
print(f"{'ESCAPED' if escaped else 'CONTAINED'}: {result}")
sys.exit(escaped)
