#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the end-to-end tests, *_test.py beside this file (unittest), and ends in a line "N passed, N failed",
with ", N skipped" when tests could not run.

  tests/e2e/run.py --build BUILD [--tiny] [--jobs N] [NAME...]

NAME: a module (model_test), a class or a test in it. --tiny leaves out the real models, which
RESQ_TEST_MODEL and RESQ_TEST_MODEL_QWEN name. With several jobs (as many as cores) each NAME,
without names each class, runs in a process of its own.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Result(unittest.TestResult):
    """One line a test, with its time; what went wrong below it."""

    def __init__(self):
        super().__init__()
        self.good, self.bad, self.skips = 0, 0, 0

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
        self.skips += 1
        self.say("SKIP", test, f": {reason}")

    def addExpectedFailure(self, test, err):
        self.addSkip(test, "it is expected to fail")

    def addUnexpectedSuccess(self, test):
        self.bad += 1
        self.say("FAIL", test, ": it is expected to fail and did not")

    def addFailure(self, test, err):
        self.bad += 1
        self.say("FAIL", test, "\n" + self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(subtest, err)


def classes(suite):
    """The names of the classes of a suite's tests, in their order; a module that can't be imported is named itself, and fails again."""
    found = {}
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            found.update(dict.fromkeys(classes(test)))
        elif isinstance(test, unittest.loader._FailedTest):
            found[test.id().rpartition(".")[2]] = None
        else:
            found[test.id().rpartition(".")[0]] = None
    return list(found)


def in_process(suite):
    """How many tests passed, failed and were skipped."""
    result = Result()
    suite.run(result)
    return result.good, result.bad, result.skips


def in_processes(names, options, jobs):
    """The same, a name a process; what one prints appears when it is done."""
    def one(name):
        return subprocess.run([sys.executable, os.path.abspath(__file__), *options, "--jobs=1", name], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace").stdout

    good, bad, skips = 0, 0, 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, out in zip(names, pool.map(one, names)):
            lines, _, last = out.rstrip("\n").rpartition("\n")
            counts = re.fullmatch("([0-9]+) passed, ([0-9]+) failed(?:, ([0-9]+) skipped)?", last)
            if counts:
                good, bad, skips = good + int(counts[1]), bad + int(counts[2]), skips + int(counts[3] or 0)
            else:
                bad, lines = bad + 1, f"{out}\nFAIL: {name}: no last line with counts"
            print(lines, flush=True)
    return good, bad, skips


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(HERE, "../../build"))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("names", nargs="*")
    o = parser.parse_args()
    os.environ["RESQ_BUILD"] = os.path.abspath(o.build)
    if o.tiny:
        os.environ["RESQ_TEST_TINY"] = "1"
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(o.names) if o.names else loader.discover(HERE, "*_test.py", HERE)
    names = o.names or classes(suite)
    if o.jobs > 1 and len(names) > 1:
        good, bad, skips = in_processes(names, [f"--build={o.build}", *(["--tiny"] if o.tiny else [])], o.jobs)
    else:
        good, bad, skips = in_process(suite)
    print(f"{good} passed, {bad} failed" + (f", {skips} skipped" if skips else ""))
    sys.exit(1 if bad or not good + skips else 0)


if __name__ == "__main__":
    main()
