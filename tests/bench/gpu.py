#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of compiled models on a GPU beside PyTorch, in turns in one run; medians, extremes and fractions of the memory's speed.

usage: gpu.py SHAPE.json=ARTIFACT[,ARTIFACT...] ... [--peers bf16,int4] [--rounds 3] [--depth 512] [--prefill 512] [--python PY]

SHAPE.json is the config.json that the artifacts were compiled from, which PyTorch's decoder gets, too; where it is a shape
alone (resqc --params=absent), fill_params has given the artifacts parameters. PY is a Python with torch (default: this one);
without one the peers are left out, and the last line says so. For each shape a round measures every artifact (a process of
its own) and every peer (one process that stays, compiled once) one after the other, so that a slow minute hits all of them.

A decoded token's roof is the time in which a copy on the device reads and writes as many bytes as the artifact's linears and
head have.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Peer:
    """torch_worker.py, which answers a line with a line."""

    def __init__(self, o, shape, weights):
        self.name = f"PyTorch {weights}"
        command = [o.python, os.path.join(HERE, "torch_worker.py"), shape, f"--weights={weights}", f"--depth={o.depth}",
                   f"--prefill={o.prefill}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self):
        return {"decode": self.ask("decode")["ms"], "prefill": self.ask("prefill")["ms"]}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Artifact:
    def __init__(self, o, path):
        self.name, self.path, self.o = os.path.basename(path), os.path.abspath(path), o
        params = json.loads(self.run("info", "--json"))["params"]
        # What a token reads: a tied table is the head, and of an embedding alone a token reads one row.
        self.bytes = params["linears"]["bytes"] + params.get("head", params["embedding"])["bytes"]

    def run(self, *arguments):
        return subprocess.run([self.path, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    def measure(self):
        o = self.o
        out = json.loads(self.run("bench", "--json", "--device=cuda", f"--prefill={o.prefill}", f"--decode={o.decode}",
                                  f"--depth={o.depth}", f"--repeat={o.repeat}"))
        return {"decode": 1e3 / out["decode"]["median"], "prefill": 1e3 * o.prefill / out["prefill"]["median"]}

    def close(self):
        pass


def has_torch(python):
    return subprocess.run([python, "-c", "import torch; assert torch.cuda.is_available()"], stderr=subprocess.DEVNULL).returncode == 0


def show(o, shape, measured, bytes_of, rate):
    print(f"{os.path.basename(shape)}: ms, median (least to most) of {o.rounds} rounds")
    base = None
    for name, rows in measured.items():
        now, cells = {}, []
        for what in ("decode", "prefill"):
            found = [row[what] for row in rows]
            now[what] = statistics.median(found)
            cells.append(f"{now[what]:8.3f} ({min(found):.3f} to {max(found):.3f})")
        base = base or now
        roof = ""
        if name in bytes_of and rate:
            roof = f"  {bytes_of[name] / rate * 1e3 / now['decode']:.0%} of the roof"
        print(f"  {name:28} decode {cells[0]:>32} {now['decode'] / base['decode']:6.2f}x   prefill {o.prefill} {cells[1]:>36} "
              f"{now['prefill'] / base['prefill']:6.2f}x{roof}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="+", metavar="SHAPE.json=ARTIFACT[,ARTIFACT...]")
    parser.add_argument("--peers", default="bf16,int4", help="weights of PyTorch's decoders; empty: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3, help="runs of an artifact in each round")
    parser.add_argument("--depth", type=int, default=512, help="tokens in the cache before decoding")
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--python", default=sys.executable)
    o = parser.parse_args()
    weights = [w for w in o.peers.split(",") if w]
    skipped = bool(weights) and not has_torch(o.python)
    for pair in o.pairs:
        shape, _, paths = pair.partition("=")
        if not paths:
            parser.error(f"'{pair}' is not SHAPE.json=ARTIFACT")
        artifacts = [Artifact(o, path) for path in paths.split(",")]
        with open(shape) as file:
            width = json.load(file)["hidden_size"]
        # PyTorch's int4 kernel takes whole groups of 128 inputs.
        peers = [] if skipped else [Peer(o, shape, w) for w in weights if w != "int4" or width % 128 == 0]
        rate = peers[0].ask("copy")["bytes_per_second"] if peers else None
        if peers:
            print(f"{peers[0].about['gpu']}, PyTorch {peers[0].about['torch']}, copy {rate / 1e12:.2f} TB/s")
        measured = {}
        for _ in range(o.rounds):
            for one in (*artifacts, *peers):
                measured.setdefault(one.name, []).append(one.measure())
        show(o, shape, measured, {a.name: a.bytes for a in artifacts}, rate)
        for peer in peers:
            peer.close()
    if skipped:
        print(f"PyTorch's rows are left out: {o.python} has no torch that finds a GPU")


if __name__ == "__main__":
    main()
