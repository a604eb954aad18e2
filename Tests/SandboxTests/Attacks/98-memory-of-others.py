# {"name": "memory-of-others", "what": "Reads the memory of the daemon and of the process that started it, and copies their descriptors.", "contained": "Both are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "landlock"}
import ctypes
import errno
import os
import struct
import sys

READV, WRITEV = (310, 311) if os.uname().machine == "x86_64" else (270, 271)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    """A system call by its number; raises OSError as the functions of os do."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
targets = {int("@PARENT_PID@"), os.getppid(), 1} - {0, os.getpid()}
buffer = ctypes.create_string_buffer(8)
local = struct.pack("QQ", ctypes.addressof(buffer), 8)


def copy(number, process):
    """The address is wrong on purpose: EFAULT says that the permission was given, and nothing is changed."""
    try:
        call(number, process, local, 1, struct.pack("QQ", 8, 8), 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def descriptor(process):
    call(438, os.pidfd_open(process), 0, 0)


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

attempts = {}
for process in targets:
    attempts[f"{process} read"] = lambda process=process: copy(READV, process)
    attempts[f"{process} write"] = lambda process=process: copy(WRITEV, process)
    attempts[f"{process} descriptor"] = lambda process=process: descriptor(process)
sys.exit(report(attempts))
