"""Two hundred clients that drip, never read, break off and pipeline, beside one that behaves: scripts/hostile, shortly.

The full run has 2,000 of them for half a minute; here are its promises, each by name.
"""

import json
import subprocess
import sys

import pytest

from conftest import EXECUTABLE, ROOT

pytestmark = pytest.mark.alone

OPTIONS = {
    "connections": 200, "seconds": 9, "warm-up": 2, "idle": 2, "head-seconds": 1,
    # A machine that does other things too has pauses of its own, which the full run is not asked to bear.
    "floor": 50,
}
PROMISES = [
    "descriptors are given back after a warm-up",
    "descriptors are given back after the attack",
    "memory is given back after the attack",
    "a good client's p99 of health",
    "a good client's p99 of echo",
    "so many bad clients are there at one time",
    "a head of one byte a second is cut off",
    "there are resets and whole pipelines",
    "the daemon still answers",
    "SIGTERM ends it with status 0",
]


@pytest.fixture(scope="module")
def run():
    """One run of the script for all of the tests here."""
    options = [text for name, value in OPTIONS.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/hostile", "--binary", EXECUTABLE, "--json", *options],
        capture_output=True, text=True, timeout=90,
    )
    assert done.stdout, f"status {done.returncode}: {done.stderr}"
    return {"status": done.returncode, **json.loads(done.stdout)}


@pytest.mark.parametrize("what", PROMISES)
def test_a_promise_is_kept_among_bad_clients(run, what):
    promise = run["promises"][what]
    assert promise["holds"], f"{what}: wanted {promise['wanted']}, found {promise['found']}; {run}"


def test_no_promise_is_left_out_and_the_status_tells_of_a_broken_one(run):
    assert sorted(run["promises"]) == sorted(PROMISES)
    assert (run["status"] == 0) == all(promise["holds"] for promise in run["promises"].values())
