# {"name": "secret-of-the-host", "what": "Reads a file outside: by its path, through the roots of other processes, by dots, through an old root.", "contained": "No way leads there.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "host_file_unchanged", "needs": "landlock"}
import errno
import os
import sys

SECRET = "@HOST_FILE@"
ROOTS = ["", "/proc/self/root", "/proc/1/root", "/proc/@PARENT_PID@/root", "/proc/self/cwd" + "/.." * 40,
         "/.oldroot", "/oldroot", "/old_root", "/put_old", "/mnt", "/host", "/newroot/.."]

def read(path):
    """Reads a little; what it finds is not shown."""
    with open(path, "rb") as file:
        file.read(16)


def read_below(descriptor):
    """Goes up from an open folder, should a standard stream be one."""
    os.close(os.open("../" * 40 + SECRET, os.O_RDONLY, dir_fd=descriptor))


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

attempts = {root or "path": lambda root=root: read(root + SECRET) for root in ROOTS}
attempts |= {f"descriptor {number}": lambda number=number: read_below(number) for number in range(3)}
sys.exit(report(attempts))
