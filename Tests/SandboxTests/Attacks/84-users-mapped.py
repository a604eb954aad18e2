# {"name": "users-mapped", "what": "Writes the maps of its user namespace, to be root of the host in it.", "contained": "The maps cannot be written.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
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


def write(name, text):
    descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


sys.exit(report({
    "uid_map": lambda: write("uid_map", b"0 0 1\n"),
    "gid_map": lambda: write("gid_map", b"0 0 1\n"),
    "setgroups": lambda: write("setgroups", b"allow"),
    "projid_map": lambda: write("projid_map", b"0 0 1\n"),
}))
