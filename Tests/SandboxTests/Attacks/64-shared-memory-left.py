# {"name": "shared-memory-left", "what": "Leaves shared memory, a semaphore set and a message queue behind, which outlive their processes.", "contained": "The machine has no more of them than before.", "verdict": ["passed:none"], "prints": "DONE", "forbids": "ESCAPED", "check": "host_ipc_unchanged", "needs": "namespaces"}
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
made = [libc.shmget(0, 4096, 0o1600), libc.semget(0, 1, 0o1600), libc.msgget(0, 0o1600)]
print(f"DONE: {sum(number >= 0 for number in made)} made")
