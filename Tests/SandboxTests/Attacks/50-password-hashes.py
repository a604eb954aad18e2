# {"name": "password-hashes", "what": "Reads the password hashes and other files of the system that only root may read.", "contained": "They do not exist or may not be read.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import errno
import os
import sys

def read(path):
    """Reads a little; what it finds is not shown."""
    with open(path, "rb") as file:
        file.read(16)

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

PATHS = ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_ed25519_key"]
FOLDERS = ["/root", "/etc/ssl/private"]
sys.exit(report({path: lambda path=path: read(path) for path in PATHS}
                | {path: lambda path=path: os.listdir(path) for path in FOLDERS}))
