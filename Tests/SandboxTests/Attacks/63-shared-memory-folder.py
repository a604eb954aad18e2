# {"name": "shared-memory-folder", "what": "Leaves a file in /dev/shm, where other programs of the machine would find it.", "contained": "The file is not on the host: the folder is the sandbox's own, or may not be written to.", "verdict": ["passed:none"], "prints": "DONE", "forbids": "ESCAPED", "check": "host_file_absent:/dev/shm/escaped-@MARK@", "needs": "landlock"}
try:
    with open("/dev/shm/escaped-@MARK@", "w") as file:
        file.write("escaped")
except OSError:
    pass
print("DONE")
