# {"name": "memory-in-segments", "what": "Fills System V segments and detaches them, after which no limit on address space counts them.", "contained": "They are refused, or the process is killed, before they hold 768 MB.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "host_ipc_unchanged", "needs": "seccomp"}
import ctypes
import errno
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
SIZE = 32 << 20
segments = []
while len(segments) < 24:
    segment = libc.shmget(0, SIZE, 0o1600)
    address = libc.shmat(segment, None, 0) if segment >= 0 else None
    if address in (None, ctypes.c_void_p(-1).value):
        break
    segments.append(segment)
    ctypes.memset(address, 1, SIZE)
    libc.shmdt(ctypes.c_void_p(address))
reason = errno.errorcode.get(ctypes.get_errno(), "no error")
for segment in segments:
    libc.shmctl(segment, 0, None)
if len(segments) == 24:
    print("ESCAPED: 768 MB")
    sys.exit(1)
print(f"CONTAINED: {reason} after {len(segments) * 32} MB")
