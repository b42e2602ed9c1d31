#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The MLP in numpy. `check.py weights` writes weights.gguf and x.f32; `check.py compare` compares what C and ctypes computed."""
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "tests", "tools")]
from make_tiny_gguf import Writer  # noqa: E402
from resq_session import Session  # noqa: E402

WIDTH, HIDDEN, ROWS = 64, 160, 37


def tensors():
    rng = np.random.default_rng(1)
    return {"gain": rng.normal(1, 0.1, WIDTH).astype(np.float32),
            "gate": rng.normal(0, WIDTH ** -0.5, (HIDDEN, WIDTH)).astype(np.float32),
            "up": rng.normal(0, WIDTH ** -0.5, (HIDDEN, WIDTH)).astype(np.float32),
            "down": rng.normal(0, HIDDEN ** -0.5, (WIDTH, HIDDEN)).astype(np.float32)}


def write():
    w = Writer()
    w.string("general.architecture", "none")
    for name, t in tensors().items():
        w.tensor(name, list(t.shape), t.ravel().tolist(), "F32")
    with open("weights.gguf", "wb") as file:
        file.write(w.finish())
    np.random.default_rng(2).normal(size=(ROWS, WIDTH)).astype(np.float32).tofile("x.f32")


def reference(x):
    t = {name: value.astype(np.float64) for name, value in tensors().items()}
    n = x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5) * t["gain"]
    g = n @ t["gate"].T
    return x + (g / (1 + np.exp(-g)) * (n @ t["up"].T)) @ t["down"].T


def compare():
    x = np.fromfile("x.f32", np.float32).reshape(-1, WIDTH)
    expected = reference(x.astype(np.float64))
    session = Session(os.path.abspath("mlp.so"), threads=2)
    y = np.empty_like(x)
    session.call("mlp", x, y)
    session.close()
    for who, found in [("python", y), ("C", np.fromfile("y.f32", np.float32).reshape(-1, WIDTH))]:
        error = np.abs(found - expected).max() / np.abs(expected).max()
        print(f"{who}: {len(found)} rows, largest error {error:.1e} of the largest value")
        if not error < 1e-4:
            sys.exit(f"{who}: allowed: 1e-4")


if __name__ == "__main__":
    {"weights": write, "compare": compare}[sys.argv[1]]()
