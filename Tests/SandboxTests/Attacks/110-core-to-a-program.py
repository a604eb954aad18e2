# {"name": "core-to-a-program", "what": "Sets its core limit to 0, with which a core still goes to a program that the host runs as root, if there is one.", "contained": "The limit stays at 1, which stops that too.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import os
import resource
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


CORE, NONE = resource.RLIMIT_CORE, (ctypes.c_ulong * 2)(0, 0)
X86 = os.uname().machine == "x86_64"
PRLIMIT, SETRLIMIT = (302, 160) if X86 else (261, 164)
attempts = {
    "setrlimit": lambda: resource.setrlimit(CORE, (0, 0)),
    "its soft limit": lambda: resource.setrlimit(CORE, (0, 1)),
    "prlimit of itself": lambda: resource.prlimit(os.getpid(), CORE, (0, 0)),
    "prlimit by number": lambda: call(PRLIMIT, 0, CORE, NONE, None),
    "the old call": lambda: call(SETRLIMIT, CORE, NONE),
    "with higher bits": lambda: call(PRLIMIT, 0, CORE | 1 << 32, NONE, None),
}
escaped = []
for name, attempt in attempts.items():
    try:
        # It may be refused, or said to have been done.
        attempt()
    except (OSError, ValueError):
        pass
    if resource.getrlimit(CORE) != (1, 1):
        escaped.append(name)
# Other limits can still be lowered, as programs do.
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
print(f"ESCAPED: {', '.join(escaped)}" if escaped else f"CONTAINED: {resource.getrlimit(CORE)}")
sys.exit(bool(escaped) or resource.getrlimit(resource.RLIMIT_NOFILE) != (100, 100))
