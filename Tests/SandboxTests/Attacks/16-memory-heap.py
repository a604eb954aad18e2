# {"name": "memory-heap", "what": "Allocates and touches memory in small pieces up to one gigabyte.", "contained": "An allocation is refused, or the process is killed, near 512 MB.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
pieces = []
try:
    while len(pieces) < 1024:
        pieces.append(bytearray(b"x" * (1 << 20)))
    print("ESCAPED: 1024 MB")
except MemoryError:
    count = len(pieces)
    pieces.clear()
    print(f"CONTAINED: MemoryError after {count} MB")
