# {"name": "personality", "what": "Switches off the random placement of memory and makes readable memory executable.", "contained": "The call is refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import sys

libc = ctypes.CDLL(None, use_errno=True)
FLAGS = {"no random placement": 0x0040000, "executable": 0x0400000, "page at zero": 0x0100000}

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


def personality(flag):
    if libc.personality(ctypes.c_ulong(flag)) < 0:
        raise OSError(ctypes.get_errno(), "personality")


sys.exit(report({name: lambda flag=flag: personality(flag) for name, flag in FLAGS.items()}))
