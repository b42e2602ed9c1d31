# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real checkpoints, unquantised: equal to what PyTorch says in float32 (Inputs/reference), and sane on a text of our own.
SmolLM2-135M always; Qwen2.5-Coder-0.5B where RESQ_TEST_MODEL_QWEN names it. Token ids of the whole WikiText-2 where
RESQ_DATA (../shared/data) holds it."""
import json
import os
import unittest

import numpy as np

import support
from support import BEST, DATA, HAS_DATA, MODEL, QWEN, compile_model, run

import make_reference  # in tests/tools, which support puts on the path

REFERENCE = os.path.join(support.ROOT, "tests/e2e/Inputs/reference")
HEAD = os.path.join(REFERENCE, "wikitext2-test-head.txt")

QUESTION = "What is the capital of France?"


class Model:
    """The tests of one checkpoint. A subclass says which: `source` is its file, `name` begins its files in REFERENCE."""
    source = name = None

    def artifact(self):
        return compile_model(self.source, "--scheme=none", f"--levels={BEST}")

    def arrays(self):
        return make_reference.read(os.path.join(REFERENCE, f"{self.name}.npz"))

    def cases(self):
        with open(os.path.join(REFERENCE, f"{self.name}.json")) as file:
            return json.load(file)

    def tokenize(self, text):
        out = support.path("ids")
        run([self.artifact(), "tokenize", text, "-o", out])
        return np.fromfile(out, dtype="<u4")


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
        np.testing.assert_array_equal(self.tokenize(HEAD), self.arrays()["ids"])

    def test_logits(self):
        want = self.arrays()
        found = support.logits(self.artifact(), want["ids"][:512]).astype(np.float64)
        self.assertTrue(np.isfinite(found).all(), "finite")
        peak = found.max(axis=1)
        sums = peak + np.log(np.exp(found - peak[:, None]).sum(axis=1))
        self.assertLess(np.abs(sums - want["logsumexp"]).max(), 2e-3, "log-sum-exp")
        top = np.take_along_axis(found, want["top_ids"].astype(np.int64), axis=1)
        self.assertLess(np.abs(top - want["top_values"]).max(), 2e-3, "the top 64")

    def test_greedy(self):
        for case in self.cases()["greedy"]:
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
        ids = self.cases()["chat_ids"]
        first = run([self.artifact(), "generate", "--greedy", "--chat", "--ids", "-n", "1", "-p", QUESTION])
        self.assertEqual(int(first), support.logits(self.artifact(), ids)[-1].argmax())


class WholeText(Model):
    def test_token_ids(self):
        for part in ("test", "valid"):
            want = np.fromfile(os.path.join(DATA, "reference", f"{self.name}.wikitext2-{part}.u32"), dtype="<u4")
            found = self.tokenize(os.path.join(DATA, f"wikitext2-{part}.txt"))
            np.testing.assert_array_equal(found, want, f"wikitext2-{part}.txt")


HAS_MODEL = unittest.skipUnless(MODEL, "no real model (RESQ_TEST_MODEL)")
HAS_QWEN = unittest.skipUnless(QWEN, "no Qwen model (RESQ_TEST_MODEL_QWEN)")
HAS_WHOLE_TEXT = unittest.skipUnless(HAS_DATA, "no WikiText-2 with token ids (RESQ_DATA)")


@HAS_MODEL
class SmolLM2Anywhere(Anywhere, unittest.TestCase):
    source = MODEL


@HAS_MODEL
@HAS_WHOLE_TEXT
class SmolLM2WholeText(WholeText, unittest.TestCase):
    source, name = MODEL, "smollm2-135m"


@HAS_MODEL
class SmolLM2Reference(Reference, unittest.TestCase):
    source, name = MODEL, "smollm2-135m"

    def test_perplexity(self):
        value = support.perplexity(self.artifact(), HEAD, "--windows", "2")
        self.assertAlmostEqual(value, 18.84, delta=0.02)


@HAS_QWEN
class QwenAnywhere(Anywhere, unittest.TestCase):
    source = QWEN


@HAS_QWEN
@HAS_WHOLE_TEXT
class QwenWholeText(WholeText, unittest.TestCase):
    source, name = QWEN, "qwen2.5-coder-0.5b"


@HAS_QWEN
class QwenReference(Reference, unittest.TestCase):
    source, name = QWEN, "qwen2.5-coder-0.5b"


if __name__ == "__main__":
    unittest.main()
