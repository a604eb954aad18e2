# {"name": "namespaces-entered", "what": "Enters the namespaces of the daemon and of the first process.", "contained": "They cannot be opened or entered.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import ctypes
import errno
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)

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


def enter(process, kind):
    descriptor = os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY)
    if libc.setns(descriptor, 0) < 0:
        raise OSError(ctypes.get_errno(), "setns")


def enter_all(process):
    """All at once, by a descriptor of the process: mount, user, network and process namespaces."""
    if libc.setns(os.pidfd_open(process), 0x20000 | 0x10000000 | 0x40000000 | 0x20000000) < 0:
        raise OSError(ctypes.get_errno(), "setns")


KINDS = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
attempts = {f"{process} {kind}": lambda process=process, kind=kind: enter(process, kind)
            for process in (1, int("@PARENT_PID@")) for kind in KINDS}
attempts |= {f"{process} all": lambda process=process: enter_all(process) for process in (1, int("@PARENT_PID@"))}
sys.exit(report(attempts))
