# {"name": "odd-socket-families", "what": "Makes sockets of families that bypass network namespaces or reach rarely used code of the kernel.", "contained": "None can be made.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import errno
import socket
import sys

FAMILIES = {"AX25": 3, "X25": 9, "KEY": 15, "RDS": 21, "PPPOX": 24, "LLC": 26, "CAN": 29, "TIPC": 30, "BLUETOOTH": 31,
            "IEEE802154": 36, "ALG": 38, "NFC": 39, "VSOCK": 40, "KCM": 41, "QIPCRTR": 42, "SMC": 43, "XDP": 44}
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)

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


def make(family):
    """With any of the kinds, since each family has but a few."""
    for kind in KINDS:
        try:
            socket.socket(family, kind, 0).close()
            return
        except OSError as error:
            last = error
    raise last


sys.exit(report({name: lambda number=number: make(number) for name, number in FAMILIES.items()}))
