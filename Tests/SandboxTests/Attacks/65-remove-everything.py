# {"name": "remove-everything", "what": "Removes everything below the root with rm -rf.", "contained": "The system's folders and the host's files are as before.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "host_file_unchanged", "needs": "namespaces"}
import os
import subprocess
import sys

# A test of a sandbox must not cost the machine: it goes on only where the host is out of sight and nothing of the
# system can be written.
FOLDERS = ["/usr", "/usr/bin", "/usr/lib", "/etc", "/bin", "/lib", "/lib64", "/root", "/home", "/var", "/opt"]
seen = [path for path in ("@HOST_FILE@", "@HOST_DIR@", "@DATABASE@") if os.path.lexists(path)]
for folder in FOLDERS:
    path = f"{folder}/escaped-@MARK@"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)
        seen.append(folder)
    except OSError:
        pass
if seen or os.geteuid() == 0 and os.getpid() > 1000:
    print(f"ESCAPED: it would reach {', '.join(seen) or 'the machine as root'}; not tried")
    sys.exit(1)
before = {folder: len(os.listdir(folder)) for folder in ("/usr/bin", "/usr/lib", "/etc") if os.path.isdir(folder)}
# It walks through all of /usr in vain, and need not do so to the end.
os.system("timeout -s KILL 1 rm -rf --no-preserve-root / 2>/dev/null")
after = {folder: len(os.listdir(folder)) if os.path.isdir(folder) else 0 for folder in before}
print(f"CONTAINED: {after}" if after == before else f"ESCAPED: {before} became {after}")
sys.exit(after != before)
