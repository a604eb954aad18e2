# {"name": "write-outside", "what": "Makes files and folders in a folder of the host and in the system's folders.", "contained": "All of them are refused.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "host_file_absent:@HOST_DIR@/escaped-@MARK@", "needs": "landlock"}
import errno
import os
import sys

FOLDERS = ["@HOST_DIR@", "/etc", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/bin", "/sbin", "/lib", "/lib64",
           "/root", "/home", "/opt", "/srv", "/var", "/var/lib", "/boot", "/proc", "/sys"]

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


def write(folder):
    """Leaves its file in the host's folder, where it is looked for, and cleans up elsewhere."""
    path = f"{folder}/escaped-@MARK@"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    if folder != "@HOST_DIR@":
        os.unlink(path)


def make(folder):
    os.mkdir(f"{folder}/escaped-folder-@MARK@")
    os.rmdir(f"{folder}/escaped-folder-@MARK@")


attempts = {f"file in {folder}": lambda folder=folder: write(folder) for folder in FOLDERS}
attempts |= {f"folder in {folder}": lambda folder=folder: make(folder) for folder in FOLDERS}
sys.exit(report(attempts))
