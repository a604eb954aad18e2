# {"name": "memory-by-children", "what": "Holds 150 MB in each of six children, since a limit on address space counts for each process alone.", "contained": "Together they do not get 900 MB at the same time.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory", "passed:processes"], "prints": "", "forbids": "ESCAPED", "check": "no_process", "needs": "cgroup"}
import subprocess
import sys

HOLD = "import sys\ndata = b'x' * (150 << 20)\nprint('held', flush=True)\nsys.stdin.read()"
arguments = [sys.executable, "-c", HOLD, "@MARK@"]
children = [subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
# A child says when it has the memory, and a child that was refused or killed closes its end; all wait for the last.
held = [child.stdout.readline() for child in children].count(b"held\n")
held -= sum(child.poll() is not None for child in children)
print(f"{'ESCAPED' if held == len(children) else 'CONTAINED'}: {held * 150} MB at the same time", flush=True)
for child in children:
    child.kill()
    child.wait()
