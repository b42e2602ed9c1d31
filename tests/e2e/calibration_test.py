# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calibration of a small random checkpoint: the same file at any number of threads, one file for all schemes, and nothing
left in the work folder."""
import os
import subprocess
import sys
import unittest

import support
from support import make_tiny, run

sys.path.insert(0, os.path.join(support.ROOT, "tests", "tools"))
from make_tiny_gguf import CORPUS  # noqa: E402


def make_text(words):
    """Words of the tokenizer's corpus, over and over; some make two windows of 2,048 tokens."""
    corpus, path = CORPUS.split(), support.path(f"text{words}")
    with open(path, "w") as file:
        file.write(" ".join(corpus[i * 7 % len(corpus)] for i in range(words)))
    return path


def contents(path):
    with open(path, "rb") as file:
        return file.read()


class Calibration(unittest.TestCase):
    def calibrate(self, name, *options):
        path = support.path(name)
        run([support.RESQC, make_tiny(), "--calibrate-only", f"--statistics={path}", *options])
        return contents(path)

    def check_threads(self, *options):
        one, two = (self.calibrate(f"statistics{n}", f"--threads={n}", *options) for n in (1, 2))
        self.assertTrue(one == two, "--threads 1 and 2 differ")
        return one

    def test_text(self):
        text = make_text(4000)
        two = self.check_threads(f"--calibration={text}", "--calibration-windows=2")
        self.assertNotEqual(two, self.calibrate("fewer", f"--calibration={text}", "--calibration-windows=1"))

    def test_sampled(self):
        first = self.check_threads("--calibration-windows=2")
        self.assertNotEqual(first, self.calibrate("other", "--calibration-windows=2", "--seed=2"))

    def test_sampled_without_a_hadamard_matrix(self):
        """None of size 92 is known, and none of size 6 exists: text is sampled without rotations, or without those of keys."""
        for name, *shape in (("intermediate", "--intermediate=92"), ("head", "--width=48", "--heads=8", "--kv-heads=4")):
            with self.subTest(name):
                model, kept = make_tiny(f"no-hadamard-{name}.gguf", *shape), support.path(f"no-hadamard-{name}.statistics")
                run([support.RESQC, model, "--calibrate-only", "--scheme=none", f"--statistics={kept}", "--calibration-windows=1",
                     "--threads=1"])
                self.assertGreater(os.path.getsize(kept), 0)

    def test_scheme_does_not_matter(self):
        """Statistics that are kept are of all sites."""
        text = f"--calibration={make_text(4000)}"
        first, other = (self.calibrate(scheme, text, f"--scheme={scheme}") for scheme in ("none", "resq-w4a4kv4"))
        self.assertTrue(first == other)
        cache = support.path("calibration-cache")
        for scheme in ("resq-w4a4kv4", "resq-w4a8kv4"):
            run([support.RESQC, make_tiny(), "-o", support.path("out"), f"--scheme={scheme}", text, f"--cache={cache}",
                 "--levels=generic"])
        self.assertEqual(sum(name.endswith(".statistics") for name in os.listdir(cache)), 1)

    def test_leaves_nothing_behind(self):
        work = support.path("work")
        os.makedirs(work, exist_ok=True)
        environment = {**os.environ, "TMPDIR": work}
        for words, status in ((4000, 0), (20, 3)):
            done = subprocess.run([support.RESQC, make_tiny(), "--calibrate-only", f"--statistics={support.path('kept')}",
                                   f"--calibration={make_text(words)}"], env=environment, stderr=subprocess.PIPE, timeout=600)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(os.listdir(work), [])


if __name__ == "__main__":
    unittest.main()
