#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Perplexity of a llama.cpp file by llama.cpp itself, in the protocol and the JSON of a compiled model's `perplexity --reference --json`.

usage: llama_cpp_perplexity.py MODEL.gguf --ids FILE --reference BINARY [--windows N] [--window 2048] [--threads N]

Run by a Python that has llama-cpp-python, gguf and numpy (tools/dev/llama_cpp.sh). FILE holds little-endian 32-bit token ids (`tokenize -o`
of a compiled model), so that both sides predict the same tokens: windows that don't overlap, each from an empty context as long as it is, no
BOS. Keys and values are f16. BINARY is a compiled model of the same vocabulary: its `logits --serve` gives the reference's logits
(runtime/cli/logits_stream.h says how). "params" counts bytes and elements of the file's tensors in the groups of `info`.
"""
import argparse
import json
import math
import os
import struct
import subprocess
import sys
import time

import llama_cpp as lc
import numpy as np
from gguf import GGUFReader

CHUNK = 512  # tokens a call: its logits are 0.1 to 0.3 GB
ROWS = 32  # of logits at a time in f64
MAGIC = b"RESQLGT1"


def param_groups(path):
    """Stored bytes and elements of a file's tensors, as `info` groups them."""
    groups = {}
    for tensor in GGUFReader(path).tensors:
        if tensor.name in ("token_embd.weight", "output.weight"):
            group = "embedding" if tensor.name.startswith("token") else "head"
        else:
            group = "linears" if len([n for n in tensor.shape if n > 1]) == 2 else "other"
        g = groups.setdefault(group, {"bytes": 0, "elements": 0})
        g["bytes"] += int(tensor.n_bytes)
        g["elements"] += int(tensor.n_elements)
    for g in groups.values():
        g["bits"] = 8 * g["bytes"] / g["elements"]
    return groups


class LlamaCpp:
    """One sequence of at most `capacity` tokens; keys and values f16."""

    def __init__(self, path, capacity, threads):
        lc.llama_backend_init()
        self.silence = lc.llama_log_callback(lambda level, text, data: None)  # kept alive: C calls it
        lc.llama_log_set(self.silence, None)
        self.model = lc.llama_model_load_from_file(path.encode(), lc.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"{path}: llama.cpp cannot load it")
        params = lc.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = capacity, CHUNK, CHUNK, 1
        params.n_threads = params.n_threads_batch = threads
        params.type_k = params.type_v = lc.GGML_TYPE_F16
        self.context = lc.llama_init_from_model(self.model, params)
        if not self.context or lc.llama_n_ctx(self.context) < capacity:
            raise SystemExit(f"{path}: llama.cpp gives no context of {capacity} tokens")
        self.vocabulary = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(self.model))
        self.batch = lc.llama_batch_init(CHUNK, 0, 1)

    def forward(self, ids, first):
        """Logits behind each of `ids`, which stand at positions from `first` on; 0 starts a new text. Valid until the next call."""
        if first == 0:
            lc.llama_memory_clear(lc.llama_get_memory(self.context), True)
        b = self.batch
        b.n_tokens = len(ids)
        for i, token in enumerate(ids):
            b.token[i], b.pos[i], b.n_seq_id[i], b.seq_id[i][0], b.logits[i] = int(token), first + i, 1, 0, True
        if lc.llama_decode(self.context, b):
            raise SystemExit("llama_decode failed")
        return np.ctypeslib.as_array(lc.llama_get_logits(self.context), (len(ids), self.vocabulary))


