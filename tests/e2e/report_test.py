# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""resqc --report: one page that needs nothing from elsewhere, tells of every linear, and tells the truth."""
import os
import re
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

import numpy as np

import support
from llama_numpy import Llama
from support import BEST, RESQC, compile_model, make_tiny, run

LINEARS = [f"l{layer}.{role}" for layer in (0, 1) for role in ("q", "k", "v", "o", "gate", "up", "down")]
ALL = ("resq-fold-norm,resq-split{seed=1 channels=true},resq-kv{keys=resq values=resq},resq-fold-rotations,"
       "resq-insert-hadamard,resq-quantize{weights=4 activations=4 weights-method=gptq clip=auto head=8}")
# Weights rounded to the nearest of 15 steps up to the row's largest: easy to do again.
NEAREST = "resq-fold-norm,resq-quantize{weights=4 activations=4 steps=1}"
TEXT = os.path.join(support.ROOT, "tests/e2e/Inputs/text.txt")


def report(name, *options):
    """The page of these options and its text."""
    page = support.path(f"{name}.html")
    run([RESQC, make_tiny(), "-o", support.path(name), f"--levels={BEST}", f"--cache={support.path('cache')}",
         "--calibration-windows=1", f"--report={page}", *options])
    with open(page, encoding="utf-8") as file:
        text = file.read()
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>")), text


def words(element):
    return " ".join(" ".join(element.itertext()).split())


def section(page, title):
    return next(s for s in page.iter("section") if words(s.find("h2")) == title)


def rows(page, title):
    """First cell -> the others, of the section's first table with so many."""
    return {words(row[0]): [words(cell) for cell in row[1:]] for row in section(page, title).iter("tr")
            if row[0].tag == "td"}


class Page(unittest.TestCase):
    def check(self, name, *options):
        page, text = report(name, *options)
        for outside in ("http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"):
            self.assertNotIn(outside, text)
        for value in ("nan", "inf", "NaN"):
            self.assertFalse(re.search(rf'[">\s]-?{value}["<\s]', text), value)
        linears = rows(page, "Every linear")
        for linear in LINEARS:
            self.assertIn(linear, linears)
        return page, linears

    def test_resq(self):
        page, linears = self.check("report-resq", "--scheme=resq-w4a4kv4")
        self.assertEqual(linears["l0.q"][1], "4 × 56 + 8 × 8")
        inputs = rows(page, "Every input")
        self.assertEqual(set(inputs), {f"l{i}.{role}.in" for i in (0, 1) for role in ("q", "o", "gate", "down")})
        # The stream's basis, a key and a value basis a layer.
        self.assertEqual(len(list(section(page, "Bases").iter("svg"))), 5)
        self.assertIn("5 of 5 bases are orthogonal", words(section(page, "Bases")))

    def test_everything(self):
        page, linears = self.check("report-all", f"--passes={ALL}")
        self.assertIn("head", linears)
        self.assertIn("*", linears["l0.q"][6], "a clip ratio that calibration found")
        self.assertIn("found by calibration", words(section(page, "Every linear")))

    def test_unquantised(self):
        _, linears = self.check("report-none", "--scheme=none")
        self.assertEqual(linears["l0.q"][1], "float")

    def test_without_statistics(self):
        page, linears = self.check("report-rtn", "--scheme=rtn-w4a4kv4")
        self.assertEqual(linears["l0.q"][5], "–")
        self.assertIn("none: figures of outputs", words(section(page, "How it was made")))

    def test_same_bytes(self):
        texts = {report(f"report-{threads}", "--scheme=resq-w4a4kv4", "--threads", threads)[1] for threads in ("1", "2")}
        self.assertEqual(len(texts), 1)


class Numbers(unittest.TestCase):
    def test_equals_numpy(self):
        """l0.q of a pipeline that rounds to nearest: its input is the embedding, normalised."""
        with open(TEXT, "rb") as file:
            text = file.read()
        calibration = support.path("calibration.txt")
        with open(calibration, "wb") as file:
            file.write(text * (1 + 40000 // len(text)))
        page, _ = report("report-nearest", f"--passes={NEAREST}", f"--calibration={calibration}")
        found = rows(page, "Every linear")["l0.q"]
        model = Llama(make_tiny())
        ids = [int(i) for i in run([support.path("report-nearest"), "tokenize", calibration, "--ids-only"]).split()][:2048]
        x = model.tensors["token_embd.weight"][ids].astype(np.float64)
        x /= np.sqrt((x ** 2).mean(axis=1, keepdims=True) + model.keys["llama.attention.layer_norm_rms_epsilon"])
        w = (model.tensors["blk.0.attn_q.weight"] * model.tensors["blk.0.attn_norm.weight"]).astype(np.float32)
        scale = bf16(np.abs(w).max(axis=1, keepdims=True) / 7)
        error = (w - scale * np.clip(np.round(w / scale), -8, 7)).astype(np.float64)
        w = w.astype(np.float64)

        def decibels(signal, noise):
            return 10 * np.log10((signal ** 2).sum() / (noise ** 2).sum())
        self.assertAlmostEqual(float(found[4]), decibels(w, error), delta=0.051)
        self.assertAlmostEqual(float(found[5]), decibels(x @ w.T, x @ error.T), delta=0.051)
        # Codes of 4 bits, a scale of 16 bits a row of 64.
        self.assertAlmostEqual(float(found[2]), 4 + 16 / 64, delta=0.001)
        # Activations: rows of samples are some of these rows, so the figure is near theirs.
        low, high = np.minimum(x.min(axis=1, keepdims=True), 0), np.maximum(x.max(axis=1, keepdims=True), 0)
        step = (high - low) / 15
        zero = np.round(-low / step)
        noise = x - step * (np.clip(np.round(x / step) + zero, 0, 15) - zero)
        self.assertAlmostEqual(float(found[7]), decibels(x @ w.T, noise @ w.T), delta=0.5)
        peaks = np.abs(x).max(axis=1) / np.sqrt((x ** 2).mean(axis=1))
        self.assertAlmostEqual(float(rows(page, "Every input")["l0.q.in"][0]), peaks.mean(), delta=0.1)


def bf16(x):
    """Rounded to nearest, ties to even."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


class Refusals(unittest.TestCase):
    def check(self, status, message, *options):
        done = subprocess.run([RESQC, make_tiny(), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(message, done.stderr.decode())

    def test_refusals(self):
        page, out = support.path("refused.html"), support.path("refused")
        self.check(2, "computes no parameters to report on", "-o", out, "--emit=resq", f"--report={page}")
        self.check(2, "this is the same file as -o", "-o", out, f"--report={out}")
        self.check(5, "no-such-folder", "-o", out, f"--report={support.path('no-such-folder')}/page.html")
        # A compile that fails leaves neither.
        self.check(2, "level 'sse' is not known", "-o", out, "--levels=sse", f"--report={page}")
        self.assertFalse(os.path.exists(page) or os.path.exists(out))


if __name__ == "__main__":
    unittest.main()
