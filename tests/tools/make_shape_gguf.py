#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a llama model of any size as GGUF with random Q8_0 matrices: for what only depends on a model's shape, as
memory and time of a compile do. Tensors are generated and written piece by piece; the same bytes for the same options.

The defaults are Llama-3.2-1B's shape but for the vocabulary, 8,192 in place of 128,256.
"""
import argparse
import struct
import types

import numpy as np

import make_tiny_gguf as tiny

BLOCK = np.dtype([("scale", "<f2"), ("codes", "i1", 32)])  # Q8_0
BLOCKS_A_PIECE = 1 << 18


class Writer(tiny.Writer):
    """Tensors as descriptions until the file is written."""

    def __init__(self):
        super().__init__()
        self.pieces, self.size = [], 0

    def tensor(self, name, shape, pieces, kind, size):
        """pieces(): the tensor's bytes, a piece at a time."""
        self.pieces.append((self.size, pieces))
        self.infos += tiny.text(name) + struct.pack("<I", len(shape))
        self.infos += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", tiny.TYPES[kind], self.size)
        self.size += size + -size % 32
        self.n_tensors += 1

    def write(self, file):
        file.write(self.header())
        start = file.tell()
        for offset, pieces in self.pieces:
            file.write(bytes(start + offset - file.tell()))
            for piece in pieces():
                file.write(piece)
        file.write(bytes(start + self.size - file.tell()))


def add_tensors(w, o):
    rng = np.random.default_rng(o.seed)

    def matrix(name, rows, columns):
        blocks = rows * columns // 32
        scale = columns ** -0.5 / 73  # uniform codes have a deviation of 73

        def pieces():
            for first in range(0, blocks, BLOCKS_A_PIECE):
                data = np.empty(min(BLOCKS_A_PIECE, blocks - first), BLOCK)
                data["scale"] = scale
                data["codes"] = rng.integers(-127, 128, data["codes"].shape, "i1")
                yield data.tobytes()

        w.tensor(f"{name}.weight", [rows, columns], pieces, "Q8_0", blocks * BLOCK.itemsize)

    def ones(name, size):
        w.tensor(name, [size], lambda: [np.ones(size, "<f4").tobytes()], "F32", 4 * size)

    head_size = o.width // o.heads
    matrix("token_embd", o.vocabulary, o.width)
    for i in range(o.layers):
        ones(f"blk.{i}.attn_norm.weight", o.width)
        matrix(f"blk.{i}.attn_q", o.width, o.width)
        matrix(f"blk.{i}.attn_k", o.kv_heads * head_size, o.width)
        matrix(f"blk.{i}.attn_v", o.kv_heads * head_size, o.width)
        matrix(f"blk.{i}.attn_output", o.width, o.width)
        ones(f"blk.{i}.ffn_norm.weight", o.width)
        matrix(f"blk.{i}.ffn_gate", o.intermediate, o.width)
        matrix(f"blk.{i}.ffn_up", o.intermediate, o.width)
        matrix(f"blk.{i}.ffn_down", o.width, o.intermediate)
    ones("output_norm.weight", o.width)


def write_model(path, **options):
    """options: those of the command line, by name."""
    o = types.SimpleNamespace(**{**DEFAULTS, **options}, type="Q8_0", architecture="llama", biases=None, rope_factors=False,
                              head=False)
    o.head_size = o.width // o.heads
    w = Writer()
    tiny.write_metadata(w, o)
    tiny.write_tokenizer(w, o)
    add_tensors(w, o)
    with open(path, "wb") as file:
        w.write(file)


DEFAULTS = {"seed": 1, "width": 2048, "layers": 16, "heads": 32, "kv_heads": 8, "intermediate": 8192, "vocabulary": 8192,
            "context": 131072}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    for name, default in DEFAULTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"{default} unless told")
    o = vars(parser.parse_args())
    if o["width"] % 32 or o["intermediate"] % 32 or o["width"] % o["heads"]:
        parser.error("--width and --intermediate: multiples of 32; --heads divides the width")
    write_model(o.pop("out"), **o)


if __name__ == "__main__":
    main()
