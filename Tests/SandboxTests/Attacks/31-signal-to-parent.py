# {"name": "signal-to-parent", "what": "Tries whether it may signal the daemon, by its number and by a descriptor of it.", "contained": "The daemon does not exist for it, or may not be signalled.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "parent_alive", "needs": "namespaces"}
import errno
import os
import signal
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

# Signal 0 asks for the permission and sends nothing.
sys.exit(report({
    "kill": lambda: os.kill(PARENT, 0),
    "pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(PARENT), 0),
}))
