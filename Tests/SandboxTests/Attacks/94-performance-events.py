# {"name": "performance-events", "what": "Opens performance counters on itself and on the whole machine.", "contained": "The call is refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
import struct
import sys

PERF_EVENT_OPEN = 298 if os.uname().machine == "x86_64" else 241
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    """A system call by its number; raises OSError as the functions of os do."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

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


def count(process, processor):
    """A software clock, disabled, without the kernel and the hypervisor: what unprivileged users get most easily."""
    attribute = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, 1 | 1 << 5 | 1 << 6)
    call(PERF_EVENT_OPEN, ctypes.create_string_buffer(attribute, 112), process, processor, -1, 0)


sys.exit(report({"itself": lambda: count(0, -1), "machine": lambda: count(-1, 0)}))
