# {"name": "memory-in-memfds", "what": "Fills memory files that it never maps, which no limit on address space counts.", "contained": "They are refused, or the process is killed, before they hold 768 MB.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import errno
import os

BLOCK = b"x" * (1 << 20)
total = 0
try:
    while total < 768:
        file = os.memfd_create("hoard")
        for _ in range(48):
            total += os.write(file, BLOCK) >> 20
    print(f"ESCAPED: {total} MB")
except OSError as error:
    print(f"CONTAINED: {errno.errorcode[error.errno]} after {total} MB")
