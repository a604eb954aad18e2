# {"name": "listening", "what": "Listens on the ports of the host's servers: a port that is taken is a port of the same network.", "contained": "The ports are free here, in a network of its own, or listening is refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "listener_untouched", "needs": "network-namespace"}
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


def listen(kind, port):
    with socket.socket(socket.AF_INET, kind) as server:
        try:
            server.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            raise OSError(errno.EADDRNOTAVAIL, "another network")


sys.exit(report({
    "TCP": lambda: listen(socket.SOCK_STREAM, int("@TCP_PORT@")),
    "UDP": lambda: listen(socket.SOCK_DGRAM, int("@UDP_PORT@")),
}))
