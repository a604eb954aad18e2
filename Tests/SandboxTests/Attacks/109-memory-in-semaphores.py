# {"name": "memory-in-semaphores", "what": "Makes sets of System V semaphores and a queue of messages, whose memory belongs to no process.", "contained": "They are refused before they take 768 MB.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "host_ipc_unchanged", "needs": "seccomp"}
import ctypes
import errno
import sys

EACH, BYTES_OF_ONE = 32_000, 64
libc = ctypes.CDLL(None, use_errno=True)
made, held = [], 0
try:
    while held < 768 << 20:
        number = libc.semget(0, EACH, 0o1600)
        if number < 0:
            break
        made.append(number)
        held += EACH * BYTES_OF_ONE
    reason = errno.errorcode.get(ctypes.get_errno(), "")
finally:
    for number in made:
        libc.semctl(number, 0, 0)  # IPC_RMID
print(f"{'ESCAPED' if held >= 768 << 20 else 'CONTAINED'}: {held >> 20} MB {reason}")
sys.exit(held >= 768 << 20)
