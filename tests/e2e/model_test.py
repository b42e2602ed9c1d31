# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SmolLM2-135M, unquantised: equal to what PyTorch says in float32 (../shared/data/reference, where that is), and sane
on a text of our own (where it isn't)."""
import json
import os
import unittest

import numpy as np

import support
from support import BEST, DATA, HAS_DATA, MODEL, REFERENCE, compile_model, run


def unquantised():
    return compile_model(MODEL, "--scheme=none", f"--levels={BEST}")


@unittest.skipUnless(MODEL, "no real model (RESQ_TEST_MODEL)")
class Anywhere(unittest.TestCase):
    """Needs nothing but the model; the numbers are this test's own, of the commit that added it."""

    def test_answers_a_question(self):
        text = run([unquantised(), "generate", "-n", "24", "-p", "What is the capital of France?"]).decode()
        self.assertIn("Paris", text)

    def test_predicts_english(self):
        license = os.path.join(support.ROOT, "tests/e2e/Inputs/text.txt")
        value = support.perplexity(unquantised(), license, "--window", "256")
        self.assertTrue(2 < value < 40, f"perplexity {value}")


@unittest.skipUnless(MODEL and HAS_DATA, "no real model, or no ../shared/data")
class Reference(unittest.TestCase):
    def test_token_ids(self):
        for part in ("test", "valid"):
            out = support.path("ids")
            run([unquantised(), "tokenize", os.path.join(DATA, f"wikitext2-{part}.txt"), "-o", out])
            with open(out, "rb") as found, open(os.path.join(REFERENCE, f"smollm2-135m.wikitext2-{part}.u32"), "rb") as want:
                self.assertEqual(found.read(), want.read(), f"token ids of wikitext2-{part}.txt")

    def test_perplexity(self):
        value = support.perplexity(unquantised(), os.path.join(DATA, "wikitext2-test.txt"), "--windows", "2")
        self.assertAlmostEqual(value, 18.84, delta=0.02)

    def test_logits(self):
        ids = np.fromfile(os.path.join(REFERENCE, "smollm2-135m.wikitext2-test.u32"), dtype="<u4")[:512]
        found = support.logits(unquantised(), ids).astype(np.float64)
        want = np.load(os.path.join(REFERENCE, "smollm2-135m.logits512.npz"))
        peak = found.max(axis=1)
        sums = peak + np.log(np.exp(found - peak[:, None]).sum(axis=1))
        self.assertLess(np.abs(sums - want["logsumexp"]).max(), 2e-3, "log-sum-exp")
        top = np.take_along_axis(found, want["top_ids"].astype(np.int64), axis=1)
        self.assertLess(np.abs(top - want["top_values"]).max(), 2e-3, "the top 64")

    def test_greedy(self):
        with open(os.path.join(REFERENCE, "smollm2-135m.json")) as file:
            cases = json.load(file)["greedy"]
        for case in cases:
            with self.subTest(case["prompt"]):
                found = run([unquantised(), "generate", "--raw", "--ids", "-n", "64", "-p", case["prompt"]])
                ids = [int(line) for line in found.split()]
                want = case["greedy_ids"]
                # The end token ends the text and may be left out of it.
                if len(ids) == len(want) - 1:
                    want = want[:-1]
                self.assertEqual(ids, want)


if __name__ == "__main__":
    unittest.main()
