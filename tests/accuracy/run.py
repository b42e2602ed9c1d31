#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures the accuracy of compiled models and writes docs/accuracy-results.md and docs/accuracy.svg.

usage: tests/accuracy/run.py [--build build] [--only REGEX] [--seeds 1,2,3] [--threads N] [--check] [--list]

Every row of rows.py is compiled with resqc and measured with the binary's own `perplexity`: the integer kernels, not a simulation. Rows of
the section peers are llama.cpp's files, measured by llama.cpp on the same tokens (tools/dev/llama_cpp.sh builds it; left out without it).
Results are kept in BUILD/accuracy/results.json as they come: a stopped run resumes, and what stands there is not measured again
(delete the file, or --again REGEX). Hours on two cores for everything: --published takes what docs/accuracy-results.json has and
measures only the rest. --check only judges what was measured: exit 1 where a bar is missed,
and the last line says `N passed, N failed`, with `, N skipped` where the text of the figures is missing or a row was not measured.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOCS = os.path.join(ROOT, "docs")
sys.path.insert(0, HERE)
from rows import MODELS, ROWS, Peer  # noqa: E402
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


def llama_cpp():
    """A Python that has llama-cpp-python; None, with a word, where there is none: building one takes minutes and is left to the user."""
    script = os.path.join(ROOT, "tools/dev/llama_cpp.sh")
    out = subprocess.run([script, "--find"], stdout=subprocess.PIPE)
    if out.returncode == 0:
        return out.stdout.decode().strip()
    print("SKIP: no llama-cpp-python, which measures its own files (section peers): `tools/dev/llama_cpp.sh` builds it, some minutes; "
          "then run this again", flush=True)
    return None


def divergence(found):
    """What `perplexity --reference --json` says of two models' predictions of the same windows."""
    of = found["reference"]
    return {"windows": found["windows"], "perplexity": found["perplexity"]["mean"], "reference": of["perplexity"]["mean"],
            "kl": of["divergence"], "agreement": of["agreement"], "excess": of["excess_loss"], "commit": commit()}


