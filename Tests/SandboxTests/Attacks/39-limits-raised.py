# {"name": "limits-raised", "what": "Raises its own limits.", "contained": "The hard limits are there and cannot be raised.", "verdict": ["passed:none"], "prints": "CONTAINED", "forbids": "ESCAPED", "check": "none", "needs": "rlimits"}
import resource
import sys

NAMES = ["AS", "NPROC", "NOFILE", "FSIZE", "CORE", "CPU"]
# The memory, processes and time may be bounded by other means, and then need no limit here.
OPTIONAL = {"AS", "NPROC", "CPU"}
escaped, refused = [], []
for name in NAMES:
    number = getattr(resource, f"RLIMIT_{name}")
    hard = resource.getrlimit(number)[1]
    if hard == resource.RLIM_INFINITY:
        (refused if name in OPTIONAL else escaped).append(f"{name} without limit")
        continue
    try:
        resource.setrlimit(number, (hard + 1, hard + 1))
        # What is said to be done need not be so.
        is_raised = resource.getrlimit(number)[1] > hard
        (escaped if is_raised else refused).append(f"{name} {'above ' * is_raised}{hard}")
    except (ValueError, OSError):
        refused.append(f"{name} {hard}")
print(f"ESCAPED: {', '.join(escaped)}" if escaped else f"CONTAINED: {', '.join(refused)}")
sys.exit(bool(escaped))
