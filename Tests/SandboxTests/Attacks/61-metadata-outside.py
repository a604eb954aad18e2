# {"name": "metadata-outside", "what": "Changes the mode, times, attributes and length of a file of the host, and its name.", "contained": "All of them are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "host_file_unchanged", "needs": "namespaces"}
import errno
import os
import sys

FILE = "@HOST_FILE@"

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

sys.exit(report({
    "chmod": lambda: os.chmod(FILE, 0o777),
    "utime": lambda: os.utime(FILE, (0, 0)),
    "chown": lambda: os.chown(FILE, os.getuid(), os.getgid()),
    "attribute": lambda: os.setxattr(FILE, "user.escaped", b"1"),
    "truncate": lambda: os.truncate(FILE, 0),
    "rename": lambda: os.rename(FILE, FILE + ".escaped"),
    "unlink": lambda: os.unlink(FILE),
}))
