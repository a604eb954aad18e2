# {"name": "hard-link-out", "what": "Makes hard links in the work folder to files outside, moves files in and out.", "contained": "No link and no move crosses the border.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "host_file_unchanged", "needs": "landlock"}
import errno
import os
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


def move_out():
    with open("mine", "w") as file:
        file.write("escaped")
    os.rename("mine", "@HOST_DIR@/escaped-@MARK@")


sys.exit(report({
    "secret": lambda: os.link("@HOST_FILE@", "secret"),
    "passwd": lambda: os.link("/etc/passwd", "passwd"),
    "su": lambda: os.link("/usr/bin/su", "su"),
    "through itself": lambda: os.link("/proc/self/exe", "python", follow_symlinks=True),
    "move in": lambda: os.rename("@HOST_FILE@", "stolen"),
    "move out": move_out,
}))
