# {"name": "trace", "what": "Attaches to the daemon and to the process that started it as a debugger.", "contained": "It may trace neither.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "landlock"}
import ctypes
import errno
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
SEIZE, DETACH = 0x4206, 17
targets = {int("@PARENT_PID@"), os.getppid(), 1} - {0, os.getpid()}

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


def trace(process):
    """Seizing does not stop the process, and ends with the tracer at the latest."""
    if libc.ptrace(SEIZE, process, None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    libc.ptrace(DETACH, process, None, None)


sys.exit(report({str(process): lambda process=process: trace(process) for process in targets}))
