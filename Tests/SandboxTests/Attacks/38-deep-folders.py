# {"name": "deep-folders", "what": "Leaves folders nested beyond the longest path, names that are no text, and folders that nobody may enter.", "contained": "The work folder is gone afterwards.", "verdict": ["passed:none"], "prints": "MADE", "forbids": "ESCAPED", "check": "work_folder_gone", "needs": "rlimits"}
import os

for name in (b"\xff\xfe", b"-rf", b"a\nb", b"x" * 255, b"\x1b[2J"):
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
for level in range(2000):
    os.mkdir("n" * 100)
    os.chdir("n" * 100)
os.mkdir("closed")
os.mkdir("closed/inner")
os.chmod("closed", 0)
print(f"MADE {level + 1} levels")
