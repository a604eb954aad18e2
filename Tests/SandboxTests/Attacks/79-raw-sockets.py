# {"name": "raw-sockets", "what": "Opens raw and packet sockets, which read and forge the traffic of others.", "contained": "They are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
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


def make(*arguments):
    socket.socket(*arguments).close()


sys.exit(report({
    "ICMP": lambda: make(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "TCP": lambda: make(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    "ICMPv6": lambda: make(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
    "packet": lambda: make(socket.AF_PACKET, socket.SOCK_RAW, 0x0300),
    "cooked packet": lambda: make(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300),
}))
