# {"name": "many-empty-files", "what": "Makes empty files without end, which take no space but memory of the kernel.", "contained": "The folder has no more room for files, or the time limit ends it.", "verdict": ["passed:none", "passed:files", "failed:files", "error:files", "timeout:wall", "timeout:cpu"], "prints": "", "forbids": "ESCAPED", "check": "none", "needs": "namespaces"}
import errno
import itertools
import os

try:
    for index in itertools.count():
        os.close(os.open(f"empty-{index}", os.O_CREAT | os.O_WRONLY))
except OSError as error:
    print(f"CONTAINED: {errno.errorcode[error.errno]} after {index} files")
