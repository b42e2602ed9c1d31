#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of compiled artifacts beside llama.cpp, alternating in one run; medians and best of each.

usage: compare_llama_cpp.py MODEL.gguf ARTIFACT... [--kind Q4_0] [--rounds 5] [--threads 2] [--python PY]

PY is a Python with llama-cpp-python built from source (default: this one). llama.cpp runs with
OMP_WAIT_POLICY=active, 512 prompt tokens, 128 decoded ones, as issue 3's acceptance says.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def run_json(command, env=None):
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env).stdout
    return json.loads(out.decode())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("artifacts", nargs="+")
    parser.add_argument("--kind", default="Q4_0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    worker = os.path.join(HERE, "llama_cpp_worker.py")
    env = dict(os.environ, OMP_WAIT_POLICY="active", OMP_PROC_BIND="true")
    shape = ["--prefill", str(args.prefill), "--decode", str(args.decode), "--threads", str(args.threads)]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        quantized = os.path.join(folder, "model.gguf")
        subprocess.run([args.python, worker, args.model, "--quantize", args.kind, "-o", quantized], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(args.rounds):
            row = run_json([args.python, worker, quantized] + shape, env)
            results.setdefault(f"llama.cpp {args.kind}", []).append((row["prefill"], row["decode"]))
            for artifact in args.artifacts:
                row = run_json([os.path.abspath(artifact), "bench", "--repeat", "1", "--json"] + shape)
                results.setdefault(os.path.basename(artifact), []).append(
                    (row["prefill"]["median"], row["decode"]["median"]))
    print(f"{'':24} {'prefill ' + str(args.prefill):>24} {'decode ' + str(args.decode):>24}   tokens/s, median / best "
          f"of {args.rounds}, {args.threads} threads")
    base = None
    for name, rows in results.items():
        medians = [statistics.median(r[i] for r in rows) for i in (0, 1)]
        base = base or medians
        best = [max(r[i] for r in rows) for i in (0, 1)]
        print(f"{name:24} {medians[0]:10.1f} / {best[0]:8.1f}   {medians[1]:10.1f} / {best[1]:8.1f}"
              f"   {medians[0] / base[0]:.2f}x {medians[1] / base[1]:.2f}x")


if __name__ == "__main__":
    main()
