# {"name": "requests-of-the-machine", "what": "Sets up queues for asynchronous input and output, whose requests are counted for the whole machine.", "contained": "The call is refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
import sys

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


context = ctypes.c_ulong(0)
SETUP = 206 if os.uname().machine == "x86_64" else 0
sys.exit(report({"io_setup": lambda: call(SETUP, 60_000, ctypes.byref(context))}))
