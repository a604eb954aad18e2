# {"name": "files-by-handle", "what": "Opens the root of the host's file system by a guessed handle, past all paths.", "contained": "The kernel refuses handles.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import ctypes
import errno
import os
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)

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


def open_handle(anchor, handle):
    folder = os.open(anchor, os.O_RDONLY)
    descriptor = libc.open_by_handle_at(folder, handle, os.O_RDONLY)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")


def named(path):
    """A handle that the kernel itself gives for a path."""
    handle = ctypes.create_string_buffer(struct.pack("Ii128x", 128, 0))
    if libc.name_to_handle_at(-100, path.encode(), handle, ctypes.byref(ctypes.c_int()), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    return handle


def inode(number):
    """Length 8, type 1: inode and generation, which the common file systems take."""
    return ctypes.create_string_buffer(struct.pack("IiII120x", 8, 1, number, 0))


attempts = {f"handle of {path}": lambda path=path: open_handle(path, named(path)) for path in ("/", "/usr", "/etc")}
attempts |= {f"inode {n} of {path}": lambda n=n, path=path: open_handle(path, inode(n))
             for n in (2, 64, 128, 256) for path in ("/", "/usr", "/etc")}
sys.exit(report(attempts))
