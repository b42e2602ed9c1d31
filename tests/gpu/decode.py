#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether any scheme or cache decodes slower on a GPU than on two cores of a CPU. On a machine with a GPU and a build of resq;
standard library only.

  tests/gpu/decode.py --build BUILD [--shape SHAPE.json] [--depth 1024] [--only TEXT] [--work FOLDER]

Compiles the shape of a model (SmolLM2-135M's unless told) with every scheme and every kind of cache of make_suite.py, without
parameters, fills in random ones (fill_params), and times decoding behind `depth` tokens: one program after the other on the GPU,
then each on two cores at the best level of this CPU. Last line: N passed, N failed.
"""
import argparse
import concurrent.futures
import json
import os
import queue
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tools")]
import cpu_levels  # noqa: E402
import make_suite  # noqa: E402

CORES = 2


def cases(only):
    """Name and options of resqc."""
    found = [(scheme, [f"--scheme={scheme}"]) for scheme in make_suite.SCHEMES]
    found.append(("best-w4a8kv4 e4m3", ["--scheme=best-w4a8kv4", "--high=e4m3"]))
    found += [(kv, ["--scheme=best-w4a8kv4", f"--kv={kv}"]) for kv in make_suite.CACHES + make_suite.MORE_CACHES]
    return [case for case in found if only in case[0]]


def run(command, cpus=None):
    done = subprocess.run(command, capture_output=True, text=True,
                          preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def bench(o, program, tokens, *options, cpus=None):
    """Milliseconds a token."""
    out = run([program, "bench", "--json", "--prefill=0", f"--decode={tokens}", f"--depth={o.depth}", "--repeat=3",
               f"--context={o.depth + tokens + 1}", *options], cpus)
    return 1e3 / json.loads(out)["decode"]["median"]


def make(o, index, options):
    base = os.path.join(o.work, f"decode{index}")
    run([os.path.join(o.build, "bin", "resqc"), o.shape, "--params=absent", *options, f"--levels={o.level},cuda", "--threads=2",
         *o.option, "-o", base + ".code"])
    run([os.path.join(o.build, "bin", "fill_params"), base + ".code", base])
    os.remove(base + ".code")
    return base


def on_cores(o, programs):
    """Each program on two cores of its own."""
    cpus = sorted(os.sched_getaffinity(0))
    free = queue.SimpleQueue()
    for i in range(0, len(cpus) - CORES + 1, CORES):
        free.put(set(cpus[i:i + CORES]))
    if free.empty():
        raise SystemExit(f"{CORES} cores are needed")

    def one(program):
        mine = free.get()
        try:
            return bench(o, program, 16, f"--level={o.level}", f"--threads={CORES}", cpus=mine)
        finally:
            free.put(mine)

    with concurrent.futures.ThreadPoolExecutor(len(cpus) // CORES) as pool:
        return list(pool.map(one, programs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="a folder with bin/resqc, bin/fill_params and lib/")
    parser.add_argument("--shape", default=os.path.join(HERE, "shapes", "smollm2-135m.json"))
    parser.add_argument("--depth", type=int, default=1024)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--option", action="append", default=[], help="one more option of resqc, for every program")
    parser.add_argument("--level", default=cpu_levels.levels()[-1], help="of the CPU; the best of this one unless told")
    parser.add_argument("--work", default="gpu-decode", help="a folder for the programs; about 6 GB")
    parser.add_argument("--jobs", type=int, default=max(1, len(os.sched_getaffinity(0)) // 2), help="compiles at a time")
    o = parser.parse_args()
    os.makedirs(o.work, exist_ok=True)
    o.work = os.path.abspath(o.work)
    wanted = cases(o.only)
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        programs = list(pool.map(lambda numbered: make(o, numbered[0], numbered[1][1]), enumerate(wanted)))
    gpu = [bench(o, program, 64, "--device=cuda") for program in programs]
    cpu = on_cores(o, programs)
    print(f"ms a token behind {o.depth}, {os.path.basename(o.shape)}; CPU: {o.level}, {CORES} cores\n\n"
          "| case | cuda | CPU |\n|---|---|---|")
    for (name, _), ours, theirs in zip(wanted, gpu, cpu):
        print(f"| {name} | {ours:.3f} | {theirs:.3f} |" + ("" if ours <= theirs else " slower"))
    failed = sum(ours > theirs for ours, theirs in zip(gpu, cpu))
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return 1 if failed or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
