# {"name": "database-of-the-daemon", "what": "Reads the daemon's database and its log, lists its folder, and opens it for writing.", "contained": "It does not exist or may not be opened.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "database_unchanged", "needs": "landlock"}
import errno
import os
import sys

DATABASE = "@DATABASE@"

def read(path):
    """Reads a little; what it finds is not shown."""
    with open(path, "rb") as file:
        file.read(16)

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
    "read": lambda: read(DATABASE),
    "write": lambda: os.close(os.open(DATABASE, os.O_RDWR)),
    "log": lambda: read(DATABASE + "-wal"),
    "folder": lambda: os.listdir(os.path.dirname(DATABASE)),
    "through itself": lambda: read("/proc/self/root" + DATABASE),
}))