class Reference:
    """Client of a compiled model's `logits --serve`."""

    def __init__(self, binary, capacity, threads):
        self.binary = binary
        self.process = subprocess.Popen([os.path.abspath(binary), "logits", "--serve", f"--context={capacity}", f"--threads={threads}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        magic, self.vocabulary, _, _ = struct.unpack("<8sqqQ", self.read(32))
        if magic != MAGIC:
            raise SystemExit(f"{binary}: not a model compiled by this version of resq")

    def read(self, size):
        data = self.process.stdout.read(size)
        if len(data) != size:
            raise SystemExit(f"{self.binary}: logits --serve ended with status {self.process.wait()}")
        return data

    def forward(self, ids, first):
        self.process.stdin.write(struct.pack("<qq", first, len(ids)) + ids.astype("<i4").tobytes())
        self.process.stdin.flush()
        size = 4 * len(ids) * self.vocabulary
        return np.frombuffer(self.read(size), "<f4").reshape(len(ids), self.vocabulary)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def log_softmax(rows):
    rows = rows.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def compare(ours, theirs, targets):
    """Per prediction: loss, the reference's loss, KL(reference || this) in nats, 1 where both find the same token most likely."""
    out = np.empty((4, len(targets)))
    for at in range(0, len(targets), ROWS):
        part = slice(at, min(at + ROWS, len(targets)))
        p, q, every = log_softmax(ours[part]), log_softmax(theirs[part]), np.arange(part.stop - at)
        out[0, part], out[1, part] = -p[every, targets[part]], -q[every, targets[part]]
        out[2, part] = (np.exp(q) * (q - p)).sum(axis=1)
        out[3, part] = p.argmax(axis=1) == q.argmax(axis=1)
    return out


def estimate(values):
    """Of a figure [windows, predictions]: the mean, and its standard errors over tokens and over window means (runtime/cli/score.h)."""
    error = lambda x: float(x.std(ddof=1) / math.sqrt(x.size)) if x.size > 1 else None
    return {"mean": float(values.mean()), "token_error": error(values.ravel()), "window_error": error(values.mean(axis=1))}


def exponential(e):
    """By the delta method."""
    mean = math.exp(e["mean"])
    return {k: mean if k == "mean" else v and mean * v for k, v in e.items()}


def measure(model, reference, ids, windows, window):
    """[figure, window, prediction]; figures as compare's."""
    found = np.empty((4, windows, window - 1))
    started = time.monotonic()
    for w in range(windows):
        text = ids[w * window:(w + 1) * window]
        for first in range(0, window, CHUNK):
            piece = text[first:first + CHUNK]
            targets = text[first + 1:first + 1 + len(piece)]  # the window's last token predicts nothing
            ours, theirs = model.forward(piece, first), reference.forward(piece, first)
            found[:, w, first:first + len(targets)] = compare(ours[:len(targets)], theirs[:len(targets)], targets)
        print(f"window {w + 1} of {windows}: perplexity {math.exp(found[0, :w + 1].mean()):.4f}, reference "
              f"{math.exp(found[1, :w + 1].mean()):.4f}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--ids", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--windows", type=int, default=0, help="at most; 0: all")
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    ids = np.fromfile(args.ids, "<i4")
    windows = min(len(ids) // args.window, args.windows or len(ids))
    if windows < 1:
        raise SystemExit(f"{args.ids}: {len(ids)} tokens, at least {args.window} are needed")
    model, reference = LlamaCpp(args.model, args.window, args.threads), Reference(args.reference, args.window, args.threads)
    if model.vocabulary != reference.vocabulary:
        raise SystemExit(f"{args.model}: its vocabulary has {model.vocabulary} tokens, the reference's {reference.vocabulary}")
    found = measure(model, reference, ids, windows, args.window)
    reference.close()
    loss, reference_loss = estimate(found[0]), estimate(found[1])
    print(json.dumps({
        "windows": windows, "window": args.window, "predictions": found[0].size, "perplexity": exponential(loss), "loss": loss,
        "reference": {"binary": args.reference, "perplexity": exponential(reference_loss), "loss": reference_loss,
                      "excess_loss": estimate(found[0] - found[1]), "divergence": estimate(found[2]), "agreement": estimate(found[3])},
        "params": param_groups(args.model), "cache": {"bits": 16.0}, "file_bytes": os.path.getsize(args.model),
        "version": lc.__version__}, indent=1))


if __name__ == "__main__":
    main()
