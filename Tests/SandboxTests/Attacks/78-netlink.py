# {"name": "netlink", "what": "Changes a network interface and listens to the kernel's device events over netlink.", "contained": "The kernel refuses.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "network-namespace"}
import errno
import socket
import struct
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


def set_link():
    """Sets the loopback interface up, which it is on any host: nothing changes when it is allowed."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as client:
        # A header with the flags request and acknowledge, and an ifinfomsg: index 1, flag and change mask IFF_UP.
        client.send(struct.pack("=IHHII", 32, 16, 5, 1, 0) + struct.pack("=BxHiII", 0, 0, 1, 1, 1))
        client.settimeout(0.5)
        error = struct.unpack_from("=i", client.recv(4096), 16)[0]
        if error:
            raise OSError(-error, "refused")


def links():
    """Interfaces beyond loopback are the host's."""
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    # These come with every network namespace on some kernels and lead nowhere.
    if not set(names) - {"tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"}:
        raise OSError(errno.ENODEV, "loopback alone")


def audit():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as client:
        client.bind((0, 1))


sys.exit(report({"set link": set_link, "links": links, "audit": audit}))
