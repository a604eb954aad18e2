# {"name": "limits-of-parent", "what": "Sets a limit of the daemon.", "contained": "The daemon's limits cannot be touched.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "namespaces"}
import errno
import resource
import sys

PARENT = int("@PARENT_PID@")

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


def set_limit():
    """Sets what is set already, so that nothing changes when it is allowed."""
    now = resource.prlimit(PARENT, resource.RLIMIT_NOFILE)
    resource.prlimit(PARENT, resource.RLIMIT_NOFILE, now)


sys.exit(report({"prlimit": set_limit}))
