# {"name": "clone-with-namespaces", "what": "Makes a process in new namespaces by clone and by clone3, whose flags a system-call filter cannot see.", "contained": "Both are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
import signal
import struct
import sys

NAMESPACES = 0x10000000 | 0x20000 | 0x40000000
CLONE = 56 if os.uname().machine == "x86_64" else 220
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    """A system call by its number; raises OSError as the functions of os do."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def clone3():
    """The argument structure: flags, four pointers and the exit signal, the rest empty."""
    child = call(435, struct.pack("QQQQQ6Q", NAMESPACES, 0, 0, 0, signal.SIGCHLD, *[0] * 6), 88)
    end(child)


def end(child):
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


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
    "clone3": clone3,
    "clone": lambda: end(call(CLONE, NAMESPACES | signal.SIGCHLD, 0, 0, 0, 0)),
}))
