# {"name": "devices", "what": "Opens the memory, the disks and other devices of the machine.", "contained": "They are not there or may not be opened.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import glob
import os
import sys

def report(attempts):
    """Makes each attempt; one that raises no OSError is an escape. True is also the exit code 1."""
    escaped, refused = [], []
    for name, attempt in attempts.items():
        try:
            attempt()
            escaped.append(name)
        except OSError as error:
            refused.append(f"{name} {errno.errorcode.get(error.errno, error)}")
    print(f"ESCAPED: {', '.join(escaped)}" if escaped else f"CONTAINED: {', '.join(refused)}", flush=True)
    return bool(escaped)

DEVICES = ["mem", "kmem", "port", "kmsg", "nvram", "fuse", "kvm", "net/tun", "vhost-net", "vhost-vsock", "vsock",
           "loop-control", "loop0", "sda", "sda1", "vda", "vda1", "nvme0n1", "mapper/control", "input/event0",
           "uinput", "rtc0", "hpet", "cpu/0/msr", "snapshot", "userfaultfd", "dri/card0", "fb0", "watchdog"]
paths = {f"/dev/{name}" for name in DEVICES} | set(glob.glob("/dev/[shv]d*") + glob.glob("/dev/nvme*"))
sys.exit(report({path: lambda path=path: os.close(os.open(path, os.O_RDONLY)) for path in sorted(paths)}))
