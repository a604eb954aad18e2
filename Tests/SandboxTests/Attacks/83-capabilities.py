# {"name": "capabilities", "what": "Becomes root by setuid and takes back capabilities.", "contained": "It has none and gets none.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import ctypes
import os
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
was_root = os.geteuid() == 0
for attempt in (lambda: os.setresuid(0, 0, 0), lambda: os.setresgid(0, 0, 0), lambda: os.setgroups([0])):
    try:
        attempt()
    except OSError:
        pass
header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
libc.capset(header, ctypes.create_string_buffer(struct.pack("6I", *[0xFFFFFFFF] * 6)))
for number in range(41):
    libc.prctl(47, 2, number, 0, 0)  # PR_CAP_AMBIENT_RAISE
with open("/proc/self/status") as file:
    fields = dict(line.split(":", 1) for line in file)
held = {name: fields[name].strip() for name in ("CapEff", "CapPrm", "CapAmb") if int(fields[name], 16)}
escaped = bool(held) or (os.geteuid() == 0 and not was_root)
print(f"{'ESCAPED' if escaped else 'CONTAINED'}: user {os.geteuid()}, {held or 'no capabilities'}")
sys.exit(escaped)
