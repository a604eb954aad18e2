# {"name": "supervisor-in-proc", "what": "Reads the environment, memory and open files of the process that started it, which may be a copy of the daemon.", "contained": "It cannot be read, or there is nothing in it that the program does not have itself.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
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


def environment(process):
    """Names beyond its own: a process that was forked and not executed still has the daemon's."""
    with open(f"/proc/{process}/environ", "rb") as file:
        names = {entry.split(b"=")[0] for entry in file.read().split(b"\0") if entry}
    if names <= set(os.environb):
        raise OSError(errno.ENODATA, "nothing new")


def memory(process, flags):
    os.close(os.open(f"/proc/{process}/mem", flags))


def files(process):
    """Open files beyond the standard streams, which could be opened a second time."""
    for name in os.listdir(f"/proc/{process}/fd"):
        if int(name) > 2:
            return
    raise OSError(errno.ENODATA, "nothing new")


attempts = {}
for process in {1, os.getppid()} - {0, os.getpid()}:
    attempts[f"{process} environ"] = lambda process=process: environment(process)
    attempts[f"{process} mem"] = lambda process=process: memory(process, os.O_RDONLY)
    attempts[f"{process} mem for writing"] = lambda process=process: memory(process, os.O_RDWR)
    attempts[f"{process} fd"] = lambda process=process: files(process)
sys.exit(report(attempts))
