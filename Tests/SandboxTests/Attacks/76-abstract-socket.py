# {"name": "abstract-socket", "what": "Connects to an abstract Unix socket of the host, which no path and no file permission guards.", "contained": "The name does not exist in its network.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "listener_untouched", "needs": "network-namespace"}
import errno
import socket
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


def connect(kind):
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.connect("\0@ABSTRACT@")


sys.exit(report({
    "stream": lambda: connect(socket.SOCK_STREAM),
    "datagram": lambda: connect(socket.SOCK_DGRAM),
    "sequence": lambda: connect(socket.SOCK_SEQPACKET),
}))
