# {"name": "bpf", "what": "Makes a BPF map and loads a BPF program, which would run in the kernel.", "contained": "The call is refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
import struct
import sys

BPF = 321 if os.uname().machine == "x86_64" else 280
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

# return 0: mov r0, 0; exit.
CODE = ctypes.create_string_buffer(bytes.fromhex("b700000000000000 9500000000000000"))
LICENCE = ctypes.create_string_buffer(b"GPL")
PROGRAM = struct.pack("IIQQ104x", 1, 2, ctypes.addressof(CODE), ctypes.addressof(LICENCE))
sys.exit(report({
    "map": lambda: call(BPF, 0, struct.pack("IIII112x", 2, 4, 4, 1), 128),
    "program": lambda: call(BPF, 5, PROGRAM, 128),
}))
