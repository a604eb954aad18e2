# {"name": "memory-list", "what": "Makes a list of a thousand million items, eight gigabytes.", "contained": "It fails with MemoryError or is killed, and nothing else on the machine suffers.", "verdict": ["failed:none", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
items = [0] * 10**9
print(f"ESCAPED: {len(items)} items")
