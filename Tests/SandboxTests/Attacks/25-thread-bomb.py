# {"name": "thread-bomb", "what": "Starts two thousand threads that stay.", "contained": "A thread is refused at the limit of processes or memory.", "verdict": ["passed:none", "passed:processes", "passed:memory", "failed:processes", "error:processes"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os
import threading

never = threading.Event()
count = 0
try:
    while count < 2000:
        threading.Thread(target=never.wait, daemon=True).start()
        count += 1
    result = "ESCAPED: 2000 threads"
except (RuntimeError, MemoryError) as error:
    result = f"CONTAINED: {error or 'MemoryError'} after {count} threads"
os.write(1, f"{result}\n".encode())
os._exit(result.startswith("ESCAPED"))
