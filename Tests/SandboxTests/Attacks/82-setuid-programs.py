# {"name": "setuid-programs", "what": "Starts programs that run as root for everybody: su, mount, passwd and others.", "contained": "They run with no more rights than it has itself.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "no_process", "needs": "rlimits"}
import ctypes
import os
import subprocess
import sys

PROGRAMS = ["su", "sudo", "mount", "umount", "passwd", "newgrp", "gpasswd", "chfn", "chsh", "pkexec", "fusermount3"]
started, gained = [], []
for name in PROGRAMS:
    try:
        # They wait for their input, or have ended; the user they run as can be read in both cases.
        child = subprocess.Popen([f"/usr/bin/{name}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
    except OSError:
        continue
    started.append(name)
    try:
        with open(f"/proc/{child.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
    except PermissionError:
        # Without a view of its own of /proc the bar to new privileges below has to do.
        fields = {"Uid": "\t1\t1", "CapEff": "0"}
    if fields["Uid"].split()[1] == "0" != str(os.geteuid()) or int(fields["CapEff"], 16):
        gained.append(name)
    child.stdin.close()
    child.kill()
    child.wait()
if ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) != 1:  # PR_GET_NO_NEW_PRIVS
    gained.append("new privileges are allowed")
print(f"ESCAPED: {', '.join(gained)}" if gained else f"CONTAINED: {', '.join(started) or 'none is there'}")
sys.exit(bool(gained))
