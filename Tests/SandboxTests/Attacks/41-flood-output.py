# {"name": "flood-output", "what": "Writes lines to its standard output for ever.", "contained": "At most 1 MiB is kept, and the time or output limit ends it.", "verdict": ["timeout:wall", "timeout:output", "failed:output", "error:output"], "prints": "", "forbids": "ESCAPED", "check": "output_bounded", "needs": "rlimits"}
import os

BLOCK = b"a line of the flood\n" * 3000
while True:
    os.write(1, BLOCK)
