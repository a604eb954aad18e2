# {"name": "binary-output", "what": "Writes every byte, cut UTF-8, NUL and terminal sequences to both streams.", "contained": "The bytes are taken as they are, and the daemon and its readers survive.", "verdict": ["passed:none"], "prints": "BINARY", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import os

HOSTILE = b"BINARY " + bytes(range(256)) + b"\xc3 \xe2\x82 \xed\xa0\x80 \xf4\x90\x80\x80\0\x1b]0;title\x07\x1b[2J\r\n\xf0\x9f"
for stream in (1, 2):
    for byte in HOSTILE:
        os.write(stream, bytes([byte]))
