# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole small models at level cuda on a machine without a GPU: the fake driver (tests/gpu/fake_cuda.h) runs their launch lists,
graphs included, on the emulator, and the logits are level generic's, bit for bit or within the bounds of fast arithmetic."""
import os
import subprocess
import sys
import unittest

import support
from support import BUILD, ROOT, compile_model, make_tiny, run

CAPABILITIES = {"sm_90a": "90", "sm_80": "80"}
SMALL = ["--width", "32", "--heads", "2", "--kv-heads", "1", "--layers", "1", "--intermediate", "48", "--vocabulary", "270"]
ROWS = "--gpu-rows=4,24"
COMMON = ["--calibration-windows=1"]
EXACT = "--gpu-arithmetic=exact"
# Floats and a cache of signs; trellis codes, which the prepare list recodes; codes of integers and of E4M3, and rotations; then fast kernels, whose logits may be so far from
# level generic's, in norm. All kinds of them: tests/gpu/suite.py, on a GPU.
MODELS = {"float": ("sm_90a", ["--scheme=none", "--kv=keys=qjl:rows=4d:buffer=32,values=f16", EXACT], 0),
          "trellis": ("sm_90a", ["--scheme=best-w4a8kv4", EXACT], 0),
          "codes": ("sm_80", ["--scheme=resq-w4a8kv4", "--high=e4m3", EXACT], 0),
          "fast": ("sm_90a", ["--scheme=none", "--kv=f16"], 1e-5)}


def kernels(source, chip, *options):
    """The model's kernels as a library for the fake driver."""
    bitcode = os.path.join(BUILD, "tests", "emulated", f"{chip}.bc")
    made = compile_model(source, *options, "--levels=cuda", ROWS, f"--chip={chip}:{bitcode}", emit="obj")
    out, emulator = made + ".so", support.path("emulator.o")
    if not os.path.exists(emulator):
        run(["cc", "-O2", "-fPIC", "-c", "-I", ROOT, os.path.join(ROOT, "tests/gpu/emulator/emulator.c"), "-o", emulator])
    if not os.path.exists(out):
        run(["cc", "-shared", made, emulator, "-lm", "-o", out])
    return out


def compile_both(model, emit):
    """The artifact, and the environment in which the GPU is the fake one with its kernels."""
    chip, options, _ = MODELS[model]
    source, options = make_tiny("emulated.gguf", *SMALL), [*options, *COMMON]
    artifact = compile_model(source, *options, "--levels=generic,cuda", ROWS, emit=emit)
    return artifact, {**os.environ, "RESQ_LIBCUDA": os.path.join(BUILD, "lib", "libfake_cuda.so"),
                      "RESQ_FAKE_KERNELS": kernels(source, chip, *options), "RESQ_FAKE_CAPABILITY": CAPABILITIES[chip]}


class Emulated(unittest.TestCase):
    """One test a model, made below."""

    def check(self, model):
        artifact, environment = compile_both(model, "shared")
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tests/gpu/checks.py"), artifact, str(MODELS[model][2])],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:])

    def test_commands(self):
        """What a program says on the GPU is what it says on the CPU, at any command."""
        program, environment = compile_both("float", "exe")
        self.assertIn("device     cuda (Fake GPU 7, compute capability 9.0, code for sm_90a)",
                      run([program, "info"], env=environment).decode())
        for command in (["generate", "--greedy", "--raw", "-n", "5", "--ids", "-p", "ab"], ["logits", "-p", "abab", "--all"]):
            self.assertEqual(run([program, *command], env=environment), run([program, *command, "--level=generic"]), command)
        brief = [program, "generate", "--raw", "-n", "2", "-p", "ab"]
        done = subprocess.run([*brief, "--profile", "--device=cuda"], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"@forward, up to 4 rows, level cuda: \d+ calls")
        # Without the driver: one line, and the CPU.
        environment["RESQ_LIBCUDA"] = "/nonexistent"
        done = subprocess.run(brief, env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"\Anote: runs on the CPU: device 'cuda': NVIDIA's driver does not load: [^\n]*\n\Z")


for model in MODELS:
    def test(self, model=model):
        self.check(model)
    setattr(Emulated, f"test_{model}", test)
