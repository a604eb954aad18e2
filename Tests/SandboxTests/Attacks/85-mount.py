# {"name": "mount", "what": "Mounts, remounts read-only folders for writing, unmounts and moves the root, with old and new calls.", "contained": "All of them are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import ctypes
import errno
import os
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

def mount(source, target, kind, flags):
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), None) < 0:
        raise OSError(ctypes.get_errno(), "mount")


def unmount(target):
    if libc.umount2(target, 2) < 0:
        raise OSError(ctypes.get_errno(), "umount2")


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

os.makedirs("place", exist_ok=True)
REMOUNT, BIND = 32, 4096
sys.exit(report({
    "tmpfs": lambda: mount(b"none", b"place", b"tmpfs", 0),
    "proc": lambda: mount(b"none", b"place", b"proc", 0),
    "bind": lambda: mount(b"/", b"place", None, BIND),
    "remount /usr": lambda: mount(None, b"/usr", None, REMOUNT | BIND),
    "remount /": lambda: mount(None, b"/", None, REMOUNT | BIND),
    "unmount /proc": lambda: unmount(b"/proc"),
    "unmount /usr": lambda: unmount(b"/usr"),
    "pivot_root": lambda: call(155 if X86 else 41, b".", b"."),
    "open_tree": lambda: call(428, -100, b"/", 1),
    "fsopen": lambda: call(430, b"tmpfs", 0),
    "fsmount": lambda: call(432, 0, 0, 0),
    "move_mount": lambda: call(429, -100, b"/usr", -100, b"place", 0),
    "mount_setattr": lambda: call(442, -100, b"/", 0, bytes(32), 32),
}))
