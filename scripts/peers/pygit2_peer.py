"""Commits patches with pygit2: a JSON string a line on standard input, milliseconds a line on standard output."""
import json
import sys
import time

import pygit2

repository = pygit2.Repository(sys.argv[1])
author = pygit2.Signature("A", "a@b")
for line in sys.stdin:
    patch = json.loads(line)
    began = time.perf_counter()
    repository.apply(pygit2.Diff.parse_diff(patch), pygit2.enums.ApplyLocation.BOTH)
    tree = repository.index.write_tree()
    repository.create_commit("HEAD", author, author, "Change a line\n", tree, [repository.head.target])
    print(f"{(time.perf_counter() - began) * 1000:.3f}", flush=True)
