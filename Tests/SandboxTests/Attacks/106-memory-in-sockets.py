# {"name": "memory-in-sockets", "what": "Parks data in the buffers of Unix sockets, in six children, where it is memory of no process.", "contained": "They do not hold 960 MB at the same time.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "no_process", "needs": "network-namespace"}
import os
import signal
import socket
import sys

EACH, CHILDREN = 160 << 20, 6


def park():
    """Fills sockets whose other ends nobody reads; gives how many bytes they hold."""
    held, pairs = 0, []
    while held < EACH:
        try:
            pairs.append(socket.socketpair())
            pairs[-1][0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            pairs[-1][0].setblocking(False)
            while held < EACH:
                held += pairs[-1][0].send(bytes(65536))
        except BlockingIOError:
            pass
        except OSError:
            break
    return held, pairs


reader, writer = os.pipe()
children = []
for _ in range(CHILDREN):
    child = os.fork()
    if child == 0:
        held, pairs = park()
        os.write(writer, b"%d\n" % held)
        signal.pause()
    children.append(child)
os.close(writer)
held = 0
with os.fdopen(reader) as lines:
    for _ in range(CHILDREN):
        held += int(lines.readline() or 0)
print(f"{'ESCAPED' if held >= EACH * CHILDREN else 'CONTAINED'}: {held >> 20} MB", flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
sys.exit(held >= EACH * CHILDREN)
