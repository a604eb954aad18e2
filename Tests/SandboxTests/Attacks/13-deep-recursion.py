# {"name": "deep-recursion", "what": "Recurses through C code until the stack is full and the interpreter crashes.", "contained": "The crash ends this process and is reported.", "verdict": ["error:signal", "failed:signal", "error:memory", "failed:memory"], "prints": "RECURSING", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import sys

sys.setrecursionlimit(10**9)


def deeper(_):
    return list(map(deeper, [0]))


print("RECURSING", flush=True)
deeper(0)
