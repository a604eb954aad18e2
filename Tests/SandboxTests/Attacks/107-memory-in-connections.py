# {"name": "memory-in-connections", "what": "Parks data in the buffers of TCP connections to itself, in four children, where it is memory of no process.", "contained": "It has no network, or the connections do not hold 800 MB at the same time.", "verdict": ["passed:none", "passed:memory", "failed:memory", "error:memory"], "prints": "", "forbids": "ESCAPED", "check": "no_process", "needs": "seccomp"}
import os
import signal
import socket
import sys

EACH, CHILDREN = 200 << 20, 4


def park():
    """Fills connections whose other ends nobody reads; gives how many bytes they hold."""
    held, ends = 0, []
    while held < EACH:
        try:
            listener = ends[0] if ends else socket.create_server(("127.0.0.1", 0))
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            client.connect(listener.getsockname())
            ends += [listener, client, listener.accept()[0]]
            client.setblocking(False)
            while held < EACH:
                held += client.send(bytes(65536))
        except BlockingIOError:
            pass
        except OSError:
            break
    return held, ends


reader, writer = os.pipe()
children = []
for _ in range(CHILDREN):
    child = os.fork()
    if child == 0:
        held, ends = park()
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
