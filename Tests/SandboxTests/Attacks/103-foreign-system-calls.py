# {"name": "foreign-system-calls", "what": "Makes system calls by the 32-bit gate and with x32 numbers, which a filter for 64-bit numbers does not know.", "contained": "They end the process or are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import ctypes
import mmap
import os
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
# push rbx; mov eax, 20 (getpid for 32 bits); int 0x80; pop rbx; ret
CODE = bytes.fromhex("53 b814000000 cd80 5b c3")


def old_gate():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def x32():
    return libc.syscall(ctypes.c_long(0x40000000 + 39))


def outcome(attempt):
    """What became of a child that made the call; it ends with 7 when it got its own number as an answer."""
    child = os.fork()
    if child == 0:
        answer = -1
        try:
            answer = attempt()
        finally:
            os._exit(7 if answer == os.getpid() else 0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return "answered" if os.WEXITSTATUS(status) == 7 else "refused"


if os.uname().machine != "x86_64":
    print("CONTAINED: not on this processor")
    sys.exit(0)
results = {"int 0x80": outcome(old_gate), "x32": outcome(x32)}
escaped = "answered" in results.values()
print(f"{'ESCAPED' if escaped else 'CONTAINED'}: {results}")
sys.exit(escaped)
