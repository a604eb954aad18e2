# {"name": "symlink-out", "what": "Reads and writes through symbolic links that lead out, and leaves them under the names of results.", "contained": "The links lead nowhere, for it and for whoever reads the work folder later.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "host_file_unchanged", "needs": "landlock"}
import errno
import os
import sys

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

os.symlink("@HOST_FILE@", "result.json")
os.symlink("@HOST_DIR@", "output")
os.symlink("/proc/self/root", "root")
os.symlink("/proc/1/cwd", "before")
for name in ("stdout", "stderr", "status", "exit_code", "test.log"):
    os.symlink("@HOST_FILE@", name)
sys.exit(report({
    "file": lambda: read("result.json"),
    "write": lambda: os.close(os.open("stdout", os.O_WRONLY)),
    "folder": lambda: os.close(os.open("output/escaped-@MARK@", os.O_CREAT | os.O_WRONLY)),
    "root": lambda: read("root@HOST_FILE@"),
    "before": lambda: read("before/" + "../" * 40 + "@HOST_FILE@"),
}))
