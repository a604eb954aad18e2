# {"name": "many-empty-files", "what": "Makes a hundred thousand empty files, which take no space but memory of the kernel.", "contained": "The folder has no more room for files, or the time limit ends it.", "verdict": ["passed:none", "passed:files", "failed:files", "error:files", "timeout:wall"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "namespaces"}
import errno
import os
import sys

try:
    for index in range(100_000):
        os.close(os.open(f"empty-{index}", os.O_CREAT | os.O_WRONLY))
    result = "ESCAPED: 100000 files"
except OSError as error:
    result = f"CONTAINED: {errno.errorcode[error.errno]} after {index} files"
print(result)
sys.exit(result.startswith("ESCAPED"))
