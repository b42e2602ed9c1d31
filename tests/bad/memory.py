#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes allocations fail, one point after another (tests/tools/fail_allocation.c), in the commands of a compiled tiny model and
in tiny compiles: each run must end with exit status 6, one line of error and no file left, or with status 0 and exactly the
output that it has with all its memory. Ends in "N passed, N failed".

  tests/bad/memory.py --build BUILD                    some points of each command, drawn with a seed: what the tests run
  tests/bad/memory.py --build BUILD --points=0         every point at which one allocation fails, and from which on all do
    --only=WORD    only commands whose name holds the word
    --stacks=64    of the allocations with the same 64 innermost callers only the first
    --anywhere     also allocations inside MLIR and LLVM, where our code did not ask for them

A command runs once for some hundred points: at each it forks a child in which the allocation fails (memory_server.py). Where
there are threads or child processes it cannot, and these points are runs of their own.
"""
import argparse
import concurrent.futures
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

import memory_server

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = ["--width", "32", "--heads", "2", "--kv-heads", "1", "--layers", "1", "--intermediate", "32", "--vocabulary", "260"]

# Code of others that uses an allocation unchecked. Where just this one fails, and there is memory behind it, the process is ended by
# a signal: nothing is written then, and the next compile removes the work folder. docs/reliability.md names them.
UNCHECKED = {"__cxa_thread_atexit_impl": -signal.SIGABRT, "_ZN4mlir9Operation6create": -signal.SIGSEGV,
             "_ZN4mlir6detail12InterfaceMap": -signal.SIGSEGV}


class Command:
    """A command line with OUT for a file that it writes. `weight`: its share of points that are drawn; 0: it takes too long for
    them. `object`: callers that count, as for RESQ_FAIL_IN; in a compile our own code, and what it calls of the C library."""

    def __init__(self, name, words, weight, object=""):
        self.name, self.words, self.weight, self.object = name, words, weight, object


def commands(resqc, folder):
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
    yield Command("compile to passes", [resqc, *short, "--emit=resq", "-o", "OUT"], 4, "bin/resqc:libc.so")
    yield Command("compile to definitions", [resqc, model, "--scheme=none", "--emit=generic", "-o", "OUT"], 2, "bin/resqc:libc.so")
    yield Command("compile", [resqc, model, "--scheme=none", "--levels=generic", "--threads=1", "-o", "OUT"], 1, "bin/resqc:libc.so")
    yield Command("compile, calibrated", [resqc, *short, "--levels=generic", "--calibration-windows=1", "--report=OUT.html",
                                          "-o", "OUT"], 0, "bin/resqc:libc.so")


class Runner:
    def __init__(self, shim, folder, timeout, stacks):
        self.shim, self.folder, self.timeout, self.stacks = shim, folder, timeout, str(stacks)

    def prepare(self, command, place):
        """The words and the environment of a run in an empty folder."""
        os.makedirs(os.path.join(place, "tmp"))
        os.makedirs(os.path.join(place, "out"))
        out = os.path.join(place, "out", "file")
        words = [word.replace("OUT", out) if word.endswith("OUT") or "=OUT" in word else word for word in command.words]
        return words, dict(os.environ, TMPDIR=os.path.join(place, "tmp"), LD_PRELOAD=self.shim, RESQ_FAIL_IN=command.object,
                           RESQ_FAIL_STACKS=self.stacks, RESQ_FAIL_SAY="1",
                           OPENBLAS_NUM_THREADS="1") # its threads would be there from the start

    @staticmethod
    def files(place):
        """What a run wrote."""
        found = {}
        for part in ("tmp", "out"):
            for at, _, names in os.walk(os.path.join(place, part)):
                for name in names:
                    path = os.path.join(at, name)
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, place)] = file.read()
        return found

    def run(self, command, **variables):
        """Status, standard output, what was written and standard error."""
        place = tempfile.mkdtemp(dir=self.folder)
        words, environment = self.prepare(command, place)
        try:
            done = subprocess.run(words, env=dict(environment, **variables), stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return "no end", b"", {}, b""
        files = self.files(place)
        shutil.rmtree(place)
        return done.returncode, done.stdout, files, done.stderr

    def measure(self, command):
        """The right result, and how many allocations there are."""
        count = os.path.join(self.folder, "count")
        if os.path.exists(count):
            os.remove(count)
        status, stdout, files, stderr = self.run(command, RESQ_FAIL_COUNT=count)
        if status:
            sys.exit(f"{command.name}: status {status} with all its memory: {stderr.decode(errors='replace')[:500]}")
        with open(count, "rb") as file:
            return (stdout, files), struct.unpack("q", file.read())[0]

    @staticmethod
    def judge(right, on, status, stdout, files, stderr):
        """What is wrong with a run in which an allocation failed, and those behind it (`on`); None when nothing is."""
        lines = stderr.decode(errors="replace").splitlines()
        where = next((line for line in lines if line.startswith("fail_allocation:")), "")
        said = [line for line in lines if not line.startswith("fail_allocation:")]
        if status == 0:
            return None if (stdout, files) == right else f"another output with status 0 ({where}) {said}"
        if not on and any(f"({name}" in where and status == signal for name, signal in UNCHECKED.items()):
            return None if not any(name.startswith("out/") for name in files) else f"left {sorted(files)} ({where})"
        if status != 6:
            return f"status {status} ({where}) {said}"
        if len([line for line in said if ": error: " in line]) != 1:
            return f"{len(said)} lines of error ({where}) {said}"
        return None if not files else f"left {sorted(files)} ({where})"

    def check(self, command, right, points):
        """What is wrong at each of the points, in ascending order: in children of one run where there can be any, else in runs of
        their own. And how many those are."""
        place, wrong = tempfile.mkdtemp(dir=self.folder), {}

        def result(on, status):
            said = []
            for name in ("stdout", "stderr"):
                with open(os.path.join(place, "said", name), "rb") as file:
                    said.append(file.read())
            return self.judge(right, on, status, said[0], self.files(place), said[1])

        words, environment = self.prepare(command, place)
        cannot, status = memory_server.serve(words, environment, place, points,
                                             lambda point, status: wrong.__setitem__(point, result(point[1], status)))
        end = result(False, status) if status == 0 else f"status {status}"
        if end: # then what the children did counts for nothing
            wrong, cannot = {}, points
            with open(os.path.join(place, "said", "stderr"), errors="replace") as file:
                said = file.read()
            print(f"FAIL: {command.name}: the run that forked at {points[0][0]} to {points[-1][0]}: {end}: {said}"[:900], flush=True)
        shutil.rmtree(place)
        for at, on in cannot:
            variables = {"RESQ_FAIL_AT": str(at), **({"RESQ_FAIL_ON": "1"} if on else {})}
            wrong[at, on] = self.judge(right, on, *self.run(command, **variables))
        return wrong, len(cannot), bool(end)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=float, default=10, help="how many points of each command, times its weight; 0: all")
    parser.add_argument("--only", help="commands whose name holds this")
    parser.add_argument("--anywhere", action="store_true", help="allocations of all callers count, in compiles, too")
    parser.add_argument("--stacks", type=int, default=0, help="points are told apart by so many callers; 0: each is one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="with --points=0: the first point")
    parser.add_argument("--step", type=int, default=1, help="with --points=0: every so many points")
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    folder = tempfile.mkdtemp(prefix="resq-memory-")
    shim = os.path.join(folder, "fail_allocation.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", os.path.join(HERE, "../tools/fail_allocation.c"), "-o", shim], check=True)
    resqc = os.path.join(build, "bin", "resqc")
    model = os.path.join(folder, "tiny.gguf")
    subprocess.run([sys.executable, os.path.join(HERE, "../tools/make_tiny_gguf.py"), model, *TINY], check=True)
    subprocess.run([resqc, model, "-o", os.path.join(folder, "tiny"), "--scheme=none", "--levels=generic"], check=True)
    draw, runner = random.Random(o.seed), Runner(shim, folder, 600, o.stacks)
    passed = failed = 0
    jobs = o.jobs
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for command in commands(resqc, folder):
            if (o.only and o.only not in command.name) or (o.points and not command.weight):
                continue
            if o.anywhere:
                command.object = ""
            right, total = runner.measure(command)
            everything = ((at, on) for at in range(o.first, total + 1, o.step) for on in (False, True))
            points = sorted({(draw.randint(1, total), draw.random() < 0.5) for _ in range(round(o.points * command.weight))}
                            if o.points else everything)
            # A share is a run; more than one, so that there is something to read meanwhile, and for each processor.
            size = max(1, min(-(-len(points) // jobs), 500))
            shares = [points[i:i + size] for i in range(0, len(points), size)]
            bad = alone = 0
            for wrong, cannot, broken in pool.map(lambda share: runner.check(command, right, share), shares):
                alone += cannot
                bad += broken
                for (at, on), what in wrong.items():
                    if what:
                        bad += 1
                        print(f"FAIL: {command.name}: {'from call' if on else 'call'} {at} of {total}: {what}"[:600], flush=True)
            print(f"{command.name}: {len(points)} of {2 * total} points, {alone} of them in runs of their own, {bad} failed", flush=True)
            passed, failed = passed + max(0, len(points) - bad), failed + bad
    shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
