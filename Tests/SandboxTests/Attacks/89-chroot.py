# {"name": "chroot", "what": "Changes its root and climbs out of it, the classic way out of a cage.", "contained": "The root cannot be changed.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
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


def climb():
    os.makedirs("cage", exist_ok=True)
    outside = os.open(".", os.O_RDONLY)
    os.chroot("cage")
    os.fchdir(outside)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")


sys.exit(report({"climb": climb, "root": lambda: os.chroot("/")}))
