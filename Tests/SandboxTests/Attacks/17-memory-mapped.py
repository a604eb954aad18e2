# {"name": "memory-mapped", "what": "Maps shared anonymous memory and touches it up to one gigabyte.", "contained": "A mapping is refused, or the process is killed, near 512 MB.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import mmap

SIZE = 16 << 20
maps = []
try:
    while len(maps) < 64:
        maps.append(mmap.mmap(-1, SIZE))
        maps[-1].write(b"x" * SIZE)
    print("ESCAPED: 1024 MB")
except (MemoryError, OSError) as error:
    name = errno.errorcode[error.errno] if isinstance(error, OSError) else "MemoryError"
    print(f"CONTAINED: {name} after {len(maps) * 16} MB")
