# {"name": "memory-in-page-tables", "what": "Reads one byte in each two megabytes of a huge mapping, each of which costs a page of tables and none of memory.", "contained": "The process is killed before its tables take 900 MB.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import mmap
import sys

STEP, MOST = 2 << 20, 900 << 20
pages = MOST // 4096
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
try:
    memory = mmap.mmap(-1, pages * STEP, flags=flags, prot=mmap.PROT_READ)
    memory.madvise(getattr(mmap, "MADV_NOHUGEPAGE", 15))
except OSError as error:
    print(f"CONTAINED: {error.strerror}")
    sys.exit(0)
for page in range(pages):
    memory[page * STEP]
print(f"ESCAPED: tables of {pages * 4096 >> 20} MB")
sys.exit(1)
