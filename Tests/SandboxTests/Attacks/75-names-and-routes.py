# {"name": "names-and-routes", "what": "Looks for a way out of the machine: a route to an address outside, then the lookup of a name.", "contained": "There is no route and no name.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "network-namespace"}
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


def route(family, address):
    """Connecting a datagram socket asks for a route and sends nothing; the addresses are kept for documentation."""
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((address, 53))


escaped = report({
    "route": lambda: route(socket.AF_INET, "192.0.2.53"),
    "route of version 6": lambda: route(socket.AF_INET6, "2001:db8::53"),
})
# Names are asked for only where nothing can leave.
if not escaped:
    escaped = report({"name": lambda: socket.getaddrinfo("sandbox.invalid", 80)})
sys.exit(escaped)
