# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real checkpoints, unquantised: equal to what PyTorch says in float32 (../shared/data/reference, where that is), and sane
on a text of our own (where it isn't). SmolLM2-135M always; Qwen2.5-Coder-0.5B where RESQ_TEST_MODEL_QWEN names it."""
import json
import os
import unittest

import numpy as np

import support
from support import BEST, DATA, HAS_DATA, MODEL, QWEN, REFERENCE, compile_model, run

QUESTION = "What is the capital of France?"


class Model:
    """The tests of one checkpoint. A subclass says which: `source` is its file, `name` begins its files in REFERENCE."""
    source = name = None

    def artifact(self):
        return compile_model(self.source, "--scheme=none", f"--levels={BEST}")

    def reference(self, suffix):
        return os.path.join(REFERENCE, f"{self.name}.{suffix}")


class Anywhere(Model):
    """Needs nothing but the model; the numbers are this test's own, of the commit that added it."""

    def test_answers_a_question(self):
        text = run([self.artifact(), "generate", "--greedy", "-n", "24", "-p", QUESTION]).decode()
        self.assertIn("Paris", text)

    def test_predicts_english(self):
        license = os.path.join(support.ROOT, "tests/e2e/Inputs/text.txt")
        value = support.perplexity(self.artifact(), license, "--window", "256")
        self.assertTrue(2 < value < 40, f"perplexity {value}")


class Reference(Model):
    def test_token_ids(self):
        for part in ("test", "valid"):
            out = support.path("ids")
            run([self.artifact(), "tokenize", os.path.join(DATA, f"wikitext2-{part}.txt"), "-o", out])
            with open(out, "rb") as found, open(self.reference(f"wikitext2-{part}.u32"), "rb") as want:
                self.assertEqual(found.read(), want.read(), f"token ids of wikitext2-{part}.txt")

    def test_logits(self):
        ids = np.fromfile(self.reference("wikitext2-test.u32"), dtype="<u4")[:512]
        found = support.logits(self.artifact(), ids).astype(np.float64)
        want = np.load(self.reference("logits512.npz"))
        peak = found.max(axis=1)
        sums = peak + np.log(np.exp(found - peak[:, None]).sum(axis=1))
        self.assertLess(np.abs(sums - want["logsumexp"]).max(), 2e-3, "log-sum-exp")
        top = np.take_along_axis(found, want["top_ids"].astype(np.int64), axis=1)
        self.assertLess(np.abs(top - want["top_values"]).max(), 2e-3, "the top 64")

    def test_greedy(self):
        with open(self.reference("json")) as file:
            cases = json.load(file)["greedy"]
        for case in cases:
            with self.subTest(case["prompt"]):
                found = run([self.artifact(), "generate", "--greedy", "--raw", "--ids", "-n", "64", "-p", case["prompt"]])
                ids = [int(line) for line in found.split()]
                want = case["greedy_ids"]
                # The end token ends the text and may be left out of it.
                if len(ids) == len(want) - 1:
                    want = want[:-1]
                self.assertEqual(ids, want)

    def test_chat(self):
        """The template and its control tokens: an answer begins with the likeliest token behind the reference's ids."""
        with open(self.reference("json")) as file:
            ids = json.load(file)["chat_ids"]
        first = run([self.artifact(), "generate", "--greedy", "--chat", "--ids", "-n", "1", "-p", QUESTION])
        self.assertEqual(int(first), support.logits(self.artifact(), ids)[-1].argmax())


HAS_MODEL = unittest.skipUnless(MODEL, "no real model (RESQ_TEST_MODEL)")
HAS_QWEN = unittest.skipUnless(QWEN, "no Qwen model (RESQ_TEST_MODEL_QWEN)")
HAS_REFERENCE = unittest.skipUnless(HAS_DATA, "no ../shared/data")


@HAS_MODEL
class SmolLM2Anywhere(Anywhere, unittest.TestCase):
    source = MODEL


@HAS_MODEL
@HAS_REFERENCE
class SmolLM2Reference(Reference, unittest.TestCase):
    source, name = MODEL, "smollm2-135m"

    def test_perplexity(self):
        value = support.perplexity(self.artifact(), os.path.join(DATA, "wikitext2-test.txt"), "--windows", "2")
        self.assertAlmostEqual(value, 18.84, delta=0.02)


@HAS_QWEN
class QwenAnywhere(Anywhere, unittest.TestCase):
    source = QWEN


@HAS_QWEN
@HAS_REFERENCE
class QwenReference(Reference, unittest.TestCase):
    source, name = QWEN, "qwen2.5-coder-0.5b"


if __name__ == "__main__":
    unittest.main()
