# {"name": "many-files", "what": "Writes 64 files of 4 MB each, each far below the limit on a file.", "contained": "The folder is full before 256 MB.", "verdict": ["passed:none", "passed:files", "failed:files", "error:files"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "namespaces"}
import errno
import os
import sys

made = []
try:
    for index in range(64):
        with open(f"file-{index}", "wb", buffering=0) as file:
            made.append(file.name)
            if file.write(b"x" * (4 << 20)) < 4 << 20:
                raise OSError(errno.ENOSPC, "written in part")
    result = "ESCAPED: 256 MB"
except OSError as error:
    result = f"CONTAINED: {errno.errorcode[error.errno]} after {len(made)} files"
for name in made:
    os.unlink(name)
print(result)
sys.exit(result.startswith("ESCAPED"))
