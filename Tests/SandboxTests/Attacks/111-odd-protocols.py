# {"name": "odd-protocols", "what": "Makes internet sockets of protocols that have the kernel load a rarely used module.", "contained": "None can be made, and TCP and UDP still work where there is a network.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import errno
import socket
import sys

PROTOCOLS = {"ICMP": 1, "IGMP": 2, "DCCP": 33, "L2TP": 115, "SCTP": 132, "UDPLITE": 136, "MPTCP": 262}
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW, 6)


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


def make(family, protocol):
    """With any of the kinds, since each protocol has but one."""
    for kind in KINDS:
        try:
            socket.socket(family, kind, protocol).close()
            return
        except OSError as error:
            last = error
    raise last


attempts = {f"{name} {version}": lambda family=family, protocol=protocol: make(family, protocol)
            for name, protocol in PROTOCOLS.items()
            for version, family in (("v4", socket.AF_INET), ("v6", socket.AF_INET6))}
attempts["SEQPACKET"] = lambda: socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET).close()
escaped = report(attempts)
try:
    for protocol in (0, socket.IPPROTO_TCP):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, protocol).close()
    for protocol in (0, socket.IPPROTO_UDP):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol).close()
except OSError as error:
    # Without a network of its own it has none at all.
    escaped = escaped or error.errno != errno.EAFNOSUPPORT
sys.exit(escaped)
