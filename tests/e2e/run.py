#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the end-to-end tests, *_test.py beside this file (unittest), and ends in a line "N passed, N failed".

  tests/e2e/run.py --build BUILD [--tiny] [NAME...]

NAME: a module (model_test), a class or a test in it. --tiny leaves out the real models, which
RESQ_TEST_MODEL and RESQ_TEST_MODEL_QWEN name.
"""
import argparse
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Result(unittest.TestResult):
    """One line a test, with its time; what went wrong below it."""

    def __init__(self):
        super().__init__()
        self.good, self.bad = 0, 0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def say(self, word, test, detail=""):
        seconds = time.monotonic() - getattr(self, "started", time.monotonic())
        print(f"{word}: {test.id()} ({seconds:.1f} s){detail}", flush=True)

    def addSuccess(self, test):
        self.good += 1
        self.say("PASS", test)

    def addSkip(self, test, reason):
        self.say("SKIP", test, f": {reason}")

    def addFailure(self, test, err):
        self.bad += 1
        self.say("FAIL", test, "\n" + self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(subtest, err)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(HERE, "../../build"))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("names", nargs="*")
    o = parser.parse_args()
    os.environ["RESQ_BUILD"] = os.path.abspath(o.build)
    if o.tiny:
        os.environ["RESQ_TEST_TINY"] = "1"
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(o.names) if o.names else loader.discover(HERE, "*_test.py", HERE)
    result = Result()
    suite.run(result)
    print(f"{result.good} passed, {result.bad} failed")
    sys.exit(1 if result.bad or not result.good else 0)


if __name__ == "__main__":
    main()