class Measuring:
    def __init__(self, args):
        self.build, self.data, self.threads = os.path.abspath(args.build), os.path.abspath(args.data), args.threads
        self.work = args.work or os.path.join(self.build, "accuracy")
        os.makedirs(self.work, exist_ok=True)
        self.text = os.path.join(self.data, "wikitext2-test.txt")
        self.file = os.path.join(self.work, "results.json")
        self.results = json.load(open(self.file)) if os.path.exists(self.file) else {}
        if args.published:
            self.results = table.published(DOCS) | self.results
        self.llama_cpp = "?"  # not looked for yet

    def save(self):
        with open(self.file + ".tmp", "w") as out:
            json.dump(self.results, out, indent=1, sort_keys=True)
        os.replace(self.file + ".tmp", self.file)

    #===-- What is made once and kept --------------------------------------===#

    def resqc(self, model, *options):
        command = [os.path.join(self.build, "bin/resqc"), checkpoint(model), f"--threads={self.threads}", *options]
        started = time.monotonic()
        subprocess.run(command, check=True)
        return time.monotonic() - started

    def kept(self, name, make):
        """The path of a file of the work folder; make(path) writes one that isn't there."""
        path = os.path.join(self.work, name)
        if not os.path.exists(path):
            make(path + ".tmp")
            os.replace(path + ".tmp", path)
        return path

    def statistics(self, name, sampled_seed):
        """Calibration of a model, once for all its rows: of the validation text, or (not None) of text sampled from it with a seed."""
        model = MODELS[name]
        if sampled_seed is None:
            file, text = f"{name}.statistics", ["--calibration=" + os.path.join(self.data, "wikitext2-valid.txt"),
                                                f"--calibration-windows={model.calibration_windows}"]
        else:
            file, text = f"{name}-sampled-{sampled_seed}.statistics", [f"--seed={sampled_seed}"]
        return self.kept(file, lambda path: self.resqc(model, "--calibrate-only", "--statistics=" + path, *text))

    def reference(self, name):
        """The unquantised model of a checkpoint, compiled."""
        return self.kept(name + "-none", lambda path: self.resqc(MODELS[name], "--scheme=none", "-o", path))

    def ids(self, name):
        """The test text as our tokenizer has it."""
        return self.kept(name + "-test.ids", lambda path: subprocess.run(
            [self.reference(name), "tokenize", self.text, "-o", path], check=True))

    def peer_python(self):
        if self.llama_cpp == "?":
            self.llama_cpp = llama_cpp()
        return self.llama_cpp

    #===-- A row -----------------------------------------------------------===#

    def perplexity(self, binary, windows, *more):
        return json.loads(subprocess.run([binary, "perplexity", self.text, "--json", "--windows", str(windows),
                                          "--threads", str(self.threads), *more], check=True, stdout=subprocess.PIPE).stdout)

    def whole(self, binary, windows):
        found = self.perplexity(binary, windows)
        info = json.loads(subprocess.run([binary, "info", "--json"], check=True, stdout=subprocess.PIPE).stdout)
        print(f"   perplexity {found['perplexity']['mean']:.4f} ({found['windows']} windows)", flush=True)
        return {"perplexity": found["perplexity"]["mean"], "error": found["perplexity"]["window_error"], "windows": found["windows"],
                "window_losses": [round(loss, 6) for loss in found["loss"]["windows"]], "params": info["params"], "cache": info["cache"],
                "file_bytes": info["file_bytes"], "commit": commit()}

    def compared(self, binary, name, windows):
        found = divergence(self.perplexity(binary, windows, "--reference=" + self.reference(name)))
        print(f"   KL divergence {found['kl']['mean']:.4f}, agreement {found['agreement']['mean']:.4f} ({found['windows']} windows)",
              flush=True)
        return found

    def of_more_windows(self, row, seed):
        """The row's figures, where the same binary has been measured over more windows of the text; else None."""
        for other in ROWS:
            entry = self.results.get(f"{other.key}/{seed}", {})
            losses = entry.get("window_losses", [])[:row.windows]
            if not isinstance(other, Peer) and losses and len(losses) == row.windows and other.binary == row.binary:
                perplexity = math.exp(statistics.mean(losses))
                error = perplexity * statistics.stdev(losses) / math.sqrt(len(losses)) if len(losses) > 1 else None
                return {k: v for k, v in entry.items() if k != "divergence"} | {
                    "perplexity": perplexity, "error": error, "windows": len(losses), "window_losses": losses}
        return None

    def measure(self, row, seed):
        """What the row's entry doesn't hold yet: perplexity, and of the first seed the divergence."""
        key = f"{row.key}/{seed}"
        entry = dict(self.results.get(key, {}))
        diverges = row.kl_windows and seed == row.seeds[0] and "divergence" not in entry
        if "perplexity" not in entry and (found := self.of_more_windows(row, seed)):
            entry = self.results[key] = found
            self.save()
        if "perplexity" in entry and not diverges:
            return
        binary = os.path.join(self.work, "model")
        options = ["-o", binary, *(o.replace("$seed", str(seed)) for o in row.options), f"--seed={seed}",
                   "--cache=" + os.path.join(self.work, "cache")]
        if row.calibrated:
            options.append("--statistics=" + self.statistics(row.model, seed if row.sampled else None))
        print(f"== {key}: resqc {' '.join(options)}", flush=True)
        seconds = self.resqc(MODELS[row.model], *options)
        if "perplexity" not in entry:
            entry.update(self.whole(binary, row.windows), compile_seconds=round(seconds, 1))
            self.results[key] = entry
            self.save()
        if diverges:
            self.results[key] = dict(entry, divergence=self.compared(binary, row.model, row.kl_windows))
            self.save()
        os.remove(binary)

    def measure_peer(self, row, seed):
        """llama.cpp's own quantiser and its own forward pass, on our token ids; the reference is our unquantised binary."""
        key = f"{row.key}/{seed}"
        if key in self.results or not self.peer_python():
            return
        file = os.path.join(self.work, "peer.gguf")
        print(f"== {key}: llama.cpp {row.kind}", flush=True)
        started = time.monotonic()
        subprocess.run([self.peer_python(), os.path.join(ROOT, "tests/bench/llama_cpp_worker.py"), checkpoint(MODELS[row.model]),
                        "--quantize", row.kind, "-o", file], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        found = json.loads(subprocess.run(
            [self.peer_python(), os.path.join(HERE, "llama_cpp_perplexity.py"), file, "--ids", self.ids(row.model), "--reference",
             self.reference(row.model), "--windows", str(row.windows), "--threads", str(self.threads)],
            check=True, stdout=subprocess.PIPE).stdout)
        self.results[key] = {"perplexity": found["perplexity"]["mean"], "error": found["perplexity"]["window_error"],
                             "windows": found["windows"], "params": found["params"], "cache": found["cache"],
                             "file_bytes": found["file_bytes"], "compile_seconds": round(seconds, 1), "commit": commit(),
                             "version": found["version"], "divergence": divergence(found)}
        self.save()
        print(f"   perplexity {found['perplexity']['mean']:.4f}, KL divergence {found['reference']['divergence']['mean']:.4f} "
              f"({found['windows']} windows)", flush=True)
        os.remove(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--data", default=os.environ.get("RESQ_DATA", os.path.join(ROOT, "../shared/data")))
    parser.add_argument("--work", help="where results, statistics and the cache stay (default: BUILD/accuracy)")
    parser.add_argument("--only", default="", help="rows whose key matches (model/section/name)")
    parser.add_argument("--published", action="store_true", help="begin with the results in docs/")
    parser.add_argument("--again", help="forget what was measured of rows that match")
    parser.add_argument("--seeds", help="of those that rows have, these only")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--check", action="store_true", help="judge, measure nothing")
    parser.add_argument("--list", action="store_true", help="the rows, and what is measured")
    args = parser.parse_args()
    if not os.path.exists(os.path.join(args.data, "wikitext2-test.txt")):
        print(f"SKIP: accuracy: there is no {args.data}/wikitext2-test.txt, and the figures are of that text\n"
              "0 passed, 0 failed, 1 skipped")
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
                    (m.measure_peer if isinstance(row, Peer) else m.measure)(row, seed)
        table.write(m.results, DOCS)
    passed, failed, skipped = table.judge(rows, m.results)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
