#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes tests/e2e/Inputs/reference, the small reference results that the repository holds, from the large ones of PyTorch.

  tests/tools/make_reference.py DATA      DATA holds wikitext2-test.txt and reference/ (docs of the fields: the README there)

read(path) gives the arrays back. Differences of the sorted logits are kept in steps of 1/4096, so that a logit is right within 2e-3:
logsumexp - top_values[:, j] is a cumulative sum. It takes a third of what float32 takes.
"""
import json
import os
import shutil
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "../e2e/Inputs/reference")
TEXT_BYTES = 17619 # of the test text: a line ends there, and so does a token of both models
TOKENS = {"smollm2-135m": 4178, "qwen2.5-coder-0.5b": 4073}
STEPS = 4096


def read(path):
    """token ids of the text; of the first 512: logsumexp, top_ids and top_values, largest first."""
    with np.load(path) as file:
        below = np.cumsum(file["steps"].astype(np.int64), axis=1) / STEPS
        return {"ids": file["ids"], "logsumexp": file["logsumexp"], "top_ids": file["top_ids"],
                "top_values": file["logsumexp"].astype(np.float64)[:, None] - below}


def main():
    data = sys.argv[1]
    with open(os.path.join(data, "wikitext2-test.txt"), "rb") as source, \
            open(os.path.join(OUT, "wikitext2-test-head.txt"), "wb") as out:
        out.write(source.read(TEXT_BYTES))
    for name, count in TOKENS.items():
        whole = os.path.join(data, "reference", name)
        logits = np.load(whole + ".logits512.npz")
        ids = np.fromfile(whole + ".wikitext2-test.u32", dtype="<u4")[:count]
        order = np.argsort(-logits["top_values"], axis=1, kind="stable")
        top_ids = np.take_along_axis(logits["top_ids"], order, axis=1)
        below = logits["logsumexp"][:, None].astype(np.float64) - np.take_along_axis(logits["top_values"], order, axis=1)
        steps = np.diff(np.rint(below * STEPS).astype(np.int64), axis=1, prepend=0)
        assert steps.min() >= 0 and steps.max() < 1 << 16
        kind = np.uint16 if max(ids.max(), top_ids.max()) < 1 << 16 else np.uint32
        np.savez_compressed(os.path.join(OUT, name + ".npz"), ids=ids.astype(kind), logsumexp=logits["logsumexp"],
                            top_ids=top_ids.astype(kind), steps=steps.astype(np.uint16))
        found = read(os.path.join(OUT, name + ".npz"))
        assert np.abs(found["top_values"] - np.take_along_axis(logits["top_values"], order, axis=1)).max() < 2e-4
        with open(whole + ".json") as source, open(os.path.join(OUT, name + ".json"), "w") as out:
            json.dump(json.load(source), out, indent=None, separators=(",", ":"))
            out.write("\n")


if __name__ == "__main__":
    main()
