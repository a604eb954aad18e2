# {"name": "memory-in-folders", "what": "Fills every folder that it can write to and that lives in memory.", "contained": "Together they hold less than 512 MB.", "verdict": ["passed:none", "passed:memory", "passed:files", "failed:files", "error:files", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "namespaces"}
import errno
import os
import sys

BLOCK = b"x" * (1 << 20)
FOLDERS = [".", os.environ.get("HOME", "."), "/tmp", "/var/tmp", "/dev/shm", "/dev", "/run", "/run/lock", "/"]
total = 0
refused = []
files = []
try:
    for folder in FOLDERS:
        try:
            # Files of 16 MB, since a limit on the size of a file is another matter.
            while total < 512:
                path = os.path.join(folder, f"fill-@MARK@-{len(files)}")
                with open(path, "wb", buffering=0) as file:
                    files.append(path)
                    for _ in range(16):
                        total += file.write(BLOCK) >> 20
        except OSError as error:
            refused.append(f"{folder} {errno.errorcode[error.errno]}")
finally:
    for path in files:
        os.unlink(path)
print(f"ESCAPED: {total} MB" if total >= 512 else f"CONTAINED: {total} MB, {', '.join(refused)}")
sys.exit(total >= 512)
