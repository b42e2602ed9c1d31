#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The parallel block in numpy. `check.py weights` writes weights.gguf and x.f32; `check.py compare` compares C and ctypes with it."""
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "tests", "tools")]
from make_tiny_gguf import Writer  # noqa: E402
from resq_session import Session  # noqa: E402

WIDTH, HIDDEN, HEADS, KV_HEADS, SIZE = 48, 128, 4, 2, 16
LENGTHS = (37, 21)  # tokens of two sequences; C runs the first


def tensors():
    rng = np.random.default_rng(1)
    shapes = {"q": (HEADS * SIZE, WIDTH), "k": (KV_HEADS * SIZE, WIDTH), "v": (KV_HEADS * SIZE, WIDTH),
              "o": (WIDTH, HEADS * SIZE), "gate": (HIDDEN, WIDTH), "up": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN)}
    made = {name: rng.normal(0, shape[1] ** -0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return {"gain": rng.normal(1, 0.1, WIDTH).astype(np.float32), **made}


def write():
    w = Writer()
    w.string("general.architecture", "none")
    for name, t in tensors().items():
        w.tensor(name, list(t.shape), t.ravel().tolist(), "F32")
    with open("weights.gguf", "wb") as file:
        file.write(w.finish())
    np.random.default_rng(2).normal(size=(sum(LENGTHS), WIDTH)).astype(np.float32).tofile("x.f32")


def rope(x):
    """[tokens, heads, SIZE] at positions 0, 1, ...: pairs (i, i + SIZE / 2)."""
    angle = np.arange(len(x))[:, None, None] / 10000.0 ** (np.arange(SIZE // 2) * 2 / SIZE)
    a, b = x[..., :SIZE // 2], x[..., SIZE // 2:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=-1)


def reference(x):
    """All tokens of one sequence at once."""
    t = {name: value.astype(np.float64) for name, value in tensors().items()}
    n = x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5) * t["gain"]
    q = rope((n @ t["q"].T).reshape(-1, HEADS, SIZE))
    k = rope((n @ t["k"].T).reshape(-1, KV_HEADS, SIZE)).repeat(HEADS // KV_HEADS, axis=1)
    v = (n @ t["v"].T).reshape(-1, KV_HEADS, SIZE).repeat(HEADS // KV_HEADS, axis=1)
    scores = np.einsum("qhd,khd->hqk", q, k) * 0.25
    scores[:, np.triu(np.ones((len(x), len(x)), bool), 1)] = -np.inf
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    a = np.einsum("hqk,khd->qhd", p / p.sum(axis=-1, keepdims=True), v).reshape(len(x), -1)
    g = n @ t["gate"].T
    return x + a @ t["o"].T + (g / (1 + np.exp(-g)) * (n @ t["up"].T)) @ t["down"].T


def run(first, second):
    """Most of the first sequence at once, then the rest of it and all of the second in one mixed batch."""
    session = Session(os.path.abspath("block.so"), threads=2, sequences=2)
    y = np.empty((sum(LENGTHS), WIDTH), np.float32)
    split = LENGTHS[0] - 4
    at = np.concatenate([np.arange(n) for n in LENGTHS]).astype(np.int32)
    of = np.repeat([0, 1], LENGTHS).astype(np.int32)
    x = np.concatenate([first, second])
    session.call("block", x[:split], at[:split], of[:split], y[:split])
    session.call("block", x[split:], at[split:], of[split:], y[split:])
    session.close()
    return y[:LENGTHS[0]], y[LENGTHS[0]:]


def compare():
    x = np.fromfile("x.f32", np.float32).reshape(-1, WIDTH)
    first, second = x[:LENGTHS[0]], x[LENGTHS[0]:]
    expected = [reference(s.astype(np.float64)) for s in (first, second)]
    found = run(first, second)
    c = np.fromfile("y.f32", np.float32).reshape(-1, WIDTH)
    for who, a, b in [("python, sequence 0", found[0], expected[0]), ("python, sequence 1", found[1], expected[1]),
                      ("C, token by token", c[:LENGTHS[0]], expected[0])]:
        error = np.abs(a - b).max() / np.abs(b).max()
        print(f"{who}: {len(a)} rows, largest error {error:.1e} of the largest value")
        if not error < 1e-4:
            sys.exit(f"{who}: allowed: 1e-4")


if __name__ == "__main__":
    {"weights": write, "compare": compare}[sys.argv[1]]()
