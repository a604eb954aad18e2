# {"name": "devices-in-sys", "what": "Opens switches of the kernel and of devices in /sys for writing.", "contained": "They are not there or may not be written to.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
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

# They are opened and not written: the permission is what matters.
PATHS = ["kernel/uevent_helper", "kernel/mm/transparent_hugepage/enabled", "kernel/mm/ksm/run", "power/state",
         "power/disk", "module/kernel/parameters/panic", "kernel/debug", "kernel/security/landlock",
         "class/net/lo/mtu", "firmware/efi/efivars", "bus/pci/rescan", "devices/system/cpu/cpu1/online"]
sys.exit(report({path: lambda path=path: os.close(os.open(f"/sys/{path}", os.O_WRONLY)) for path in PATHS}))
