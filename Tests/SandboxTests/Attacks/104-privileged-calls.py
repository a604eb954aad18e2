# {"name": "privileged-calls", "what": "Makes calls that only an administrator may make: restart, modules, swap, clock, host name, ports.", "contained": "All of them are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import ctypes
import errno
import os
import socket
import sys
import time

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

def asked(number, *arguments):
    """The arguments are wrong on purpose: another error than a refusal says that the permission was given."""
    try:
        call(number, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise


def ports():
    if not X86:
        raise OSError(errno.ENOSYS, "not on this processor")
    call(172, 3)


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
    "reboot": lambda: asked(169 if X86 else 142, 0, 0, 0, 0),
    "kexec_load": lambda: asked(246 if X86 else 104, 0, 0, 0, 0xFFFF),
    "init_module": lambda: asked(175 if X86 else 105, 0, 0, b""),
    "swapon": lambda: asked(167 if X86 else 224, b"/nowhere", 0),
    "quotactl": lambda: asked(179 if X86 else 60, 0x80000200, b"/nowhere", 0, 0),
    "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "host name": lambda: socket.sethostname(socket.gethostname()),
    "ports": ports,
}))
