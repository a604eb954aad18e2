# {"name": "descriptors-in-flight", "what": "Parks open files in the queues of Unix sockets, where they do not count as its descriptors.", "contained": "The kernel refuses more files in flight than the limit on descriptors.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import array
import errno
import os
import socket
import sys

files = array.array("i", [os.open("/dev/null", os.O_RDONLY)] * 100)
kept = []
count = 0
result = "CONTAINED:"
while count < 4096:
    try:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        pair[0].setblocking(False)
        kept.append(pair)
        for _ in range(5):
            pair[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
            count += len(files)
    except OSError as error:
        result = f"CONTAINED: {errno.errorcode[error.errno]} after {count} files in {len(kept)} pairs"
        break
else:
    result = f"ESCAPED: {count} files in flight"
print(result)
sys.exit(result.startswith("ESCAPED"))
