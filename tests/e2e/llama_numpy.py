# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A llama or qwen2 in numpy (float64), from an F32 GGUF file as tests/tools/make_tiny_gguf.py writes it: what the unquantised binary
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
        self.architecture = self.keys["general.architecture"]
        self.layers = list(range(self.key("block_count")))
        self.heads = self.key("attention.head_count")
        self.kv_heads = self.key("attention.head_count_kv")

    def key(self, name, *default):
        """With a default for keys that may be absent."""
        full = f"{self.architecture}.{name}"
        return self.keys.get(full, *default) if default else self.keys[full]

    def norm(self, x, name):
        eps = self.key("attention.layer_norm_rms_epsilon")
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * self.tensors[name].ravel()

    def linear(self, x, name):
        return x @ self.tensors[f"{name}.weight"].T + self.tensors.get(f"{name}.bias", 0.0)

    def rope(self, x):
        """Of [tokens, heads, size]. In llama's files neighbours turn together, in others element i and i + size / 2."""
        n, _, size = x.shape
        frequencies = self.key("rope.freq_base") ** (-np.arange(0, size, 2) / size)
        if "rope_freqs.weight" in self.tensors:
            frequencies /= self.tensors["rope_freqs.weight"].ravel()
        # Linear scaling, also without a type: the position itself is divided.
        positions = np.arange(n)
        if self.key("rope.scaling.type", "linear") == "linear":
            positions = positions / self.key("rope.scaling.factor", self.key("rope.scale_linear", 1.0))
        angles = np.outer(positions, frequencies)[:, None, :]
        cosine, sine = (f(angles) * self.key("rope.scaling.attn_factor", 1.0) for f in (np.cos, np.sin))
        if self.architecture == "llama":
            first, second = slice(0, None, 2), slice(1, None, 2)
        else:
            first, second = slice(0, size // 2), slice(size // 2, None)
        a, b = x[..., first], x[..., second]
        out = np.empty_like(x)
        out[..., first] = a * cosine - b * sine
        out[..., second] = a * sine + b * cosine
        return out

    def attention(self, x, layer):
        n, name = len(x), f"blk.{layer}.attn_"
        q = self.rope(self.linear(x, name + "q").reshape(n, self.heads, -1))
        k = self.rope(self.linear(x, name + "k").reshape(n, self.kv_heads, -1))
        v = self.linear(x, name + "v").reshape(n, self.kv_heads, -1)
        share = self.heads // self.kv_heads
        k, v = np.repeat(k, share, 1), np.repeat(v, share, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) * self.key("attention.scale", q.shape[-1] ** -0.5)
        scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        return self.linear(np.einsum("hqk,khd->qhd", p, v).reshape(n, -1), name + "output")

    def mlp(self, x, layer):
        name = f"blk.{layer}.ffn_"
        gate = self.linear(x, name + "gate")
        return self.linear(gate / (1 + np.exp(-gate)) * self.linear(x, name + "up"), name + "down")

    def forward(self, ids):
        x = self.tensors["token_embd.weight"][np.asarray(ids)]
        for layer in self.layers:
            x = x + self.attention(self.norm(x, f"blk.{layer}.attn_norm.weight"), layer)
            x = x + self.mlp(self.norm(x, f"blk.{layer}.ffn_norm.weight"), layer)
        head = self.tensors.get("output.weight", self.tensors["token_embd.weight"])
        return self.norm(x, "output_norm.weight") @ head.T
