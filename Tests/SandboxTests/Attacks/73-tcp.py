# {"name": "tcp", "what": "Connects to a server on the host's loopback, over both versions of IP and with data in the first packet.", "contained": "No connection comes about.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "listener_untouched", "needs": "network-namespace"}
import errno
import socket
import sys

PORT = int("@TCP_PORT@")

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


def connect(host):
    socket.create_connection((host, PORT), timeout=0.5).close()


def fast_open():
    with socket.socket() as client:
        client.settimeout(0.5)
        client.sendto(b"escaped", socket.MSG_FASTOPEN, ("127.0.0.1", PORT))


sys.exit(report({
    "127.0.0.1": lambda: connect("127.0.0.1"),
    "0.0.0.0": lambda: connect("0.0.0.0"),
    "::1": lambda: connect("::1"),
    "mapped": lambda: connect("::ffff:127.0.0.1"),
    "fast open": fast_open,
}))
