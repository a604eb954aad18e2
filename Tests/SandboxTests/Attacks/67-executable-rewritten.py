# {"name": "executable-rewritten", "what": "Opens its interpreter, its starter's executable and the C library for writing, to change what the host runs.", "contained": "They may not be written to.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
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


def write(path):
    """A file that is busy for the moment could be written to later, unless its file system is read-only."""
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        if error.errno != errno.ETXTBSY or os.statvfs(path).f_flag & os.ST_RDONLY:
            raise


def libraries():
    with open("/proc/self/maps") as file:
        return {line.split()[-1] for line in file if "/libc" in line or "/ld-" in line}


paths = ["/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe", "/proc/@PARENT_PID@/exe", sys.executable]
sys.exit(report({path: lambda path=path: write(path) for path in [*paths, *libraries(), os.__file__]}))
