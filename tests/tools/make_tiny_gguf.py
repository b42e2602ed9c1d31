#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a tiny random llama model as GGUF: real enough to compile, run and tokenize, the same bytes for the same options.

Standard library only. Files load in llama.cpp, too, so that both can be compared.
"""
import argparse
import math
import random
import struct

TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 8, "BF16": 30}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CORPUS = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it
was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of Darkness, it
was the spring of hope, it was the winter of despair, we had everything before us, we had nothing before us, we were all
going direct to Heaven, we were all going direct the other way. There were a king with a large jaw and a queen with a
plain face, on the throne of England; there were a king with a large jaw and a queen with a fair face, on the throne of
France. In both countries it was clearer than crystal to the lords of the State preserves of loaves and fishes, that
things in general were settled for ever."""
TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
            "+ '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


# -- Tokenizer ----------------------------------------------------------------

def byte_alphabet():
    """GPT-2's printable stand-ins: byte -> character."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}


def train_merges(count):
    """Plain BPE over the corpus; ties go to the smaller pair."""
    alphabet = byte_alphabet()
    words = [[alphabet[b] for b in (" " + word).encode()] for word in CORPUS.split()]
    merges = []
    while len(merges) < count:
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = ["".join(best)]
                i += 1
    return merges


# -- Number formats -----------------------------------------------------------

def half(x):
    """The bytes of x as f16, and the value that they have."""
    data = struct.pack("<e", x)
    return data, struct.unpack("<e", data)[0]


def bf16(x):
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return struct.pack("<H", (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF)


def nibbles(codes):
    return bytes(codes[j] | codes[j + 16] << 4 for j in range(16))


def clamp(x, low, high):
    return max(low, min(high, x))


def block_q8_0(x):
    data, d = half(max(map(abs, x)) / 127)
    return data + bytes(clamp(round(v / d) if d else 0, -127, 127) & 255 for v in x)


def block_q4_0(x):
    data, d = half(max(x, key=abs) / -8)
    return data + nibbles([clamp(math.floor(v / d + 8.5) if d else 8, 0, 15) for v in x])


def block_q4_1(x):
    minimum, m = half(min(x))
    data, d = half((max(x) - min(x)) / 15)
    return data + minimum + nibbles([clamp(math.floor((v - m) / d + 0.5) if d else 0, 0, 15) for v in x])


BLOCKS = {"Q8_0": block_q8_0, "Q4_0": block_q4_0, "Q4_1": block_q4_1}


def encode(values, kind):
    if kind == "F32":
        return struct.pack(f"<{len(values)}f", *values)
    if kind == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    if kind == "BF16":
        return b"".join(map(bf16, values))
    return b"".join(BLOCKS[kind](values[i:i + 32]) for i in range(0, len(values), 32))


# -- GGUF ---------------------------------------------------------------------

def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


class Writer:
    def __init__(self):
        self.values, self.infos, self.data, self.n_values, self.n_tensors = b"", b"", bytearray(), 0, 0

    def value(self, key, kind, data):
        self.values += text(key) + struct.pack("<I", kind) + data
        self.n_values += 1

    def u32(self, key, value):
        self.value(key, 4, struct.pack("<I", value))

    def f32(self, key, value):
        self.value(key, 6, struct.pack("<f", value))

    def boolean(self, key, value):
        self.value(key, 7, struct.pack("<?", value))

    def string(self, key, value):
        self.value(key, 8, text(value))

    def strings(self, key, values):
        self.value(key, 9, struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values)))

    def i32s(self, key, values):
        self.value(key, 9, struct.pack(f"<IQ{len(values)}i", 5, len(values), *values))

    def tensor(self, name, shape, values, kind):
        """shape is outermost first."""
        self.data += bytes(-len(self.data) % 32)
        self.infos += text(name) + struct.pack("<I", len(shape))
        self.infos += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", TYPES[kind], len(self.data))
        self.data += encode(values, kind)
        self.n_tensors += 1

    def finish(self):
        header = b"GGUF" + struct.pack("<IQQ", 3, self.n_tensors, self.n_values) + self.values + self.infos
        return header + bytes(-len(header) % 32) + bytes(self.data) + bytes(-len(self.data) % 32)


# -- The model ----------------------------------------------------------------

def write_metadata(w, o):
    w.string("general.architecture", "llama")
    w.string("general.name", f"tiny {o.type}")
    for key, value in [("block_count", o.layers), ("context_length", o.context), ("embedding_length", o.width),
                       ("feed_forward_length", o.intermediate), ("attention.head_count", o.heads),
                       ("attention.head_count_kv", o.kv_heads), ("rope.dimension_count", o.width // o.heads),
                       ("vocab_size", o.vocabulary)]:
        w.u32(f"llama.{key}", value)
    w.f32("llama.rope.freq_base", 10000.0)
    w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5)


def write_tokenizer(w, o):
    merges = train_merges(o.vocabulary - 256 - len(SPECIAL))
    tokens = SPECIAL + sorted(byte_alphabet().values()) + ["".join(pair) for pair in merges]
    padding = [f"<|unused_{i}|>" for i in range(o.vocabulary - len(tokens))]
    w.string("tokenizer.ggml.model", "gpt2")
    w.string("tokenizer.ggml.pre", "smollm")
    w.strings("tokenizer.ggml.tokens", tokens + padding)
    w.i32s("tokenizer.ggml.token_type", [3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)) + [5] * len(padding))
    w.strings("tokenizer.ggml.merges", [" ".join(pair) for pair in merges])
    w.u32("tokenizer.ggml.bos_token_id", 1)
    w.u32("tokenizer.ggml.eos_token_id", 2)
    w.boolean("tokenizer.ggml.add_bos_token", False)
    w.string("tokenizer.chat_template", TEMPLATE)


def write_tensors(w, o):
    rng = random.Random(o.seed)

    def matrix(name, rows, columns):
        values = [rng.gauss(0, columns ** -0.5) for _ in range(rows * columns)]
        w.tensor(f"{name}.weight", [rows, columns], values, o.type)

    def vector(name, size, mean, deviation):
        w.tensor(name, [size], [rng.gauss(mean, deviation) for _ in range(size)], "F32")

    head_size = o.width // o.heads
    matrix("token_embd", o.vocabulary, o.width)
    for i in range(o.layers):
        vector(f"blk.{i}.attn_norm.weight", o.width, 1, 0.1)
        for name, rows in [("q", o.heads * head_size), ("k", o.kv_heads * head_size), ("v", o.kv_heads * head_size)]:
            matrix(f"blk.{i}.attn_{name}", rows, o.width)
            if o.biases:
                vector(f"blk.{i}.attn_{name}.bias", rows, 0, 0.1)
        matrix(f"blk.{i}.attn_output", o.width, o.heads * head_size)
        vector(f"blk.{i}.ffn_norm.weight", o.width, 1, 0.1)
        matrix(f"blk.{i}.ffn_gate", o.intermediate, o.width)
        matrix(f"blk.{i}.ffn_up", o.intermediate, o.width)
        matrix(f"blk.{i}.ffn_down", o.width, o.intermediate)
    vector("output_norm.weight", o.width, 1, 0.1)
    if o.head:
        matrix("output", o.vocabulary, o.width)
    if o.rope_factors:
        factors = [1 + 7 * i / (head_size // 2) for i in range(head_size // 2)]
        w.tensor("rope_freqs.weight", [head_size // 2], factors, "F32")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--type", choices=TYPES, default="F32", help="of the matrices; vectors are F32")
    for name, default in [("seed", 1), ("width", 64), ("layers", 2), ("heads", 4), ("kv-heads", 2),
                          ("intermediate", 96), ("vocabulary", 512), ("context", 256)]:
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{default} unless told")
    parser.add_argument("--head", action="store_true", help="a head apart from the embedding")
    parser.add_argument("--biases", action="store_true", help="biases of q, k and v")
    parser.add_argument("--rope-factors", action="store_true", help="a rope_freqs.weight tensor")
    o = parser.parse_args()
    if o.vocabulary < 256 + len(SPECIAL):
        parser.error(f"--vocabulary: at least {256 + len(SPECIAL)}")
    return o


def main():
    o = parse_options()
    w = Writer()
    write_metadata(w, o)
    write_tokenizer(w, o)
    write_tensors(w, o)
    with open(o.out, "wb") as file:
        file.write(w.finish())


if __name__ == "__main__":
    main()
