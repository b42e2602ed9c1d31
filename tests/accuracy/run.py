#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures the accuracy of compiled models and writes docs/accuracy-results.md and docs/accuracy.svg.

usage: tests/accuracy/run.py [--build build] [--only REGEX] [--seeds 1,2,3] [--threads N] [--check] [--list]

Every row of rows.py is compiled with resqc and measured with the binary's own `perplexity`: the integer kernels, not a simulation.
Results are kept in BUILD/accuracy/results.json as they come: a stopped run resumes, and what stands there is not measured again
(delete the file, or --again REGEX). Hours on two cores for everything. --check only judges what was measured: exit 1 where a bar is missed,
and the last line says `N passed, N failed`.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from rows import MODELS, ROWS  # noqa: E402
import table  # noqa: E402


def checkpoint(model):
    """The path of a model, fetched when it is not at hand."""
    path = os.environ.get(model.variable)
    if path:
        return path
    out = subprocess.run([os.path.join(ROOT, "tools/dev/fetch_model.sh"), *model.fetch], check=True, stdout=subprocess.PIPE)
    return out.stdout.decode().strip().splitlines()[-1]


def commit():
    out = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return out.stdout.decode().strip() or "unknown"


class Measuring:
    def __init__(self, args):
        self.build, self.data, self.threads = os.path.abspath(args.build), os.path.abspath(args.data), args.threads
        self.work = args.work or os.path.join(self.build, "accuracy")
        os.makedirs(self.work, exist_ok=True)
        self.file = os.path.join(self.work, "results.json")
        self.results = json.load(open(self.file)) if os.path.exists(self.file) else {}

    def save(self):
        with open(self.file + ".tmp", "w") as out:
            json.dump(self.results, out, indent=1, sort_keys=True)
        os.replace(self.file + ".tmp", self.file)

    def resqc(self, model, *options):
        command = [os.path.join(self.build, "bin/resqc"), checkpoint(model), f"--threads={self.threads}", *options]
        started = time.monotonic()
        subprocess.run(command, check=True)
        return time.monotonic() - started

    def statistics(self, name):
        """Calibration of a model, once for all its rows."""
        model = MODELS[name]
        path = os.path.join(self.work, name + ".statistics")
        if not os.path.exists(path):
            self.resqc(model, "--calibrate-only", "--statistics=" + path,
                       "--calibration=" + os.path.join(self.data, "wikitext2-valid.txt"),
                       f"--calibration-windows={model.calibration_windows}")
        return path

    def measure(self, row, seed):
        key = f"{row.key}/{seed}"
        if key in self.results:
            return
        binary = os.path.join(self.work, "model")
        options = ["-o", binary, *row.options, f"--seed={seed}", "--cache=" + os.path.join(self.work, "cache")]
        if row.calibrated:
            options.append("--statistics=" + self.statistics(row.model))
        print(f"== {key}: resqc {' '.join(options)}", flush=True)
        seconds = self.resqc(MODELS[row.model], *options)
        text = os.path.join(self.data, "wikitext2-test.txt")
        found = json.loads(subprocess.run([binary, "perplexity", text, "--json", "--windows", str(row.windows),
                                           "--threads", str(self.threads)], check=True, stdout=subprocess.PIPE).stdout)
        info = json.loads(subprocess.run([binary, "info", "--json"], check=True, stdout=subprocess.PIPE).stdout)
        self.results[key] = {"perplexity": found["perplexity"]["mean"], "error": found["perplexity"]["window_error"],
                             "windows": found["windows"],
                             "compile_seconds": round(seconds, 1), "params": info["params"], "cache": info["cache"],
                             "file_bytes": info["file_bytes"], "commit": commit()}
        self.save()
        print(f"   perplexity {found['perplexity']['mean']:.4f} ({found['windows']} windows)", flush=True)
        os.remove(binary)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--data", default=os.environ.get("RESQ_DATA", os.path.join(ROOT, "../shared/data")))
    parser.add_argument("--work", help="where results, statistics and the cache stay (default: BUILD/accuracy)")
    parser.add_argument("--only", default="", help="rows whose key matches (model/section/name)")
    parser.add_argument("--again", help="forget what was measured of rows that match")
    parser.add_argument("--seeds", help="of those that rows have, these only")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--check", action="store_true", help="judge, measure nothing")
    parser.add_argument("--list", action="store_true", help="the rows, and what is measured")
    args = parser.parse_args()
    if not os.path.exists(os.path.join(args.data, "wikitext2-test.txt")):
        print(f"SKIP: no {args.data}/wikitext2-test.txt: the figures are of that text\n1 passed, 0 failed")
        return 0
    m = Measuring(args)
    rows = [r for r in ROWS if re.search(args.only, r.key)]
    seeds = [int(s) for s in args.seeds.split(",")] if args.seeds else None
    if args.again:
        m.results = {k: v for k, v in m.results.items() if not re.search(args.again, k)}
        m.save()
    if args.list:
        for r in rows:
            done = [s for s in r.seeds if f"{r.key}/{s}" in m.results]
            print(f"{r.key}: seeds {r.seeds}, measured {done}")
        return 0
    if not args.check:
        # Seed by seed, so that a stopped run has something of every row.
        for seed in sorted({s for r in rows for s in r.seeds if not seeds or s in seeds}):
            for row in rows:
                if seed in row.seeds:
                    m.measure(row, seed)
        table.write(m.results, os.path.join(ROOT, "docs"))
    passed, failed = table.judge(rows, m.results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
