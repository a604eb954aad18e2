# {"name": "kernel-log", "what": "Reads the log of the kernel, which shows addresses and the doings of others.", "contained": "It cannot be read.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import errno
import os
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


def read_log():
    if libc.klogctl(3, ctypes.create_string_buffer(4096), 4096) < 0:
        raise OSError(ctypes.get_errno(), "klogctl")


sys.exit(report({
    "syslog": read_log,
    "kmsg": lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY)),
    "kcore": lambda: os.close(os.open("/proc/kcore", os.O_RDONLY)),
}))
