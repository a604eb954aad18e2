# {"name": "sparse-file", "what": "Makes a file of a terabyte that holds nothing, and reserves a gigabyte.", "contained": "Both sizes are refused.", "verdict": ["passed:none", "passed:files", "failed:files", "error:files"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import os
import sys

def report(attempts):
    """Makes each attempt; one that raises no OSError is an escape. True is also the exit code 1."""
    escaped, refused = [], []
    for name, attempt in attempts.items():
        try:
            attempt()
            escaped.append(name)
        except OSError as error:
            refused.append(f"{name} {errno.errorcode.get(error.errno, error)}")
    print(f"ESCAPED: {', '.join(escaped)}" if escaped else f"CONTAINED: {', '.join(refused)}", flush=True)
    return bool(escaped)

file = os.open("sparse", os.O_CREAT | os.O_RDWR)
escaped = report({
    "truncate": lambda: os.ftruncate(file, 1 << 40),
    "allocate": lambda: os.posix_fallocate(file, 0, 1 << 30),
})
os.unlink("sparse")
sys.exit(escaped)
