# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The IR is the program: edited text gives the binary that the edit means, as numpy says, and the forward is machine code."""
import os
import re
import shutil
import unittest

import numpy as np

import support
from llama_numpy import Llama
from support import BEST, RESQC, compile_model, log_softmax, logits, make_tiny, run

IDS = np.random.default_rng(11).integers(0, 512, 40)


def imported():
    return run([RESQC, make_tiny(), "--emit=import", "-o", "-"], cwd=support.WORK).decode()


def compile_text(name, text):
    """Beside the checkpoint, which the module names."""
    source = support.path(name)
    with open(source, "w") as file:
        file.write(text)
    return compile_model(source, "--scheme=none", f"--levels={BEST}")


class Edits(unittest.TestCase):
    def check(self, name, text, model):
        self.assertNotEqual(text, imported(), "the edit changed nothing")
        found = log_softmax(logits(compile_text(name, text), IDS))
        self.assertLess(np.abs(found - log_softmax(model.forward(IDS))).max(), 1e-3)

    def test_unchanged(self):
        found = log_softmax(logits(compile_text("unchanged.mlir", imported()), IDS))
        self.assertLess(np.abs(found - log_softmax(Llama(make_tiny()).forward(IDS))).max(), 1e-3)

    def test_delete_a_layer(self):
        """Layer 1 goes: from the read of its first gain to the sum that ends it."""
        lines = imported().splitlines()
        first = next(i for i, line in enumerate(lines) if "resq.get @l1.attn_norm" in line)
        after = next(i for i, line in enumerate(lines) if "resq.gather_rows" in line)
        entering = re.match(r" *(%\w+) = resq.add ", lines[first - 1]).group(1)
        leaving = re.match(r" *(%\w+) = resq.add ", lines[after - 1]).group(1)
        lines[after] = re.sub(rf"{leaving}\b", entering, lines[after])
        model = Llama(make_tiny())
        model.layers = [0]
        self.check("deleted.mlir", "\n".join(lines[:first] + lines[after:]), model)

    def test_swap_two_ops(self):
        """Gate and up of layer 0 read each other's matrix."""
        text = imported()
        swapped = text.replace("resq.get @l0.gate", "resq.get @?").replace("resq.get @l0.up", "resq.get @l0.gate")
        swapped = swapped.replace("resq.get @?", "resq.get @l0.up")
        model = Llama(make_tiny())
        gate, up = "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"
        model.tensors[gate], model.tensors[up] = model.tensors[up], model.tensors[gate]
        self.check("swapped.mlir", swapped, model)

    def test_swap_layers(self):
        """Layer 1 runs before layer 0: names change places, except those of the caches."""
        names = re.compile(r"(resq\.get @l)([01])\.")
        text = "\n".join(names.sub(lambda m: m.group(1) + "10"[int(m.group(2))] + ".", line)
                         for line in imported().splitlines())
        model = Llama(make_tiny())
        model.layers = [1, 0]
        self.check("layers.mlir", text, model)


@unittest.skipUnless(shutil.which("objdump"), "no objdump")
class MachineCode(unittest.TestCase):
    def test_forward_is_compiled(self):
        """One function of the module's name that calls one specialised kernel an op, in the order of the ops."""
        out = compile_model(make_tiny(), "--scheme=none", f"--levels={BEST}", emit="obj")
        code = run(["objdump", "-dr", "--no-show-raw-insn", out]).decode()
        forward = re.search(r"<forward__\w+>:\n(.*?)(?:\n\n|\Z)", code, re.S)
        self.assertTrue(forward, "no forward in the object file")
        calls = re.findall(rf"resq_(\w+?)_{BEST}", forward.group(1))
        for kernel in ("embed_f32", "rms_norm", "rope", "kv_append", "attention", "add", "silu_gate", "gather_rows"):
            self.assertIn(kernel, calls)
        self.assertEqual(calls.count("attention"), 2, "one call a layer")
        self.assertLess(calls.index("embed_f32"), calls.index("attention"))
        self.assertLess(calls.index("attention"), len(calls) - 1 - calls[::-1].index("rms_norm"))

    def test_perf_symbols(self):
        """What perf shows of an executable and of a library: functions, and kernels with their shapes (docs/performance.md)."""
        for emit in ("exe", "shared"):
            names = run(["nm", compile_model(make_tiny(), "--scheme=none", f"--levels={BEST}", emit=emit)]).decode()
            self.assertRegex(names, rf" [tT] forward__{BEST}__r\d+\n")
            self.assertRegex(names, rf" [tT] resq_linear_f32_{BEST}__\d+_\d+_\d+_\d+\n")

    def test_integer_instructions(self):
        """The quantised binary multiplies codes, in vector registers."""
        out = compile_model(make_tiny(), "--scheme=resq-w4a8kv4", "--calibration-windows=1", "--levels=avx512")
        code = run(["objdump", "-d", "--no-show-raw-insn", out]).decode()
        self.assertIn("vpdpbusd", code)
        self.assertIn("zmm", code)


if __name__ == "__main__":
    unittest.main()
