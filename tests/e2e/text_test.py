# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a file says of its text, compiled and run: end tokens, pre-tokenizers, BOS. The tests are named after the rows of
the list of failed inputs. The model's greedy continuation is a fixed chain of tokens."""
import os
import subprocess
import unittest

from support import RESQC, path, run
import make_tiny_gguf as tiny

SIZE, LAYER = 32, "blk.0."
# Each token's greedy successor is the next one. The third, sixth, ... end a generation, each for another reason.
CHAIN = ["A", "B", "<|im_end|>", "C", "D", "[EOS]", "E", "F", "one", "G", "H", "two"]
USER_DEFINED, EOT, EOM = (CHAIN.index(c) for c in ("<|im_end|>", "one", "two"))
BOS, EOS = len(CHAIN), len(CHAIN) + 1


def chain_model(name, pre, types=(), merges=()):
    """A GGUF file whose greedy continuation of A is B, <|im_end|>, C, ... `types` gives those of other tokens."""
    w = tiny.Writer()
    w.string("general.architecture", "llama")
    for key, value in [("block_count", 1), ("context_length", 64), ("embedding_length", SIZE), ("feed_forward_length", SIZE),
                       ("attention.head_count", 2), ("attention.head_count_kv", 1), ("rope.dimension_count", SIZE // 2)]:
        w.u32(f"llama.{key}", value)
    w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    w.string("tokenizer.ggml.model", "gpt2")
    if pre:
        w.string("tokenizer.ggml.pre", pre)
    tokens = CHAIN + ["<bos>", "<eos>"] + [c for c in sorted(tiny.byte_alphabet().values()) if c not in CHAIN]
    w.strings("tokenizer.ggml.tokens", tokens)
    kinds = {USER_DEFINED: 4, BOS: 3, EOS: 3, **dict(types)}
    w.i32s("tokenizer.ggml.token_type", [kinds.get(i, 1) for i in range(len(tokens))])
    w.strings("tokenizer.ggml.merges", list(merges))
    for key, value in [("bos", BOS), ("eos", EOS), ("eot", EOT), ("eom", EOM)]:
        w.u32(f"tokenizer.ggml.{key}_token_id", value)

    def one_hot(place):
        return [float(i == place) for i in range(SIZE)]
    n, ends = len(tokens), len(CHAIN)
    w.tensor("token_embd.weight", [n, SIZE], sum((one_hot(min(t, ends)) for t in range(n)), []), "F32")
    for stem, rows in [("attn_q", SIZE), ("attn_k", SIZE // 2), ("attn_v", SIZE // 2), ("attn_output", SIZE), ("ffn_gate", SIZE),
                       ("ffn_up", SIZE), ("ffn_down", SIZE)]:
        w.tensor(f"{LAYER}{stem}.weight", [rows, SIZE], [0.0] * (rows * SIZE), "F32")
    for norm in (LAYER + "attn_norm", LAYER + "ffn_norm", "output_norm"):
        w.tensor(f"{norm}.weight", [SIZE], [1.0] * SIZE, "F32")
    w.tensor("output.weight", [n, SIZE], sum((one_hot(t - 1 if 0 < t < ends else SIZE - 1) for t in range(n)), []), "F32")
    out = path(name)
    with open(out, "wb") as file:
        file.write(w.finish())
    return out


def resqc(source, *options):
    """(status, stderr, artifact)"""
    out = path(os.path.basename(source) + ".bin")
    done = subprocess.run([RESQC, source, "-o", out, "--scheme=none", "--levels=generic", *options], stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr, out


def generate(artifact, prompt):
    done = subprocess.run([artifact, "generate", "--raw", "-p", prompt, "-n", "8", "--temperature", "0"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.rstrip("\n"), done.stderr


class UnknownPreTokenizer(unittest.TestCase):
    """A file whose pre-tokenizer is not known, compiled with another in its place."""

    @classmethod
    def setUpClass(cls):
        cls.source = chain_model("unknown.gguf", "nosuch")
        cls.blank = len(CHAIN) + 2 + [c for c in sorted(tiny.byte_alphabet().values()) if c not in CHAIN].index("\u0120")
        cls.status, cls.said, cls.artifact = resqc(cls.source, "--pre-tokenizer=llama-bpe")

    def test_override(self):
        self.assertEqual((self.status, self.said), (0, ""))

    def test_refused_without(self):
        status, said, _ = resqc(self.source)
        self.assertEqual(status, 3)
        self.assertIn("nosuch", said)
        self.assertIn("--pre-tokenizer", said)

    def test_end_tokens(self):
        """The row "end tokens"; tokenizer_test.c has all names and types."""
        for prompt, wanted in [("A", "B"), ("C", "D"), ("E", "F"), ("G", "H")]:
            self.assertEqual(generate(self.artifact, prompt)[0], wanted, prompt)

    def test_bos_twice(self):
        """The row "BOS twice": llama-bpe means BOS where the file does not say."""
        out, said = generate(self.artifact, "<bos>A")
        self.assertEqual(out, "B")
        self.assertIn("warning: the prompt begins with <bos>", said)
        self.assertNotIn("warning", generate(self.artifact, "A")[1])

    def test_one_write_per_token_id(self):
        """The row "small ones": `tokenize -o` writes many ids at once. The kernel counts a process's writes with those of
        its children that ended."""
        if not os.path.exists("/proc/self/io"):
            self.skipTest("this kernel does not count writes")

        def writes():
            with open("/proc/self/io") as file:
                return int(dict(line.split(": ") for line in file)["syscw"])
        text, out, before = path("many.txt"), path("many.u32"), writes()
        with open(text, "w") as file:
            file.write("AB " * 10000)
        run([self.artifact, "tokenize", text, "-o", out])
        self.assertLess(writes() - before, 100)
        with open(out, "rb") as file:
            self.assertEqual(file.read(), b"".join(i.to_bytes(4, "little") for i in [0, 1, self.blank] * 10000))


class NoPreTokenizer(unittest.TestCase):
    def test_no_pre_tokenizer(self):
        """The row "no pre-tokenizer": a warning that names the key, and an option that sets it. With it the row "harmless
        oddities": token type 0, and merges that name no token."""
        status, said, artifact = resqc(chain_model("nopre.gguf", None, {0: 0, 20: 0}, ["A B", "X nosuch"]))
        self.assertEqual(status, 0, said)
        self.assertEqual(said.count("warning"), 2, said)
        for word in ("tokenizer.ggml.pre", "gpt-2", "--pre-tokenizer", "2 of 2 merges name no token"):
            self.assertIn(word, said)
        self.assertEqual(generate(artifact, "A")[0], "B")

    def test_unknown_name(self):
        status, said, _ = resqc(chain_model("named.gguf", "gpt-2"), "--pre-tokenizer=other")
        self.assertEqual(status, 2)
        for word in ("--pre-tokenizer=other", "gpt-2", "tekken", "deepseek-r1-qwen"):
            self.assertIn(word, said)
