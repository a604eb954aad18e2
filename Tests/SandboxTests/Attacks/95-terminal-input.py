# {"name": "terminal-input", "what": "Pushes characters into the terminal from which the daemon may have been started.", "contained": "There is no terminal, or the call is refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import fcntl
import os
import sys
import termios

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


def push(descriptor):
    fcntl.ioctl(descriptor, termios.TIOCSTI, b" ")


attempts = {f"descriptor {number}": lambda number=number: push(number) for number in range(3)}
for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/pts/0"):
    attempts[path] = lambda path=path: push(os.open(path, os.O_RDWR | os.O_NOCTTY))
sys.exit(report(attempts))
