#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each rewriting pass, alone and with others, leaves the logits of a tiny model as they are. Standard library only.

Compiles a model with one pipeline after the other and compares the logits of a text with those of the model without any. The
odd ones: 9 heads (no Hadamard matrix), biases of all linears, several passes in an order of their own; a qwen2 whose heads are
wider than its width divided by their number.
"""
import argparse
import math
import os
import subprocess
import sys
from array import array

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom"
BOUND = 3e-5  # logits are some units large; seen: 4e-6
F32 = "resq-kv{keys=f32 values=f32}"
SPLIT = "resq-split{basis=random}"
KV = "resq-kv{keys=f32:basis=random values=f32:basis=random}"
PIPELINES = [
    "resq-fold-norm," + F32, SPLIT + "," + F32, "resq-split{basis=hadamard rotate-only=true}," + F32, KV,
    "resq-kv{keys=f32:basis=hadamard values=f32:basis=hadamard}", "resq-insert-hadamard," + F32,
    "resq-insert-hadamard{sites=all}," + F32, "resq-insert-hadamard{across-heads=true}," + F32,
    f"resq-fold-norm,{SPLIT},resq-fold-rotations,{F32}", "resq-tie-head," + F32,
    f"resq-tie-head,resq-fold-norm,{SPLIT},resq-fold-rotations,{F32}", f"{KV},resq-fold-rotations", f"{SPLIT},{KV},resq-fold-rotations",
    f"resq-fold-norm,{SPLIT},{KV},resq-fold-rotations,resq-insert-hadamard",
    f"resq-fold-norm,{SPLIT[:-1]} rotation=hadamard}},resq-fold-rotations,{F32}",
    # Bases that are not orthogonal: balanced (calibrated on text of the model's own), and random ones with their duals.
    "resq-kv{keys=f32:basis=balanced:per=head values=f32}", "resq-kv{keys=f32:basis=balanced values=f32:basis=pca:per=layer}",
    f"{KV[:-1]} rotation=gaussian allow-departure=true}},resq-fold-rotations",
    "resq-fold-norm,resq-split{basis=hadamard rotate-only=true},resq-kv{keys=f32:basis=hadamard values=f32},"
    "resq-fold-rotations,resq-insert-hadamard{across-heads=true},resq-fuse",
]
# Errors that grow with a matrix's condition number: a hundred or so.
LOOSE_BOUND = 5e-4  # seen: 8e-5
LOOSE = [
    f"resq-fold-norm,{SPLIT[:-1]} rotation=gaussian allow-departure=true}},{KV},resq-fold-rotations",
    f"{SPLIT[:-1]} rotation=bernoulli seed=2 allow-departure=true}},{F32}",
]
MODELS = [
    (["--layers", "2", "--width", "72", "--heads", "9", "--kv-heads", "3", "--intermediate", "96", "--biases", "all"], PIPELINES, LOOSE),
    (["--architecture", "qwen2", "--head-size", "32", "--head"], ["resq-fuse," + F32, *PIPELINES[-3:]], []),
]


def logits(o, model, pipeline):
    binary, rows = os.path.join(o.out, "model"), os.path.join(o.out, "rows")
    subprocess.run([o.resqc, model, "-o", binary, "--scheme=none", "--passes=" + pipeline,
                    "--levels=generic", "--prefill-rows=32", "--decode-rows=4", "--calibration-windows=1",
                    "--cache=" + os.path.join(o.out, "cache")], check=True)
    subprocess.run([binary, "logits", "-p", TEXT, "--all", "-o", rows], check=True, stdout=subprocess.DEVNULL)
    values = array("f")
    with open(rows, "rb") as file:
        values.frombytes(file.read())
    return values


def largest_difference(expected, found):
    """Infinite where a value is not finite or the numbers of values differ: `max` alone would pass over a NaN."""
    if not expected or len(found) != len(expected) or not all(map(math.isfinite, found)) or not all(map(math.isfinite, expected)):
        return math.inf
    return max(abs(a - b) for a, b in zip(expected, found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resqc", default="resqc")
    parser.add_argument("--out", required=True, help="a folder")
    o = parser.parse_args()
    os.makedirs(o.out, exist_ok=True)
    passed = failed = 0
    for options, pipelines, loose in MODELS:
        model = os.path.join(o.out, "tiny.gguf")
        subprocess.run([sys.executable, os.path.join(HERE, "..", "tools", "make_tiny_gguf.py"), model, *options], check=True)
        print(" ".join(options))
        expected = logits(o, model, F32)
        for pipeline, bound in [(p, BOUND) for p in pipelines] + [(p, LOOSE_BOUND) for p in loose]:
            found = logits(o, model, pipeline)
            error = largest_difference(expected, found)
            passed, failed = (passed + 1, failed) if error < bound else (passed, failed + 1)
            print(f"{'ok  ' if error < bound else 'FAIL'} {error:.1e} {pipeline}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
