# {"name": "device-nodes-made", "what": "Makes nodes for the memory, the disks and the console in the work folder, and opens them.", "contained": "No node can be made.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import os
import stat
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


def make(name, kind, major, minor):
    os.mknod(name, kind | 0o600, os.makedev(major, minor))
    os.unlink(name)


sys.exit(report({
    "mem": lambda: make("mem", stat.S_IFCHR, 1, 1),
    "kmsg": lambda: make("kmsg", stat.S_IFCHR, 1, 11),
    "console": lambda: make("console", stat.S_IFCHR, 5, 1),
    "sda": lambda: make("sda", stat.S_IFBLK, 8, 0),
    "vda": lambda: make("vda", stat.S_IFBLK, 254, 0),
}))
