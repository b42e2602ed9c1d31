#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether a model is as accurate on a GPU as on a CPU. On a machine with a GPU and a build of resq; standard library only.

  tests/gpu/accuracy.py --build BUILD --model FILE.gguf --text FILE [--calibration FILE] [--reference FILE.json] [--work FOLDER]

Compiles the checkpoint in several ways (--list names them; --only chooses), at two levels of this CPU and at level cuda, and compares
the predictions for the text's first windows (--windows, 20 unless told):

  loss    cuda's loss less the CPU's, prediction by prediction: at most 3 standard errors over windows
  KL      of cuda to the unquantised model: within 5% of the CPU's
  levels  KL of cuda to the CPU: at most 1.2 times that of the second level of the CPU to the first

Differences below FLOOR count as none: levels of an unquantised model differ by roundings alone. --reference is a file of
make_reference.py: the unquantised model's greedy texts on the GPU must be those in it. Calibration takes few windows unless told
(--calibration-windows=8), since devices are compared here and not schemes.

What is made and measured is kept in the work folder, and a stopped run resumes; --seconds=N begins nothing after N seconds. Last
line: N passed, N failed.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "tools"))
import cpu_levels  # noqa: E402

MODELS = {"none": ["--scheme=none"], "best-w4a8kv4": ["--scheme=best-w4a8kv4"], "resq-w4a4kv4": ["--scheme=resq-w4a4kv4"],
          "best-w4a8kv3": ["--scheme=best-w4a8kv3"], "w8a8": ["--scheme=w8a8"],
          "qjl": ["--scheme=best-w4a8kv4", "--kv=keys=resq:qjl3:basis=balanced:per=head,values=resq:int4"],
          "e4m3": ["--scheme=best-w4a8kv4", "--high=e4m3"]}
UNCALIBRATED = ("none", "w8a8")
FLOOR = 1e-5  # nats
ERRORS, SHARE, RATIO = 3, 0.05, 1.2


class OutOfTime(Exception):
    pass


