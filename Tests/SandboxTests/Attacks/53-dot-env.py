# {"name": "dot-env", "what": "Looks for the file of settings and keys in every place where it may lie.", "contained": "There is none that it can open.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "landlock"}
import errno
import os
import sys

FOLDERS = ["@HOST_DIR@", os.path.dirname("@HOST_FILE@"), os.path.dirname("@DATABASE@"), "/proc/@PARENT_PID@/cwd",
           "/proc/1/cwd", "/app", ""] + ["/".join([".."] * depth) for depth in range(1, 8)]

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

sys.exit(report({f"{folder}/.env": lambda folder=folder: read(folder + "/.env") for folder in FOLDERS}))
