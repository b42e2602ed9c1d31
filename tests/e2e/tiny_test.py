# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small random checkpoints through every scheme and level: the levels agree with each other and with numpy, a token alone
with a token in a chunk, one thread with two, one compile with the next."""
import json
import os
import shutil
import subprocess
import sys
import unittest

import numpy as np

import support
from llama_numpy import Llama
from support import BEST, LEVELS, compile_model, log_softmax, logits, make_tiny, run

SCHEMES = ["none", "bf16", "rtn-w4a4kv4", "quarot-w4a4kv4", "resq-w4a4kv4", "resq-w4a8kv4",
           "best-w4a4kv4", "best-w4a8kv4", "best-w4a8kv3", "best-w3a8kv4", "best-w3a8kv3", "w5", "w6", "w8a8"]
CALIBRATION = "--calibration-windows=1"
IDS = np.random.default_rng(7).integers(0, 512, 75)

# How far levels may lie apart, as the mean difference of log-probabilities. Codes of activations are rounded from floats
# that differ in the last bit between levels: one that falls the other way moves what follows by a step of 4 or 8 bits.
MEAN_BOUND = {"none": 1e-5, "bf16": 1e-2}
QUANTISED_BOUND = 0.1


def scheme_levels(scheme):
    """What this scheme is compiled for in these tests: definitions are slow to compile, so not every scheme has them."""
    return LEVELS if scheme in ("none", "resq-w4a8kv4") else LEVELS[1:]


def compile_scheme(scheme, *options):
    return compile_model(make_tiny(), f"--scheme={scheme}", CALIBRATION, f"--levels={','.join(scheme_levels(scheme))}",
                         *options)


class Schemes(unittest.TestCase):
    """One test a scheme, made below."""

    def check(self, scheme):
        artifact = compile_scheme(scheme)
        found = {level: log_softmax(logits(artifact, IDS, "--level", level)) for level in scheme_levels(scheme)}
        for level, values in found.items():
            self.assertTrue(np.isfinite(values).all(), f"{level}: not finite")
            apart = np.abs(values - found["generic"]).mean()
            self.assertLessEqual(apart, MEAN_BOUND.get(scheme, QUANTISED_BOUND), f"{level} and generic")
        info = json.loads(run([artifact, "info", "--json"]))
        self.assertEqual(info["scheme"], scheme)
        self.assertEqual({entry["level"] for entry in info["entries"]}, set(scheme_levels(scheme)))
        run([artifact, "info", "--verify"])


for name in SCHEMES:
    def test(self, scheme=name):
        self.check(scheme)
    setattr(Schemes, "test_" + name.replace("-", "_"), test)


class Meaning(unittest.TestCase):
    def test_equals_numpy(self):
        want = log_softmax(Llama(make_tiny()).forward(IDS))
        for level in LEVELS:
            found = log_softmax(logits(compile_scheme("none"), IDS, "--level", level))
            self.assertLess(np.abs(found - want).max(), 1e-3, level)

    def test_odd_sizes(self):
        """Sizes that no tile divides; one kv head; a head of its own."""
        model = make_tiny("odd.gguf", "--width", "48", "--heads", "3", "--kv-heads", "1", "--intermediate", "80",
                          "--vocabulary", "331", "--layers", "1", "--head")
        ids = IDS % 331
        want = log_softmax(Llama(model).forward(ids))
        artifact = compile_model(model, "--scheme=none", f"--levels={','.join(LEVELS[1:])}")
        for level in LEVELS[1:]:
            found = log_softmax(logits(artifact, ids, "--level", level))
            self.assertLess(np.abs(found - want).max(), 1e-3, level)

    def test_weight_types(self):
        """What llama.cpp writes in place of F32 predicts nearly the same."""
        want = log_softmax(Llama(make_tiny()).forward(IDS))
        for kind, bound in [("F16", 2e-3), ("BF16", 2e-2), ("Q8_0", 5e-2), ("Q4_0", 1.0), ("Q4_1", 1.0),
                            ("Q5_0", 0.4)]:
            model = make_tiny(f"{kind}.gguf", "--type", kind)
            found = log_softmax(logits(compile_model(model, "--scheme=none", f"--levels={BEST}"), IDS))
            self.assertLess(np.abs(found - want).mean(), bound, kind)

    def test_wide_blocks(self):
        """Types whose blocks of 256 need a wider model."""
        sizes = ["--architecture", "qwen2", "--width", "256", "--intermediate", "256", "--layers", "1", "--vocabulary", "264"]
        ids = IDS % 264
        want = log_softmax(Llama(make_tiny("wide.gguf", *sizes)).forward(ids))
        for kind, bound in [("Q4_K", 0.3), ("Q5_K", 0.16), ("Q6_K", 0.08)]:
            model = make_tiny(f"{kind}.gguf", "--type", kind, *sizes)
            found = log_softmax(logits(compile_model(model, "--scheme=none", f"--levels={BEST}"), ids))
            self.assertLess(np.abs(found - want).mean(), bound, kind)


# Checkpoints apart from the usual one: qwen2 (biases of q, k and v, a head of its own, RoPE of halves); biases everywhere, and
# heads whose size is not the width divided by their number.
VARIANTS = {"qwen2": ["--architecture", "qwen2", "--head"], "biases": ["--biases", "all", "--head-size", "32"]}
# Passes one by one: tests/diff/exact.py.
TOGETHER = ("resq-fold-norm,resq-split{basis=random},resq-kv{keys=f32:basis=random:per=head values=f32:basis=random},"
            "resq-fold-rotations,resq-insert-hadamard,resq-fuse")


def make_variant(name):
    return make_tiny(f"{name}.gguf", *VARIANTS[name])


class Variants(unittest.TestCase):
    """What numpy says, and passes that only rewrite leave it so: one test a checkpoint, made below."""

    def check(self, variant):
        model = make_variant(variant)
        want = log_softmax(Llama(model).forward(IDS))
        for options in ([], [f"--passes={TOGETHER}"]):
            found = log_softmax(logits(compile_model(model, "--scheme=none", f"--levels={BEST}", *options), IDS))
            self.assertLess(np.abs(found - want).max(), 1e-3, options)

    def test_quantised(self):
        """Codes cost less than a bias that gets lost would."""
        text = support.path("calibration.txt")
        with open(os.path.join(support.ROOT, "tests/e2e/Inputs/text.txt")) as source, open(text, "w") as file:
            file.write(2 * source.read())
        for variant in VARIANTS:
            with self.subTest(variant):
                model = make_variant(variant)
                artifact = compile_model(model, "--scheme=resq-w4a8kv4", f"--calibration={text}", CALIBRATION,
                                         f"--levels={','.join(LEVELS[1:])}")
                whole, part = Llama(model), Llama(model)
                part.tensors = {name: value for name, value in whole.tensors.items() if not name.endswith(".bias")}
                want = log_softmax(whole.forward(IDS))
                lost = np.abs(log_softmax(part.forward(IDS)) - want).mean()
                for level in LEVELS[1:]:
                    found = log_softmax(logits(artifact, IDS, "--level", level))
                    self.assertLess(np.abs(found - want).mean(), lost / 2, level)


class Keys(unittest.TestCase):
    """Keys of a checkpoint that change what it computes, against numpy: the cases "RoPE factor" and "harmless oddities"."""

    def check(self, name, *options):
        model = make_tiny(f"{name}.gguf", *options)
        want = log_softmax(Llama(model).forward(IDS))
        plain = log_softmax(Llama(make_tiny()).forward(IDS))
        self.assertGreater(np.abs(want - plain).max(), 0.1, "the keys change nothing")
        found = log_softmax(logits(compile_model(model, "--scheme=none", f"--levels={BEST}"), IDS))
        self.assertLess(np.abs(found - want).max(), 1e-3)

    def test_rope_factor(self):
        self.check("factor", "--set", "llama.rope.scaling.factor=f32:4", "--norm-shape", "1n")

    def test_all_of_rope(self):
        self.check("rope", "--rope-factors", "--set", "llama.rope.scaling.type=str:linear", "--set",
                   "llama.rope.scaling.factor=f32:2.5", "--set", "llama.rope.scaling.attn_factor=f32:0.5", "--set",
                   "llama.attention.scale=f32:0.7", "--norm-shape", "n1")


class SmallMoments(unittest.TestCase):
    """The case "small moments": calibration on inputs that are nearly alike, or of channels far above the others."""

    def compile(self, model, text):
        calibration = support.path("uniform.txt")
        with open(calibration, "w") as file:
            file.write(text)
        artifact = compile_model(model, "--scheme=best-w4a4kv4", f"--calibration={calibration}", CALIBRATION, f"--levels={BEST}")
        found = log_softmax(logits(artifact, IDS))
        self.assertTrue(np.isfinite(found).all())
        return found

    def test_one_token(self):
        """And one bias of 1000. A model that was lost would be as far from the original as the uniform distribution."""
        model = make_tiny("bias.gguf", "--architecture", "qwen2", "--edit", "blk.0.attn_v.bias:3=1000")
        want = log_softmax(Llama(model).forward(IDS))
        lost = np.abs(want + np.log(want.shape[-1])).mean()
        self.assertLess(np.abs(self.compile(model, "a" * 20000) - want).mean(), lost / 2)

    def test_far_channel(self):
        """No 8-bit head can tell tokens apart beside a channel of 800: that it compiles, and to numbers, is what is asked."""
        self.compile(make_tiny("channel.gguf", "--edit", "token_embd.weight:5=800"), "OK\n" * 6000)


for variant in VARIANTS:
    def test(self, variant=variant):
        self.check(variant)
    setattr(Variants, "test_" + variant, test)


# Caches alone, and how far they may take log-probabilities in the mean: half of that was seen.
CACHES = {"keys=resq:int4:basis=balanced:per=head,values=resq:int4": 0.2,
          "keys=resq:lm3:basis=balanced,values=resq:lm3:per=layer": 0.4,
          "keys=int5:basis=hadamard,values=lm4:basis=random": 0.25,
          "keys=resq:qjl3:basis=balanced:per=head,values=f16": 0.6,
          "keys=qjl:rows=4d:buffer=32,values=f16": 0.6}


class Caches(unittest.TestCase):
    """--kv: every kind of code, in bases of every kind."""

    def test_codes(self):
        want = log_softmax(Llama(make_tiny()).forward(IDS))
        for kv, bound in CACHES.items():
            with self.subTest(kv):
                artifact = compile_model(make_tiny(), "--scheme=none", f"--kv={kv}", CALIBRATION,
                                         f"--levels={','.join(LEVELS[1:])}")
                found = {level: log_softmax(logits(artifact, IDS, "--level", level)) for level in LEVELS[1:]}
                for level, values in found.items():
                    self.assertLess(np.abs(values - want).mean(), bound, level)
                    self.assertLess(np.abs(values - found["generic"]).mean(), 1e-2, f"{level} and generic")


class Channels(unittest.TestCase):
    """The split of down_proj by channel is exact: alone, folded, and with a Hadamard transform of the low part."""
    PASSES = ["resq-fold-norm", "resq-split{channels=true}", "resq-kv{keys=f32 values=f32}", "resq-fold-rotations",
              "resq-insert-hadamard"]

    def compile(self, passes):
        return compile_model(make_tiny(), "--scheme=none", f"--passes={','.join(passes)}", CALIBRATION, f"--levels={BEST}")

    def test_exact(self):
        want = log_softmax(logits(compile_scheme("none"), IDS))
        for count in (3, 4, 5):
            found = log_softmax(logits(self.compile(self.PASSES[:count]), IDS))
            self.assertLess(np.abs(found - want).max(), 2e-3, self.PASSES[count - 1])

    def test_nothing_online(self):
        """The folded module computes gate and split with nothing between."""
        module = run([support.RESQC, make_tiny(), "-o", "-", "--emit=resq", "--scheme=none", CALIBRATION,
                      f"--passes={','.join(self.PASSES[:4])}"])
        function = module[module.index(b"func.func @forward"):]
        self.assertNotIn(b"resq.permute", function)
        self.assertIn(b"resq.permute", module)

    def test_quantised(self):
        """With clips found by calibration, levels agree, and threads change no byte."""
        passes = self.PASSES + ["resq-quantize{clip=auto}"]
        found = []
        for threads in ("1", "2"):
            out = support.path(f"clipped{threads}")
            run([support.RESQC, make_tiny(), "-o", out, "--scheme=resq-w4a4kv4", f"--passes={','.join(passes)}", CALIBRATION,
                 f"--levels={','.join(LEVELS[1:])}", "--threads", threads])
            with open(out, "rb") as file:
                found.append(file.read())
        self.assertTrue(found[0] == found[1], "--threads 1 and 2 differ")
        a, b = (log_softmax(logits(out, IDS, "--level", level)) for level in LEVELS[1:3] or LEVELS)
        self.assertLessEqual(np.abs(a - b).mean(), QUANTISED_BOUND)


class Batches(unittest.TestCase):
    """The same tokens in other portions."""

    def check(self, scheme, bound, *more):
        options = [f"--scheme={scheme}", CALIBRATION, f"--levels={BEST}", *more]
        whole = logits(compile_model(make_tiny(), *options), IDS)
        # Chunks of 7 and a rest of 5; every token alone.
        for rows in ("7", "1"):
            artifact = compile_model(make_tiny(), *options, "--decode-rows=1", f"--prefill-rows={rows}")
            apart = np.abs(log_softmax(logits(artifact, IDS)) - log_softmax(whole)).mean()
            self.assertLessEqual(apart, bound, f"{rows} rows at a time")

    def test_unquantised(self):
        self.check("none", 1e-5)

    def test_quantised(self):
        self.check("resq-w4a8kv4", QUANTISED_BOUND)

    def test_caches(self):
        """Decode reads what prefill reads, whatever the code."""
        for kv in CACHES:
            with self.subTest(kv):
                self.check("none", 1e-5, f"--kv={kv}")

    def test_prefixes(self):
        """A token's logits don't depend on what follows it."""
        artifact = compile_scheme("resq-w4a8kv4")
        whole = log_softmax(logits(artifact, IDS))
        for n in (1, 2, 15, 16, 17, 40):
            apart = np.abs(log_softmax(logits(artifact, IDS[:n])) - whole[:n]).mean()
            self.assertLessEqual(apart, QUANTISED_BOUND, f"{n} tokens")

    def test_threads(self):
        artifact = compile_scheme("resq-w4a8kv4")
        one = logits(artifact, IDS, "--threads", "1")
        for threads in ("2", "3"):
            self.assertTrue((logits(artifact, IDS, "--threads", threads) == one).all(), f"{threads} threads")


class WeightCodes(unittest.TestCase):
    def test_groups_and_head(self):
        """GPTQ, weight scales inside an activation's range and the 8-bit head, on all levels."""
        for weights in ("4", "tcq3", "tcq4"):
            with self.subTest(weights=weights):
                self.check_groups_and_head(weights)

    def check_groups_and_head(self, weights):
        pipeline = ("resq-fold-norm,resq-split,resq-kv{keys=int8 values=int8},resq-fold-rotations,resq-insert-hadamard,"
                    f"resq-quantize{{weights={weights} activations=8 weights-method=gptq group=16 head=8}}")
        artifact = compile_model(make_tiny(), f"--passes={pipeline}", CALIBRATION, f"--levels={','.join(LEVELS)}")
        found = {level: log_softmax(logits(artifact, IDS, "--level", level)) for level in LEVELS}
        for level, values in found.items():
            apart = np.abs(values - found["generic"]).mean()
            self.assertLessEqual(apart, QUANTISED_BOUND, f"{level} and generic")
        near = np.abs(found["generic"] - log_softmax(logits(compile_scheme("none"), IDS))).mean()
        self.assertLessEqual(near, 1.0 if weights == "tcq3" else 0.5, "quantised and not")

    def test_one_table(self):
        """Embedding and head in 8 bits: one table where the checkpoint has one, two where it has two."""
        pipeline = ("resq-tie-head,resq-fold-norm,resq-split{basis=random},resq-kv{keys=f32 values=f32},resq-fold-rotations,"
                    "resq-quantize{weights=8 activations=8 head=8 embedding=8 head-group=24}")
        for model, groups in ((make_tiny(), {"embedding"}), (make_variant("qwen2"), {"embedding", "head"})):
            artifact = compile_model(model, f"--passes={pipeline}", f"--levels={','.join(LEVELS)}")
            info = json.loads(run([artifact, "info", "--json"]))["params"]
            self.assertEqual({"embedding", "head"} & set(info), groups)
            for group in groups:
                self.assertLess(info[group]["bits"], 10, group)
            want = log_softmax(Llama(model).forward(IDS))
            for level in LEVELS:
                found = log_softmax(logits(artifact, IDS, "--level", level))
                self.assertLess(np.abs(found - want).mean(), 0.05, level)

    def test_method(self):
        made = []
        for options in ([], ["--method=gptq"], ["--method=rtn"]):
            out = compile_model(make_tiny(), "--scheme=resq-w4a4kv4", CALIBRATION, f"--levels={BEST}", *options)
            with open(out, "rb") as file:
                made.append(file.read())
        self.assertTrue(made[0] == made[1], "the scheme's own method")
        self.assertTrue(made[0] != made[2], "GPTQ and rounding to nearest give the same codes")

    def test_high_of_floats(self):
        """E4M3 in the high branches: another file of as many bits, near the one of integers; levels agree, a token alone is one in a chunk."""
        made, levels = {}, LEVELS[1:]
        for high in ("int8", "e4m3"):
            artifact = compile_model(make_tiny(), "--scheme=best-w4a8kv4", CALIBRATION, f"--levels={','.join(levels)}",
                                     f"--high={high}")
            made[high] = {level: log_softmax(logits(artifact, IDS, "--level", level)) for level in levels}
            for level, values in made[high].items():
                self.assertTrue(np.isfinite(values).all(), f"{level}: not finite")
                self.assertLessEqual(np.abs(values - made[high]["generic"]).mean(), QUANTISED_BOUND, f"{level} and generic")
            info = json.loads(run([artifact, "info", "--json", "--params"]))
            made[high]["bits"] = info["params"]["linears"]["bits"]
            floats = sum("codebook = e4m3" in p["type"] for p in info["param_list"])
            self.assertEqual(floats > 0, high == "e4m3")
        self.assertEqual(made["int8"]["bits"], made["e4m3"]["bits"])
        apart = np.abs(made["int8"]["generic"] - made["e4m3"]["generic"]).mean()
        self.assertTrue(0 < apart <= 0.5, f"integers and floats lie {apart} apart")

    def test_choices_refused(self):
        for scheme, option, said in (("resq-w4a4kv4", "--method=obq", "--method=obq: allowed: rtn, gptq"),
                                     ("none", "--method=gptq", "--method=gptq: scheme 'none' has no choice of it"),
                                     ("w5", "--high=e5m2", "--high=e5m2: allowed: int8, e4m3"),
                                     ("w8a8", "--high=e4m3", "--high=e4m3: scheme 'w8a8' has no choice of it"),
                                     ("none", "--high=int8", "--high=int8: scheme 'none' has no choice of it")):
            done = subprocess.run([support.RESQC, make_tiny(), "-o", support.path("refused"), f"--scheme={scheme}", option],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr.decode())
            self.assertFalse(os.path.exists(support.path("refused")))
        done = subprocess.run([support.RESQC, make_tiny(), "-o", support.path("refused"), "--passes=resq-kv", "--method=rtn"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--method=rtn: a choice within a scheme's passes, which --passes replaces", done.stderr.decode())


class Determinism(unittest.TestCase):
    def test_same_bytes(self):
        for scheme in ("none", "resq-w4a4kv4"):
            found = []
            for threads in ("1", "2"):
                out = support.path(f"threads{threads}")
                run([support.RESQC, make_tiny(), "-o", out, f"--scheme={scheme}", CALIBRATION, f"--levels={BEST}",
                     "--threads", threads])
                with open(out, "rb") as file:
                    found.append(file.read())
            self.assertTrue(found[0] == found[1], f"{scheme}: --threads 1 and 2 differ")

    def test_seed(self):
        a, b = (compile_model(make_tiny(), "--scheme=resq-w4a4kv4", CALIBRATION, f"--levels={BEST}", f"--seed={seed}")
                for seed in (1, 2))
        with open(a, "rb") as x, open(b, "rb") as y:
            self.assertNotEqual(x.read(), y.read())


class Reference(unittest.TestCase):
    """perplexity --reference: against numpy on the logits of both."""
    IDS = np.random.default_rng(11).integers(0, 512, 160)
    WINDOW = 40

    def measure(self, artifact, reference, *options):
        ids = support.write_ids(self.IDS, "reference.u32")
        return json.loads(run([artifact, "perplexity", ids, "--ids", f"--window={self.WINDOW}", f"--reference={reference}",
                               "--json", *options]))

    def test_itself(self):
        artifact = compile_scheme("rtn-w4a4kv4")
        found = self.measure(artifact, artifact)["reference"]
        self.assertEqual(found["divergence"]["mean"], 0)
        self.assertEqual(found["divergence"]["largest"], 0)
        self.assertEqual(found["agreement"]["mean"], 1)
        self.assertEqual(found["excess_loss"]["mean"], 0)

    def test_equals_numpy(self):
        artifact, reference = compile_scheme("rtn-w4a4kv4"), compile_scheme("none")
        divergences, agreements, losses = [], [], []
        for window in self.IDS.reshape(-1, self.WINDOW):
            q, p = (log_softmax(logits(a, window))[:-1] for a in (artifact, reference))
            divergences.append((np.exp(p) * (p - q)).sum(axis=1))
            agreements.append(p.argmax(axis=1) == q.argmax(axis=1))
            losses.append(-q[np.arange(len(q)), window[1:]])
        divergences, agreements, losses = map(np.array, (divergences, agreements, losses))
        found = self.measure(artifact, reference)
        self.assertEqual(found["predictions"], losses.size)

        def check(estimate, values, bound=1e-5):
            means = values.mean(axis=1)
            self.assertAlmostEqual(estimate["mean"], values.mean(), delta=bound)
            self.assertAlmostEqual(estimate["token_error"], values.std(ddof=1) / values.size ** 0.5, delta=bound)
            self.assertAlmostEqual(estimate["window_error"], means.std(ddof=1) / means.size ** 0.5, delta=bound)
        check(found["loss"], losses)
        np.testing.assert_allclose(found["loss"]["windows"], losses.mean(axis=1), atol=1e-5)
        check(found["reference"]["divergence"], divergences)
        check(found["reference"]["agreement"], agreements)
        self.assertGreater(found["reference"]["divergence"]["mean"], 0)
        self.assertAlmostEqual(found["reference"]["divergence"]["largest"], divergences.max(), delta=1e-5)
        self.assertEqual(found["reference"]["divergence"], self.measure(artifact, reference, "-t", "1")["reference"]["divergence"])

    def test_other_vocabulary(self):
        other = compile_model(make_tiny("other.gguf", "--vocabulary", "520", "--layers", "1"), "--scheme=none",
                              f"--levels={BEST}")
        ids = support.write_ids(self.IDS, "reference.u32")
        done = subprocess.run([compile_scheme("none"), "perplexity", ids, "--ids", "--window=40", f"--reference={other}"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"its vocabulary has 520 tokens, this model's 512", done.stderr)


class CommandLine(unittest.TestCase):
    def test_generate(self):
        artifact = compile_scheme("none")
        text = run([artifact, "generate", "--raw", "-p", "It was", "-n", "12", "--temperature", "0.8", "--seed", "3"])
        self.assertEqual(text, run([artifact, "generate", "--raw", "-p", "It was", "-n", "12", "--temperature", "0.8",
                                    "--seed", "3", "--threads", "1"]))

    def test_full_context(self):
        """Says so, and ends."""
        done = subprocess.run([compile_scheme("none"), "generate", "--raw", "-p", "It was", "-c", "16"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertGreaterEqual(done.returncode, 0)
        self.assertTrue(b"context" in done.stderr or done.returncode == 0, done.stderr)

    def test_bench(self):
        out = json.loads(run([compile_scheme("none"), "bench", "--prefill", "32", "--decode", "8", "--json"]))
        self.assertTrue(out)

    def test_profile(self):
        done = subprocess.run([compile_scheme("none"), "logits", "-p", "It was", "--profile"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"linear", done.stderr)

    def test_generation_settings(self):
        """The model's own settings (general.sampling.*) are the defaults of `generate`; the command line goes before them."""
        own = compile_model(make_tiny("greedy.gguf", "--sampling", "temp=0,penalty_repeat=1.5"), "--scheme=none", "--levels=generic")
        words = ["generate", "--raw", "-p", "It was", "-n", "12"]
        self.assertEqual(json.loads(run([own, "info", "--json"]))["metadata"]["generation"],
                         {"temperature": 0.0, "repeat_penalty": 1.5})
        text = run([own, *words])
        self.assertEqual(text, run([own, *words, "--greedy", "--repeat-penalty", "1.5"]))
        self.assertEqual(text, run([own, *words, "--seed", "2"]))
        self.assertNotEqual(text, run([own, *words, "--temp", "2", "--min-p", "0"]))
        self.assertNotEqual(text, run([own, *words, "--repeat-penalty", "1"]))
        # Without settings of its own a model draws as llama.cpp does.
        other = compile_scheme("none")
        text = run([other, *words])
        self.assertEqual(text, run([other, *words, "--temp", "0.8", "--top-k", "40", "--top-p", "0.95", "--min-p", "0.05",
                                    "--seed", "1"]))
        self.assertNotEqual(text, run([other, *words, "--seed", "2"]))
        odd = compile_model(make_tiny("mirostat.gguf", "--sampling", "mirostat=2"), "--scheme=none", "--levels=generic")
        done = subprocess.run([odd, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        self.assertIn(b"ask for mirostat, which this program does not have", done.stderr)
        self.assertIn(b"PCRE2", run([support.RESQC, "--licenses"]))
        bad = support.path("bad_sampling.gguf")
        run([sys.executable, os.path.join(support.ROOT, "tests/tools/make_tiny_gguf.py"), bad, "--sampling", "top_p=1.5"])
        done = subprocess.run([support.RESQC, bad, "-o", support.path("none")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"general.sampling.top_p is 1.5, allowed", done.stderr)

    def test_strip(self):
        """The case "strip": what lies behind the ELF part is gone, and the binary says so and what to do."""
        stripped = support.path("stripped")
        shutil.copy(compile_scheme("none"), stripped)
        run(["strip", stripped])
        done = subprocess.run([stripped, "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"`strip`", done.stderr)
        self.assertIn(b"take the file that resqc wrote", done.stderr)

    def test_integrity(self):
        """The case "integrity": a changed byte of the ELF part stops every command, one of the sections `info --verify`."""
        with open(compile_scheme("none"), "rb") as f:
            good = f.read()
        sections = support.path("flipped")
        # A parameter's byte, one of the section table, and one of the hash of everything outside the sections.
        for where, command, code in [(len(good) // 2, ["info", "--verify"], 3), (len(good) - 41, ["tokenize", "-p", "a"], 3),
                                     (len(good) - 40, ["tokenize", "-p", "a"], 3)]:
            with open(sections, "wb") as f:
                f.write(good[:where] + bytes([good[where] ^ 1]) + good[where + 1:])
            os.chmod(sections, 0o755)
            done = subprocess.run([sections, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, code, (where, done.stderr))
            self.assertIn(b"hash", done.stderr)
        run([compile_scheme("none"), "info", "--verify"])

    def show_module(self, binary, *options):
        return subprocess.run([support.RESQC, "--show-module", binary, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120)

    def test_module(self):
        """The packed module comes back from the binary: it verifies, and lowers to what the compile lowered."""
        binary = compile_scheme("none")
        info = json.loads(run([binary, "info", "--json"]))
        self.assertEqual(info["module"]["dialect_version"], info["metadata"]["dialect_version"])
        self.assertLess(info["module"]["bytes"], 100000)
        self.assertIn(f"module     {info['module']['bytes']} bytes", run([binary, "info"]).decode())
        source = support.path("module.mlir")
        run([support.RESQC, "--show-module", binary, "-o", source])
        with open(source, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("offset = ", text)
        self.assertNotIn(support.WORK, text)
        opt = os.path.join(support.BUILD, "bin", "resq-opt")
        lowered = run([opt, "--resq-lower-cpu=level=generic rows=16", source]).decode()
        wanted = run([support.RESQC, make_tiny(), "-o", "-", "--scheme=none", "--emit=lowered", "--levels=generic"]).decode()
        self.assertEqual(lowered.strip(), wanted.strip())

    def test_module_damaged(self):
        good = compile_scheme("none")
        with open(good, "rb") as file:
            data = bytearray(file.read())
        at = data.rindex(b"ML\xefR")  # MLIR's bytecode, the last section
        data[at + 100] ^= 1
        bad = support.path("bad_module")
        with open(bad, "wb") as file:
            file.write(data)
        os.chmod(bad, 0o755)
        done = self.show_module(bad)
        self.assertEqual((done.returncode, done.stdout), (3, b""), done.stderr)
        self.assertIn(b"module section", done.stderr)
        self.assertIn(b"contents do not match their hash", done.stderr)
        # Nothing that runs needs it.
        run([bad, "tokenize", "-p", "a"])
        done = subprocess.run([bad, "info", "--verify"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"module section", done.stderr)
        # With the right hashes and wrong bytes: refused by what reads bytecode.
        run([os.path.join(support.BUILD, "bin", "reseal"), bad])
        done = self.show_module(bad)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        # To standard output, of one that is whole.
        self.assertTrue(self.show_module(good).stdout.startswith(b"#loc"))
        stripped = support.path("no_module")
        shutil.copy(good, stripped)
        run(["strip", stripped])
        for command, code, why in ([[stripped], 3, b"`strip`"], [[make_tiny()], 3, b"not a compiled model"],
                                   [[good, "--seed=2"], 2, b"allowed beside it is -o OUT"], [[good, "-o", good], 2, b"-o"],
                                   [[support.path("none")], 5, b"none"]):
            done = self.show_module(*command)
            self.assertEqual((done.returncode, done.stdout), (code, b""), (command, done.stderr))
            self.assertIn(why, done.stderr)

    def test_works_anywhere(self):
        """The artifact holds all that it needs: no build tree, no environment."""
        out = run(["/usr/bin/env", "-i", os.path.abspath(compile_scheme("none")), "tokenize", "-p", "It was", "--ids-only"],
                  cwd="/")
        self.assertTrue(out.split())


if __name__ == "__main__":
    unittest.main()
