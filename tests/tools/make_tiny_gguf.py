#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a tiny random llama or qwen2 model as GGUF: real enough to compile, run and tokenize, the same bytes for the same options.

Standard library only. Files load in llama.cpp, too, so that both can be compared.
"""
import argparse
import math
import random
import struct

TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14,
         "BF16": 30}
ARCHITECTURES = {"llama": "smollm", "qwen2": "qwen2"}  # and their pre-tokenizers
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


def five_bits(codes):
    return struct.pack("<I", sum((code >> 4) << j for j, code in enumerate(codes))) + nibbles([code & 15 for code in codes])


def block_q5_0(x):
    data, d = half(max(x, key=abs) / -16)
    return data + five_bits([clamp(math.floor(v / d + 16.5) if d else 16, 0, 31) for v in x])


def block_q5_1(x):
    minimum, m = half(min(x))
    data, d = half((max(x) - min(x)) / 31)
    return data + minimum + five_bits([clamp(math.floor((v - m) / d + 0.5) if d else 0, 0, 31) for v in x])


def scaled_groups(x, levels):
    """The head of a Q4_K or Q5_K block (scales and minima of 8 groups in 6 bits each), and the codes of its groups."""
    groups = [x[i:i + 32] for i in range(0, 256, 32)]
    lows = [max(0.0, -min(group)) for group in groups]
    steps = [(max(group) + low) / levels for group, low in zip(groups, lows)]
    (step_data, step), (low_data, low) = half(max(steps) / 63), half(max(lows) / 63)
    s = [clamp(math.ceil(v / step) if step else 0, 0, 63) for v in steps]
    m = [clamp(round(v / low) if low else 0, 0, 63) for v in lows]
    packed = [s[j] | s[j + 4] >> 4 << 6 for j in range(4)] + [m[j] | m[j + 4] >> 4 << 6 for j in range(4)]
    packed += [s[j] & 15 | (m[j] & 15) << 4 for j in range(4, 8)]
    codes = [[clamp(round((v + m[j] * low) / (s[j] * step)) if s[j] * step else 0, 0, levels) for v in group]
             for j, group in enumerate(groups)]
    return step_data + low_data + bytes(packed), codes


def pairs_of_groups(codes):
    return bytes(codes[i][j] & 15 | (codes[i + 1][j] & 15) << 4 for i in range(0, 8, 2) for j in range(32))


def block_q4_k(x):
    head, codes = scaled_groups(x, 15)
    return head + pairs_of_groups(codes)


def block_q5_k(x):
    head, codes = scaled_groups(x, 31)
    return head + bytes(sum(codes[i][j] >> 4 << i for i in range(8)) for j in range(32)) + pairs_of_groups(codes)


def block_q6_k(x):
    steps = [max(x[i:i + 16], key=abs) / -32 for i in range(0, 256, 16)]
    data, d = half(max(steps, key=abs) / -128)
    scales = [clamp(round(v / d) if d else 0, -128, 127) for v in steps]
    code = lambda i: clamp(round(x[i] / (scales[i // 16] * d)) + 32 if scales[i // 16] * d else 32, 0, 63)
    low, high = [], []
    for start in (0, 128):
        q = [[code(start + 32 * part + j) for j in range(32)] for part in range(4)]
        low += [q[part][j] & 15 | (q[part + 2][j] & 15) << 4 for part in (0, 1) for j in range(32)]
        high += [sum(q[part][j] >> 4 << 2 * part for part in range(4)) for j in range(32)]
    return bytes(low + high) + struct.pack("16b", *scales) + data


BLOCKS = {"Q4_0": (32, block_q4_0), "Q4_1": (32, block_q4_1), "Q5_0": (32, block_q5_0), "Q5_1": (32, block_q5_1),
          "Q8_0": (32, block_q8_0), "Q4_K": (256, block_q4_k), "Q5_K": (256, block_q5_k), "Q6_K": (256, block_q6_k)}


def encode(values, kind):
    if kind == "F32":
        return struct.pack(f"<{len(values)}f", *values)
    if kind == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    if kind == "BF16":
        return b"".join(map(bf16, values))
    size, block = BLOCKS[kind]
    return b"".join(block(values[i:i + size]) for i in range(0, len(values), size))


# -- GGUF ---------------------------------------------------------------------

def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


class Writer:
    def __init__(self):
        self.values, self.infos, self.data, self.n_tensors = {}, b"", bytearray(), 0
        self.edits = {}  # tensor: (element of a row, its value in every row)

    def value(self, key, kind, data):
        self.values[key] = struct.pack("<I", kind) + data

    def u32(self, key, value):
        self.value(key, 4, struct.pack("<I", value))

    def f32(self, key, value):
        self.value(key, 6, struct.pack("<f", value))

    def setting(self, word):
        """KEY=TYPE:VALUE, as --set takes it; a key that stands already gets the new value."""
        key, _, rest = word.partition("=")
        kind, _, value = rest.partition(":")
        {"u32": lambda: self.u32(key, int(value)), "f32": lambda: self.f32(key, float(value)),
         "bool": lambda: self.boolean(key, value == "true"), "str": lambda: self.string(key, value),
         "u32s": lambda: self.value(key, 9, struct.pack(f"<IQ{len(value.split(','))}I", 4, len(value.split(",")),
                                                        *map(int, value.split(","))))}[kind]()

    def edit(self, word):
        """NAME:ELEMENT=VALUE, as --edit takes it."""
        place, _, value = word.partition("=")
        name, _, element = place.rpartition(":")
        self.edits.setdefault(name, []).append((int(element), float(value)))

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
        for element, value in self.edits.get(name, []):
            values[element::shape[-1]] = [value] * len(values[element::shape[-1]])
        self.data += bytes(-len(self.data) % 32)
        self.infos += text(name) + struct.pack("<I", len(shape))
        self.infos += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", TYPES[kind], len(self.data))
        self.data += encode(values, kind)
        self.n_tensors += 1

    def header(self):
        values = b"".join(text(key) + value for key, value in self.values.items())
        header = b"GGUF" + struct.pack("<IQQ", 3, self.n_tensors, len(self.values)) + values + self.infos
        return header + bytes(-len(header) % 32)

    def finish(self):
        return self.header() + bytes(self.data) + bytes(-len(self.data) % 32)


# -- The model ----------------------------------------------------------------

def write_metadata(w, o):
    """The keys that llama.cpp's converter writes for the architecture; a head size only where it doesn't follow."""
    w.string("general.architecture", o.architecture)
    w.string("general.name", f"tiny {o.type}")
    keys = [("block_count", o.layers), ("context_length", o.context), ("embedding_length", o.width),
            ("feed_forward_length", o.intermediate), ("attention.head_count", o.heads),
            ("attention.head_count_kv", o.kv_heads)]
    if o.architecture == "llama":
        keys += [("rope.dimension_count", o.head_size), ("vocab_size", o.vocabulary)]
    if o.head_size != o.width // o.heads:
        keys += [("attention.key_length", o.head_size), ("attention.value_length", o.head_size)]
    for key, value in keys:
        w.u32(f"{o.architecture}.{key}", value)
    w.f32(f"{o.architecture}.rope.freq_base", 10000.0)
    w.f32(f"{o.architecture}.attention.layer_norm_rms_epsilon", 1e-5)
    for word in filter(None, getattr(o, "sampling", "").split(",")):
        key, value = word.split("=")
        w.f32(f"general.sampling.{key}", float(value))


def write_tokenizer(w, o):
    merges = train_merges(o.vocabulary - 256 - len(SPECIAL))
    tokens = SPECIAL + sorted(byte_alphabet().values()) + ["".join(pair) for pair in merges]
    padding = [f"<|unused_{i}|>" for i in range(o.vocabulary - len(tokens))]
    w.string("tokenizer.ggml.model", "gpt2")
    w.string("tokenizer.ggml.pre", ARCHITECTURES[o.architecture])
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
        shape = {"1n": [1, size], "n1": [size, 1]}.get(o.norm_shape if "norm" in name else None, [size])
        w.tensor(name, shape, [rng.gauss(mean, deviation) for _ in range(size)], "F32")

    def linear(name, rows, columns, bias):
        matrix(name, rows, columns)
        if bias:
            vector(f"{name}.bias", rows, 0, 0.5)

    some, every = o.biases is not None, o.biases == "all"
    queries, keys = o.heads * o.head_size, o.kv_heads * o.head_size
    matrix("token_embd", o.vocabulary, o.width)
    for i in range(o.layers):
        vector(f"blk.{i}.attn_norm.weight", o.width, 1, 0.1)
        for name, rows in [("q", queries), ("k", keys), ("v", keys)]:
            linear(f"blk.{i}.attn_{name}", rows, o.width, some)
        linear(f"blk.{i}.attn_output", o.width, queries, every)
        vector(f"blk.{i}.ffn_norm.weight", o.width, 1, 0.1)
        linear(f"blk.{i}.ffn_gate", o.intermediate, o.width, every)
        linear(f"blk.{i}.ffn_up", o.intermediate, o.width, every)
        linear(f"blk.{i}.ffn_down", o.width, o.intermediate, every)
    vector("output_norm.weight", o.width, 1, 0.1)
    if o.head:
        matrix("output", o.vocabulary, o.width)
    if o.rope_factors:
        pairs = o.head_size // 2
        w.tensor("rope_freqs.weight", [pairs], [1 + 7 * i / pairs for i in range(pairs)], "F32")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="llama")
    parser.add_argument("--type", choices=TYPES, default="F32", help="of the matrices; vectors are F32")
    for name, default in [("seed", 1), ("width", 64), ("layers", 2), ("heads", 4), ("kv-heads", 2),
                          ("intermediate", 96), ("vocabulary", 512), ("context", 256)]:
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{default} unless told")
    parser.add_argument("--head-size", type=int, help="width / heads unless told")
    parser.add_argument("--head", action="store_true", help="a head apart from the embedding")
    parser.add_argument("--biases", choices=["qkv", "all"], nargs="?", const="qkv",
                        help="of q, k and v, which qwen2 always has, or of all linears")
    parser.add_argument("--sampling", default="", help="general.sampling.* keys: temp=0.5,top_p=0.9")
    parser.add_argument("--rope-factors", action="store_true", help="a rope_freqs.weight tensor")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=TYPE:VALUE",
                        help="one key more, or with another value: u32, f32, bool, str, u32s (with commas)")
    parser.add_argument("--edit", action="append", default=[], metavar="NAME:ELEMENT=VALUE",
                        help="one element of every row of a tensor; of a vector, that element")
    parser.add_argument("--norm-shape", choices=["1n", "n1"], help="norms of shape [1, n] or [n, 1], as some writers make them")
    o = parser.parse_args()
    if o.vocabulary < 256 + len(SPECIAL):
        parser.error(f"--vocabulary: at least {256 + len(SPECIAL)}")
    o.head_size = o.head_size or o.width // o.heads
    block = BLOCKS.get(o.type, (1, None))[0]
    if any(size % block for size in (o.width, o.intermediate, o.heads * o.head_size)):
        parser.error(f"--type {o.type}: the width, that of all heads and --intermediate must be multiples of {block}")
    if o.architecture == "qwen2":
        o.biases = o.biases or "qkv"
    return o


def main():
    o = parse_options()
    w = Writer()
    write_metadata(w, o)
    write_tokenizer(w, o)
    for word in o.set:
        w.setting(word)
    for word in o.edit:
        w.edit(word)
    write_tensors(w, o)
    with open(o.out, "wb") as file:
        file.write(w.finish())


if __name__ == "__main__":
    main()
