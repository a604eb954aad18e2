# {"name": "flood-that-ends", "what": "Writes 3 MiB to its standard output and ends well.", "contained": "The output is cut at 1 MiB, and the result says so.", "verdict": ["passed:output", "failed:output", "error:output"], "prints": "FIRST", "forbids": "LAST", "check": "output_bounded", "needs": "rlimits"}
import sys

sys.stdout.write("FIRST\n" + "x" * (3 << 20) + "\nLAST\n")
