# {"name": "keyrings", "what": "Stores a key with the kernel and looks for keyrings of the user and the session, which no namespace separates.", "contained": "The calls are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
import sys

X86 = os.uname().machine == "x86_64"
ADD_KEY, KEYCTL = (248, 250) if X86 else (217, 219)
PROCESS, SESSION, USER = -2, -3, -4
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

# The key goes into the keyring of this process, and goes with it.
sys.exit(report({
    "add_key": lambda: call(ADD_KEY, b"user", b"escaped", b"key", 3, PROCESS),
    "session": lambda: call(KEYCTL, 0, SESSION, 0),
    "user": lambda: call(KEYCTL, 0, USER, 1),
    "join": lambda: call(KEYCTL, 1, b"escaped"),
}))
