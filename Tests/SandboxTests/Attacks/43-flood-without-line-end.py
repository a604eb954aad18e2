# {"name": "flood-without-line-end", "what": "Writes one line that never ends, to both streams in turn.", "contained": "At most 1 MiB of each is kept, and the time or output limit ends it.", "verdict": ["timeout:wall", "timeout:output", "failed:output", "error:output"], "prints": "", "forbids": "ESCAPED", "check": "output_bounded", "needs": "rlimits"}
import os

BLOCK = b"x" * 60_000
while True:
    os.write(1, BLOCK)
    os.write(2, BLOCK)
