# {"name": "exit-before-the-test", "what": "Ends with code 0 before the test that would fail has run.", "contained": "The verdict rests on the exit code alone: nothing crashes, hangs or claims that a test ran.", "verdict": ["passed:none"], "prints": "LOADED", "forbids": "RAN", "check": "none", "needs": "rlimits"}
import os
import unittest


class Test(unittest.TestCase):
    def test_that_fails(self):
        print("RAN", flush=True)
        self.fail()


print("LOADED", flush=True)
os._exit(0)
unittest.main()