class Comparison:
    def __init__(self, o):
        self.o, self.start, self.held = o, time.monotonic(), []
        self.near, self.far = o.cpu_levels
        self.file = os.path.join(o.work, "accuracy.json")
        self.found = {}
        if os.path.exists(self.file):
            with open(self.file) as file:
                self.found = json.load(file)

    def seconds(self):
        return time.monotonic() - self.start

    def in_time(self):
        if self.o.seconds and self.seconds() > self.o.seconds:
            raise OutOfTime

    def path(self, name):
        return os.path.join(self.o.work, name)

    def run(self, command, **variables):
        self.in_time()
        begin = self.seconds()
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr[-2000:]}")
        print(f"{self.seconds():6.1f} s, {self.seconds() - begin:5.1f} of them: {' '.join(command)[:150]}",
              file=sys.stderr, flush=True)
        return done.stdout

    #===-- Made once ---------------------------------------------------------===#

    def resqc(self, out, threads, options):
        """A file of the work folder, which appears when it is whole."""
        if os.path.exists(self.path(out)):
            return
        made = [option.replace("@OUT", self.path(out) + ".new") for option in options]
        self.run([os.path.join(self.o.build, "bin", "resqc"), self.o.model, f"--threads={threads}", *made])
        os.replace(self.path(out) + ".new", self.path(out))

    def calibrate(self):
        text = [f"--calibration={self.o.calibration}"] if self.o.calibration else []
        self.resqc("statistics", self.o.threads,
                   ["--calibrate-only", "--statistics=@OUT", f"--calibration-windows={self.o.calibration_windows}", *text])

    def compile(self, name):
        more = [] if name in UNCALIBRATED else ["--statistics=" + self.path("statistics")]
        self.resqc(name, max(1, self.o.threads // self.o.jobs),
                   ["-o", "@OUT", *MODELS[name], *more, f"--levels={self.far},{self.near},cuda", *self.o.option])

    #===-- Measured once -----------------------------------------------------===#

    def compare(self, key, binary, level, reference, reference_level):
        """What `perplexity --reference` says of two models' predictions."""
        if key not in self.found:
            device = "cuda" if reference_level == "cuda" else "cpu"
            out = self.run([self.path(binary), "perplexity", self.o.text, "--json", f"--windows={self.o.windows}",
                            f"--threads={self.o.threads}", f"--level={level}", f"--reference={self.path(reference)}",
                            f"--reference-device={device}"], RESQ_LEVEL=reference_level)
            self.found[key] = json.loads(out)
            with open(self.file + ".new", "w") as file:
                json.dump(self.found, file, indent=1)
            os.replace(self.file + ".new", self.file)
        return self.found[key]["reference"]

    def measure(self, name):
        """A line of the table."""
        kl = {}
        cuda = self.compare(f"{name}: cuda, {self.near}", name, "cuda", name, self.near)
        kl["levels"] = self.compare(f"{name}: {self.far}, {self.near}", name, self.far, name, self.near)["divergence"]["mean"]
        if name != "none":
            for level in ("cuda", self.near):
                kl[level] = self.compare(f"{name}: {level}, none", name, level, "none", "cuda")["divergence"]["mean"]
        loss, error = cuda["excess_loss"]["mean"], cuda["excess_loss"]["window_error"]
        kl["devices"] = cuda["divergence"]["mean"]
        holds = {"loss": abs(loss) <= max(ERRORS * error, FLOOR), "levels": kl["devices"] <= max(RATIO * kl["levels"], FLOOR)}
        both = ""
        if name != "none":
            holds["KL"] = abs(kl["cuda"] - kl[self.near]) <= max(SHARE * kl[self.near], FLOOR)
            both = f"{kl['cuda']:.5f}, {kl[self.near]:.5f}"
        perplexity = self.found[f"{name}: cuda, {self.near}"]["perplexity"]["mean"]
        bad = ", ".join(what for what, held in holds.items() if not held)
        print(f"| {name} | {perplexity:.3f} | {loss:+.6f} ({error:.6f}) | {both} | {kl['devices']:.3g}, {kl['levels']:.3g} | "
              f"{bad or 'held'} |", flush=True)
        self.held += holds.values()

    def greedy(self):
        """Texts of the unquantised model on the GPU, and those of the reference."""
        with open(self.o.reference) as file:
            texts = json.load(file)["greedy"]
        for text in texts:
            out = self.run([self.path("none"), "generate", "--greedy", "--raw", "--ids", "-n", "64", "--device=cuda", "-p",
                            text["prompt"]])
            ids, wanted = list(map(int, re.findall(r"\d+", out))), text["greedy_ids"]
            # The end token ends the text and may be left out of it.
            self.held.append(ids == wanted or ids == wanted[:-1])
            print(f"greedy text of {text['prompt']!r}: {len(wanted)} tokens, {'equal' if self.held[-1] else f'{ids} for {wanted}'}", flush=True)


def work(c, o):
    names = [name for name in MODELS if name in o.only]
    if any(name not in UNCALIBRATED for name in names):
        c.calibrate()
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for made in [pool.submit(c.compile, name) for name in dict.fromkeys(["none", *names])]:
            made.result()
    if o.reference:
        c.greedy()
    print(f"\n{os.path.basename(o.model)}, {o.windows} windows; CPU: {c.near}, second level {c.far}; nats\n\n"
          "| model | perplexity | loss, cuda - CPU (error) | KL to none: cuda, CPU | KL to the CPU: cuda, second level | |\n"
          "|---|---|---|---|---|---|", flush=True)
    for name in names:
        c.measure(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="a folder with bin/resqc and lib/")
    parser.add_argument("--model", help="a checkpoint")
    parser.add_argument("--text", help="what is predicted")
    parser.add_argument("--calibration", help="text to calibrate on; sampled from the model unless told")
    parser.add_argument("--calibration-windows", type=int, default=8)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--reference", help="a file of make_reference.py with the greedy texts")
    parser.add_argument("--cpu-levels", type=lambda names: names.split(","), default=cpu_levels.levels()[:-3:-1],
                        help="the level that cuda is compared with, and another one; the two best of this CPU unless told")
    parser.add_argument("--option", action="append", default=[], help="one more option of resqc, for every model")
    parser.add_argument("--only", type=lambda names: names.split(","), default=list(MODELS))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--work", default="gpu-accuracy", help="a folder for what is made; about 2 GB")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--jobs", type=int, default=3, help="compiles at a time")
    parser.add_argument("--seconds", type=float, default=0)
    o = parser.parse_args()
    if o.list:
        return print("\n".join(f"{name}: {' '.join(options)}" for name, options in MODELS.items()))
    if not o.model or not o.text:
        parser.error("--model and --text are needed")
    if len(o.cpu_levels) != 2:
        parser.error("two levels of the CPU are compared (--cpu-levels)")
    if unknown := set(o.only) - set(MODELS):
        parser.error(f"--only={','.join(sorted(unknown))}: allowed: {', '.join(MODELS)}")
    o.work = os.path.abspath(o.work)
    os.makedirs(o.work, exist_ok=True)
    c, late = Comparison(o), ""
    try:
        work(c, o)
    except OutOfTime:
        late = f"; not whole after {o.seconds:.0f} s: run it again to go on"
    print(f"{sum(c.held)} passed, {len(c.held) - sum(c.held)} failed{late}")
    return 1 if late or not all(c.held) else 0


if __name__ == "__main__":
    sys.exit(main())
