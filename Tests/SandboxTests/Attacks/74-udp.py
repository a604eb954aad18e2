# {"name": "udp", "what": "Sends datagrams to a server on the host's loopback.", "contained": "Nothing arrives: sending is refused, or another network takes it.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "listener_untouched", "needs": "network-namespace"}
import errno
import socket
import sys

PORT = int("@UDP_PORT@")

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


def send(family, host):
    """An answer is an escape. Without one it may have arrived all the same: the server on the host tells."""
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect((host, PORT))
        client.send(b"escaped")
        client.recv(16)


sys.exit(report({
    "127.0.0.1": lambda: send(socket.AF_INET, "127.0.0.1"),
    "::1": lambda: send(socket.AF_INET6, "::1"),
    "mapped": lambda: send(socket.AF_INET6, "::ffff:127.0.0.1"),
}))
