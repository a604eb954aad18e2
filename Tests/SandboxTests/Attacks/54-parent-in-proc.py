# {"name": "parent-in-proc", "what": "Reads the daemon's environment, memory, maps and open files in /proc, and writes to its memory.", "contained": "The daemon is not there or cannot be read.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "landlock"}
import errno
import os
import sys

PROC = "/proc/@PARENT_PID@/"

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

FILES = ["environ", "mem", "maps", "smaps", "auxv", "stack", "io"]
sys.exit(report({name: lambda name=name: read(PROC + name) for name in FILES} | {
    "mem for writing": lambda: os.close(os.open(PROC + "mem", os.O_WRONLY)),
    "fd": lambda: os.listdir(PROC + "fd"),
    "exe": lambda: os.readlink(PROC + "exe"),
    "cwd": lambda: os.listdir(PROC + "cwd"),
}))
