# {"name": "secrets-in-environment", "what": "Looks through its environment for anything that a program does not need.", "contained": "The environment holds the common names alone.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import re
import sys

COMMON = re.compile(r"PATH|HOME|TMPDIR|LANG|LANGUAGE|LC_\w+|TZ|TERM|USER|LOGNAME|SHELL|PWD|OLDPWD|SHLVL|_|PYTHON\w+")
with open("/proc/self/environ", "rb") as file:
    first = {entry.split(b"=")[0].decode() for entry in file.read().split(b"\0") if entry}
# Names only: what they hold is nobody's business.
strange = sorted(name for name in first | set(os.environ) if not COMMON.fullmatch(name))
print(f"ESCAPED: {', '.join(strange)}" if strange else f"CONTAINED: {', '.join(sorted(os.environ))}")
sys.exit(bool(strange))
