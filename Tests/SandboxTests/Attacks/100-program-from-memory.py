# {"name": "program-from-memory", "what": "Executes a program from memory, without a file, and looks whether it has left the sandbox.", "contained": "It is refused, or the program is bound by the same filter and sees nothing of the host.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "seccomp"}
import errno
import os
import sys

try:
    program = os.memfd_create("program")
except OSError as error:
    print(f"CONTAINED: memfd_create {errno.errorcode[error.errno]}")
    sys.exit(0)
with open("/bin/cat", "rb") as file:
    os.write(program, file.read())
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.dup2(writer, 1)
    try:
        os.execve(program, ["cat", "/proc/self/status", "@HOST_FILE@"], {})
    except OSError as error:
        os.write(1, f"refused {errno.errorcode[error.errno]}".encode())
    os._exit(0)
os.close(writer)
with open(reader, "rb") as file:
    text = file.read()
os.waitpid(child, 0)
free = [name for name in (b"NoNewPrivs:\t0", b"Seccomp:\t0", b"host-secret") if name in text]
if free or not text:
    print(f"ESCAPED: {free or 'no answer'}")
    sys.exit(1)
print(f"CONTAINED: {text.decode() if text.startswith(b'refused') else 'bound by the same filter'}")
