# {"name": "control-groups", "what": "Mounts control groups, looks for a release_agent to have run by the host, and for limits and groups to change.", "contained": "Nothing can be mounted or opened for writing.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import ctypes
import errno
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
NAMES = {"release_agent", "notify_on_release", "cgroup.procs", "tasks", "memory.max", "memory.limit_in_bytes",
         "pids.max", "cpu.max", "cgroup.subtree_control"}

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


def mount(kind, options):
    os.makedirs("groups", exist_ok=True)
    if libc.mount(b"none", b"groups", kind, 0, options) < 0:
        raise OSError(ctypes.get_errno(), "mount")


# They are opened and not written: the permission is what matters. Two levels show enough.
attempts = {"mount 1": lambda: mount(b"cgroup", b"memory"), "mount 2": lambda: mount(b"cgroup2", None)}
for folder, folders, names in os.walk("/sys/fs/cgroup"):
    if folder.count("/") >= 6:
        folders.clear()
    for name in NAMES.intersection(names):
        path = os.path.join(folder, name)
        attempts[path] = lambda path=path: os.close(os.open(path, os.O_WRONLY))
sys.exit(report(attempts))
