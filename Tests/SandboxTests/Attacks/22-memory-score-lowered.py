# {"name": "memory-score-lowered", "what": "Asks the kernel to kill anything else first when memory runs out.", "contained": "It is itself what goes first, and its score cannot be lowered.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import sys

PATH = "/proc/self/oom_score_adj"


def score():
    with open(PATH) as file:
        return int(file.read())


before, words = score(), []
for wanted in ("-1000", "0", "999"):
    try:
        with open(PATH, "w") as file:
            file.write(wanted)
        words.append(f"{wanted} taken")
    except OSError as error:
        words.append(f"{wanted} {errno.errorcode[error.errno]}")
escaped = before < 1000 or score() < before
print(f"{'ESCAPED' if escaped else 'CONTAINED'}: {before}, {', '.join(words)}")
sys.exit(escaped)
