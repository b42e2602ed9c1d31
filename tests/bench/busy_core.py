#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of a compiled model while another process spins on one processor, and what that costs when none does.

    tests/bench/busy_core.py NEW [--old OLD] [--rounds 9]

Every round measures the same things one after the other, so that a slow minute of the machine hits all of them:

    idle   old, new, old once more       (without --old: new, and new once more)
    busy   old, new, and new with one thread pinned to --cpu, beside a process that spins pinned to --neighbor

`old` is the same model compiled before a change. Printed are medians over the rounds, the extremes, and ratios of
medians: what the pool reaches beside one thread (wanted: 0.8 for decoding, 0.9 for prompts), and what the change costs
on an idle machine, next to how far the old binary differs from itself in the same run. Run it on an idle machine.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

KINDS = ("prefill", "decode")


def bench(binary, options, more=(), cpu=None):
    command = [binary, "bench", "--json", f"--prefill={options.prefill}", f"--decode={options.decode}",
               f"--repeat={options.repeat}", *more]
    pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=pin).stdout)
    return {kind: result[kind]["median"] for kind in KINDS}


class Neighbor:
    """A process that spins on one processor."""

    def __init__(self, cpu):
        self.cpu = cpu

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                        preexec_fn=lambda: os.sched_setaffinity(0, {self.cpu}))

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def measure(options):
    threads = [f"--threads={options.threads}"]
    first = options.old or options.new
    rows = {}

    def take(name, binary, more=(), cpu=None):
        rows.setdefault(name, []).append(bench(binary, options, more, cpu))

    for i in range(options.rounds):
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr)
        take("idle, old", first, threads)
        if options.old:
            take("idle, new", options.new, threads)
        take("idle, old again", first, threads)
        with Neighbor(options.neighbor):
            if options.old:
                take("busy, old", options.old, threads)
            take("busy, new", options.new, threads)
            take("busy, one thread", options.new, ["--threads=1"], options.cpu)
    return rows


def report(rows, options):
    name = (lambda text: text) if options.old else (lambda text: text.replace("old", "new"))
    median = {row: {kind: statistics.median(run[kind] for run in runs) for kind in KINDS} for row, runs in rows.items()}
    print(f"prompt of {options.prefill}, {options.decode} decoded tokens, {options.threads} threads, "
          f"medians of {options.rounds} rounds (least, most), tokens/s")
    for row, runs in rows.items():
        cells = [f"{kind} {median[row][kind]:8.1f} ({min(r[kind] for r in runs):.1f}, {max(r[kind] for r in runs):.1f})"
                 for kind in KINDS]
        print(f"  {name(row):18} " + "   ".join(cells))
    print("ratios of medians: prefill, decode")
    pairs = [("busy, new", "busy, one thread", "wanted: 0.90, 0.80"), ("busy, old", "busy, one thread", "before"),
             ("idle, new", "idle, old", "the change"), ("idle, old again", "idle, old", "the same binary twice")]
    for a, b, why in pairs:
        if a in median:
            ratios = ", ".join(f"{median[a][kind] / median[b][kind]:.3f}" for kind in KINDS)
            print(f"  {name(a)} / {name(b)}: {ratios}   ({why})")
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"rows": rows, "medians": median}, f, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new", help="the compiled model")
    parser.add_argument("--old", help="the same model compiled before the change")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each measurement, of which bench takes the median")
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu", type=int, default=0, help="where the one thread runs")
    parser.add_argument("--neighbor", type=int, default=1, help="the processor that the other process takes")
    parser.add_argument("--json", metavar="FILE", help="every single figure")
    options = parser.parse_args()
    options.new, options.old = (os.path.abspath(p) if p else None for p in (options.new, options.old))
    report(measure(options), options)


if __name__ == "__main__":
    main()
