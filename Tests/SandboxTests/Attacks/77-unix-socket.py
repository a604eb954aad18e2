# {"name": "unix-socket", "what": "Connects to Unix sockets of the host by their paths, those of well-known services among them.", "contained": "The paths do not exist or may not be used.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "listener_untouched", "needs": "namespaces"}
import errno
import socket
import sys

PATHS = ["@UNIX_PATH@", "/proc/1/root@UNIX_PATH@", "/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock",
         "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/dev/log"]

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


def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


sys.exit(report({path: lambda path=path: connect(path) for path in PATHS}))
