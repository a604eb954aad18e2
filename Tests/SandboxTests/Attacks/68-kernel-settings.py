# {"name": "kernel-settings", "what": "Opens settings of the kernel in /proc for writing, the ones that lead to root among them.", "contained": "They may not be written to.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
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
PATHS = ["kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "kernel/randomize_va_space", "kernel/pid_max",
         "kernel/ns_last_pid", "kernel/sysrq", "vm/overcommit_memory", "vm/drop_caches", "fs/file-max",
         "fs/suid_dumpable", "net/ipv4/ip_forward", "user/max_user_namespaces", "fs/binfmt_misc/register"]
paths = [f"/proc/sys/{path}" for path in PATHS] + ["/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/proc/mtrr"]
sys.exit(report({path: lambda path=path: os.close(os.open(path, os.O_WRONLY)) for path in paths}))
