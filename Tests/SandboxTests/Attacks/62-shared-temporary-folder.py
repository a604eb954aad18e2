# {"name": "shared-temporary-folder", "what": "Leaves a file in /tmp and /var/tmp, where other programs of the machine would find it.", "contained": "The file is not on the host: the folder is the sandbox's own, or may not be written to.", "verdict": ["passed:none"], "prints": "DONE", "forbids": "ESCAPED", "check": "host_file_absent:/tmp/escaped-@MARK@", "needs": "landlock"}
for folder in ("/tmp", "/var/tmp"):
    try:
        with open(f"{folder}/escaped-@MARK@", "w") as file:
            file.write("escaped")
    except OSError:
        pass
print("DONE")
