# {"name": "segment-descriptors", "what": "Writes a descriptor into its table of memory segments, a source of many flaws of the kernel.", "contained": "The call is refused or does not exist.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
import struct
import sys

X86 = os.uname().machine == "x86_64"
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    """A system call by its number; raises OSError as the functions of os do."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def modify():
    """Entry 0 with 4096 bytes from address 0, 32 bits wide."""
    if not X86:
        raise OSError(errno.ENOSYS, "not on this processor")
    result = call(154, 1, struct.pack("IIII", 0, 0, 4095, 1), 16)
    # The kernel gives the negated error as an int of 32 bits, which the C library does not take for one.
    if result > 0x7FFFFFFF:
        raise OSError((1 << 32) - result, "modify_ldt")


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

sys.exit(report({"modify_ldt": modify}))
