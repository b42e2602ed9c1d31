#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes allocations fail, one point after another (tests/tools/fail_allocation.c), in the commands of a compiled tiny model and
in tiny compiles: each run must end with exit status 6, one line of error and no file left, or with status 0 and exactly the
output that it has with all its memory. Ends in "N passed, N failed".

  tests/bad/memory.py --build BUILD                    a few points per command, drawn with a seed: what the tests run
  tests/bad/memory.py --build BUILD --points=0         every point at which one allocation fails, and from which on all do
  tests/bad/memory.py --build BUILD --points=0 --only=compile --anywhere    also allocations inside MLIR and LLVM (days)
"""
import argparse
import concurrent.futures
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = ["--width", "32", "--heads", "2", "--kv-heads", "1", "--layers", "1", "--intermediate", "32", "--vocabulary", "260"]


class Command:
    """A command line with OUT for a file that it writes. `weight`: its share of points that are drawn; 0: it takes too long for
    them. `object`: callers that count ("" for all)."""

    def __init__(self, name, words, weight, object=""):
        self.name, self.words, self.weight, self.object = name, words, weight, object


def commands(resqc, opt, folder):
    model, binary = os.path.join(folder, "tiny.gguf"), os.path.join(folder, "tiny")
    yield Command("generate", [binary, "generate", "-p", "Hello", "-n", "4", "-t", "2"], 4)
    yield Command("generate, sampled", [binary, "generate", "--raw", "-p", "Hello", "-n", "4", "-t", "1", "--temperature=1"], 2)
    yield Command("tokenize", [binary, "tokenize", "-p", "a b  cd"], 4)
    yield Command("tokenize to a file", [binary, "tokenize", model, "-o", "OUT"], 2)
    yield Command("info", [binary, "info"], 4)
    yield Command("info --json", [binary, "info", "--json"], 4)
    yield Command("logits", [binary, "logits", "-p", "abc", "-t", "1"], 4)
    yield Command("logits to a file", [binary, "logits", "-p", "abc", "-t", "1", "--all", "-o", "OUT"], 2)
    short = [model, "--scheme=resq-w4a4kv4", "--threads=1"]
    yield Command("compile to passes", [resqc, *short, "--emit=resq", "-o", "OUT"], 4, "bin/resqc")
    yield Command("compile to definitions", [resqc, model, "--scheme=none", "--emit=generic", "-o", "OUT"], 2, "bin/resqc")
    yield Command("compile", [resqc, model, "--scheme=none", "--levels=generic", "--threads=1", "-o", "OUT"], 2, "bin/resqc")
    yield Command("compile, calibrated", [resqc, *short, "--levels=generic", "--calibration-windows=1", "--report=OUT.html",
                                          "-o", "OUT"], 0, "bin/resqc")


class Runner:
    def __init__(self, shim, folder, timeout):
        self.shim, self.folder, self.timeout = shim, folder, timeout

    def run(self, command, place, **variables):
        """Status, standard output, what was written and standard error."""
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(os.path.join(place, "tmp"))
        os.makedirs(os.path.join(place, "out"))
        out = os.path.join(place, "out", "file")
        environment = dict(os.environ, TMPDIR=os.path.join(place, "tmp"), LD_PRELOAD=self.shim, RESQ_FAIL_IN=command.object, **variables)
        words = [word.replace("OUT", out) if word.endswith("OUT") or "=OUT" in word else word for word in command.words]
        try:
            done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return "no end", b"", {}, b""
        files = {}
        for at, _, names in os.walk(place):
            for name in names:
                path = os.path.join(at, name)
                with open(path, "rb") as file:
                    files[os.path.relpath(path, place)] = file.read()
        return done.returncode, done.stdout, files, done.stderr

    def measure(self, command):
        """The right result, and how many allocations there are."""
        count, place = os.path.join(self.folder, "count"), os.path.join(self.folder, "whole")
        if os.path.exists(count):
            os.remove(count)
        status, stdout, files, stderr = self.run(command, place, RESQ_FAIL_COUNT=count)
        if status:
            sys.exit(f"{command.name}: status {status} with all its memory: {stderr.decode(errors='replace')[:500]}")
        with open(count, "rb") as file:
            return (stdout, files), struct.unpack("q", file.read())[0]

    def check(self, command, right, point, on):
        """What is wrong at one point; None when nothing is."""
        place = tempfile.mkdtemp(dir=self.folder)
        variables = {"RESQ_FAIL_AT": str(point), "RESQ_FAIL_SAY": "1", **({"RESQ_FAIL_ON": "1"} if on else {})}
        status, stdout, files, stderr = self.run(command, place, **variables)
        shutil.rmtree(place)
        lines = stderr.decode(errors="replace").splitlines()
        where = next((line for line in lines if line.startswith("fail_allocation:")), "")
        said = [line for line in lines if not line.startswith("fail_allocation:")]
        if status == 0:
            return None if (stdout, files) == right else f"another output with status 0 ({where}) {said}"
        if status != 6:
            return f"status {status} ({where}) {said}"
        if len([line for line in said if ": error: " in line]) != 1:
            return f"{len(said)} lines of error ({where}) {said}"
        return None if not files else f"left {sorted(files)} ({where})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=float, default=1, help="how many points of each command, times its weight; 0: all")
    parser.add_argument("--only", help="commands whose name holds this")
    parser.add_argument("--anywhere", action="store_true", help="allocations of all callers count, in compiles, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="with --points=0: the first point")
    parser.add_argument("--step", type=int, default=1, help="with --points=0: every so many points")
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    folder = tempfile.mkdtemp(prefix="resq-memory-")
    shim = os.path.join(folder, "fail_allocation.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", os.path.join(HERE, "../tools/fail_allocation.c"), "-o", shim], check=True)
    resqc, opt = (os.path.join(build, "bin", name) for name in ("resqc", "resq-opt"))
    model = os.path.join(folder, "tiny.gguf")
    subprocess.run([sys.executable, os.path.join(HERE, "../tools/make_tiny_gguf.py"), model, *TINY], check=True)
    subprocess.run([resqc, model, "-o", os.path.join(folder, "tiny"), "--scheme=none", "--levels=generic"], check=True)
    draw, runner = random.Random(o.seed), Runner(shim, folder, 600)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for command in commands(resqc, opt, folder):
            if (o.only and o.only not in command.name) or (o.points and not command.weight):
                continue
            if o.anywhere:
                command.object = ""
            right, total = runner.measure(command)
            if o.points:
                wanted = max(1, round(o.points * command.weight))
                points = [(draw.randint(1, total), draw.random() < 0.5) for _ in range(wanted)]
            else:
                points = [(i, on) for i in range(o.first, total + 1, o.step) for on in (False, True)]
            bad = 0
            for (point, on), wrong in zip(points, pool.map(lambda p: runner.check(command, right, *p), points)):
                if wrong:
                    bad += 1
                    print(f"FAIL: {command.name}: {'from call' if on else 'call'} {point} of {total}: {wrong}"[:600], flush=True)
            print(f"{command.name}: {len(points)} of {2 * total} points, {bad} failed", flush=True)
            passed, failed = passed + len(points) - bad, failed + bad
    shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
