# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A llama in numpy (float64), from an F32 GGUF file as tests/tools/make_tiny_gguf.py writes it: what the unquantised binary
must equal, and what an edited module means. Independent of resq; no speed."""
import struct

import numpy as np

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self):
        size = self.take("<Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.take("<I"), self.take("<Q")
            return [self.value(inner) for _ in range(count)]
        return self.take(SCALARS[kind])


def read_gguf(path):
    """Keys and F32 tensors of a file."""
    with open(path, "rb") as file:
        r = Reader(file.read())
    magic, version, n_tensors, n_keys = r.take("<I"), r.take("<I"), r.take("<Q"), r.take("<Q")
    assert magic == 0x46554747 and version == 3
    keys = {}
    for _ in range(n_keys):
        name = r.text()
        keys[name] = r.value(r.take("<I"))
    infos = []
    for _ in range(n_tensors):
        name = r.text()
        shape = [r.take("<Q") for _ in range(r.take("<I"))][::-1]
        kind, offset = r.take("<I"), r.take("<Q")
        assert kind == 0, f"{name}: not F32"
        infos.append((name, shape, offset))
    start = (r.at + 31) // 32 * 32
    tensors = {name: np.frombuffer(r.data, "<f4", int(np.prod(shape)), start + offset).reshape(shape).astype(np.float64)
               for name, shape, offset in infos}
    return keys, tensors


class Llama:
    """layers: which blocks run, in order. tensors may be edited before forward()."""

    def __init__(self, path):
        self.keys, self.tensors = read_gguf(path)
        self.layers = list(range(self.keys["llama.block_count"]))
        self.heads = self.keys["llama.attention.head_count"]
        self.kv_heads = self.keys["llama.attention.head_count_kv"]

    def norm(self, x, name):
        eps = self.keys["llama.attention.layer_norm_rms_epsilon"]
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * self.tensors[name]

    def rope(self, x):
        """Of [tokens, heads, size], GGUF's order: pairs of neighbours turn."""
        n, _, size = x.shape
        angles = np.outer(np.arange(n), self.keys["llama.rope.freq_base"] ** (-np.arange(0, size, 2) / size))[:, None, :]
        even, odd = x[..., 0::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., 0::2] = even * np.cos(angles) - odd * np.sin(angles)
        out[..., 1::2] = even * np.sin(angles) + odd * np.cos(angles)
        return out

    def attention(self, x, layer):
        w = lambda name: self.tensors[f"blk.{layer}.attn_{name}.weight"]
        n = len(x)
        q = self.rope((x @ w("q").T).reshape(n, self.heads, -1))
        k = self.rope((x @ w("k").T).reshape(n, self.kv_heads, -1))
        v = (x @ w("v").T).reshape(n, self.kv_heads, -1)
        share = self.heads // self.kv_heads
        k, v = np.repeat(k, share, 1), np.repeat(v, share, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
        scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", p, v).reshape(n, -1) @ w("output").T

    def mlp(self, x, layer):
        w = lambda name: self.tensors[f"blk.{layer}.ffn_{name}.weight"]
        gate = x @ w("gate").T
        return (gate / (1 + np.exp(-gate)) * (x @ w("up").T)) @ w("down").T

    def forward(self, ids):
        x = self.tensors["token_embd.weight"][np.asarray(ids)]
        for layer in self.layers:
            x = x + self.attention(self.norm(x, f"blk.{layer}.attn_norm.weight"), layer)
            x = x + self.mlp(self.norm(x, f"blk.{layer}.ffn_norm.weight"), layer)
        head = self.tensors.get("output.weight", self.tensors["token_embd.weight"])
        return self.norm(x, "output_norm.weight") @ head.T
