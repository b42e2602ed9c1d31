#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes what suite.py needs on a machine with a GPU, on one with a build of resq. Standard library only.

  tests/gpu/make_suite.py --build BUILD OUT [--ptxas PATH] [--group small|widths|all] [--only TEXT] [--jobs N]

OUT becomes a folder: models of every scheme and every cache and the functions of tests/diff, as libraries of levels generic and
cuda; one executable; damaged ones; suite.py and what it imports. OUT.tar.gz is the same, packed. Models of the group `small`, the
default, have a few kilobytes of weights; those of `widths` have two layers as wide as SmolLM2's, and take the compiler about 20 s of
processor time each (--jobs).
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TESTS, "diff"), os.path.join(TESTS, "tools")]
import cases  # noqa: E402
import run as diff  # noqa: E402

SCHEMES = ["none", "bf16", "rtn-w4a4kv4", "quarot-w4a4kv4", "resq-w4a4kv4", "resq-w4a8kv4", "best-w4a4kv4", "best-w4a8kv4",
           "best-w4a8kv3", "best-w3a8kv4", "w5", "w6", "w8a8"]
# Every kind of code, bits from 2 to 8, every basis, alone and in parts of low and high bits.
CACHES = ["f16", "int4", "keys=int2,values=int3", "keys=int5:basis=hadamard,values=lm4:basis=random", "keys=int6,values=int7",
          "keys=int8,values=int8", "keys=resq:int4:basis=balanced:per=head,values=resq:int4",
          "keys=resq:lm3:basis=balanced,values=resq:lm3:per=layer", "keys=lm1,values=lm2",
          "keys=resq:qjl3:basis=balanced:per=head,values=f16", "keys=qjl:rows=4d:buffer=32,values=f16",
          "keys=resq:qjlg3:basis=balanced:per=head,values=int4"]
# Codes that the small models leave out, and the published form of QJL with its own options.
MORE_CACHES = ["resq", "keys=f32,values=lm3", "keys=lm4,values=int2:basis=hadamard",
               "keys=qjlg:rows=2d:outlier-rows=2d:outliers=8:buffer=128,values=resq:int4:basis=pca"]
SHAPES = {"odd": ["--width", "48", "--heads", "3", "--kv-heads", "1", "--intermediate", "80", "--vocabulary", "389", "--head"],
          "qwen2": ["--architecture", "qwen2", "--head"], "biases": ["--biases", "all", "--head-size", "32"],
          "factors": ["--rope-factors"]}
# SmolLM2-135M's, with two of its 30 layers and 4,096 of its 49,152 tokens.
WIDTHS = ["--width", "576", "--heads", "9", "--kv-heads", "3", "--intermediate", "1536", "--vocabulary", "4096", "--type", "Q8_0"]
GROUPS = ("small", "widths")
# Of fast arithmetic: options, and how far logits may be from level generic's, in norm. Codes that flip carry last-bit differences of floats on.
FAST = {"none fast": (["--scheme=none"], 1e-5), "f16 fast": (["--scheme=none", "--kv=f16"], 1e-5),
        "int4 fast": (["--scheme=none", "--kv=keys=resq:int4:basis=balanced:per=head,values=resq:int4"], 0.05),
        "lm4 fast": (["--scheme=none", "--kv=keys=resq:lm4,values=lm4"], 0.05), "best-w4a8kv4 fast": (["--scheme=best-w4a8kv4"], 0.1)}
OTHER_IMAGE = ("none", "best-w4a8kv4", "float", "cache", "none fast", "best-w4a8kv4 fast")
SANITIZED = ("fast", "none", "best-w4a8kv4", "keys=resq:qjl3:basis=balanced:per=head,values=f16", "quantised")
FILES = ["gpu/suite.py", "gpu/checks.py", "diff/session.py", "diff/cases.py", "diff/run.py", "tools/cpu_levels.py",
         "tools/make_tiny_gguf.py"]


def build(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-3000:]}")


def plan(o):
    """Group, name, options of the checkpoint (None: a module of tests/diff), options of resqc, and how far results may be from level
    generic's, in norm: 0 where the bits are equal."""
    quick = ["--calibration-windows=1", f"--cache={os.path.join(o.work, 'cache')}"]
    for scheme in SCHEMES:
        yield "small", scheme, [], [f"--scheme={scheme}", *quick], 0
        yield "widths", f"widths {scheme}", WIDTHS, [f"--scheme={scheme}", *quick], 0
    e4m3 = ["--scheme=best-w4a8kv4", "--high=e4m3", *quick]
    yield "small", "best-w4a8kv4 e4m3", [], e4m3, 0
    yield "widths", "widths best-w4a8kv4 e4m3", WIDTHS, e4m3, 0
    for kv in CACHES:
        yield "small", kv, [], ["--scheme=none", f"--kv={kv}", *quick], 0
    for kv in CACHES + MORE_CACHES:
        yield "widths", f"widths {kv}", WIDTHS, ["--scheme=w8a8", f"--kv={kv}", *quick], 0
    for shape, options in SHAPES.items():
        for scheme in ("none", "resq-w4a8kv4"):
            yield "small", f"{shape} {scheme}", options, [f"--scheme={scheme}", *quick], 0
    for name, (options, bound) in FAST.items():
        yield "small", name, ["--head-size", "64"], [*options, *quick], bound
        yield "widths", f"widths {name}", WIDTHS, [*options, *quick], bound
    for make in cases.MODULES + cases.FAST_MODULES:
        module = make()
        yield "small", module.name, None, module, 0 if make in cases.MODULES else max(case.bound for case in module.cases)


def make_checkpoints(wanted, o):
    """Each checkpoint once: the file of every shape, by its options."""
    made = {}
    for _, _, shape, *_ in wanted:
        if shape is not None and tuple(shape) not in made:
            file = made[tuple(shape)] = os.path.join(o.work, f"checkpoint{len(made)}.gguf")
            build([sys.executable, os.path.join(TESTS, "tools/make_tiny_gguf.py"), file, *shape])
    return made


def make_library(index, entry, checkpoints, o):
    group, name, shape, options, bound = entry
    file = f"case{index}.so"
    base = os.path.join(o.work, f"case{index}")
    common = ["--levels=generic,cuda", f"--gpu-arithmetic={'fast' if bound else 'exact'}", "--emit=shared",
              "-o", os.path.join(o.out, file), *o.ptxas]
    if shape is None:
        diff.write_checkpoint(options, base + ".gguf")
        with open(base + ".mlir", "w") as text:
            text.write(options.text(os.path.abspath(base) + ".gguf"))
        # Calls longer than the CPU's entries hold; caches of grouped keys have windows that do not allow many rows.
        build([o.resqc, base + ".mlir", "--scheme=none", "--passes=", "--prefill-rows=24", "--decode-rows=4", *common])
    else:
        build([o.resqc, checkpoints[tuple(shape)], *options, *common])
    print(f"{file}: {name}", flush=True)
    return {"name": name, "group": group, "file": file, "kind": "ops" if shape is None else "model",
            "other_image": name in OTHER_IMAGE, "sanitize": name in SANITIZED, "bound": bound}


def make_programs(o):
    """The executable of the command line's checks, and libraries whose PTX is wrong: in its text, and in the threads of a block
    that it says it takes."""
    base = os.path.join(o.work, "model.gguf")
    build([sys.executable, os.path.join(TESTS, "tools/make_tiny_gguf.py"), base])
    options = [base, "--scheme=resq-w4a8kv4", "--calibration-windows=1", "--levels=generic,cuda", "--gpu-arithmetic=exact"]
    build([o.resqc, *options, "-o", os.path.join(o.out, "model")])
    build([o.resqc, *options, "--emit=shared", "-o", os.path.join(o.out, "model.so")])
    with open(os.path.join(o.out, "model.so"), "rb") as file:
        good = file.read()
    for name, old, new in (("damaged.so", b".visible .entry", b".visible .enrty"), ("refused.so", b".maxntid ", b".maxntid 1,1,1 //")):
        bad = good
        if name == "damaged.so":
            bad = good.replace(old, new)
        else:  # one thread is fewer than any launch has
            at = 0
            while (at := bad.find(old, at)) >= 0:
                end = bad.index(b"\n", at)
                bad = bad[:at] + b".maxntid 1".ljust(end - at) + bad[end:]
                at = end
        if bad == good:
            raise SystemExit(f"{name}: the PTX has no '{old.decode()}'")
        with open(os.path.join(o.out, name), "wb") as file:
            file.write(bad)
        build([os.path.join(o.build, "bin", "reseal"), os.path.join(o.out, name)])
    with open(os.path.join(o.out, "text.txt"), "w") as file:
        file.write("".join(f"Line {i} of a text says that {i} times {i} is {i * i}.\n" for i in range(40)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--ptxas", type=lambda path: [f"--ptxas={path}"], default=[], help="puts cubins in front of the PTX")
    parser.add_argument("--group", choices=(*GROUPS, "all"), default="small")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("out")
    o = parser.parse_args()
    o.out, o.work, o.resqc = os.path.abspath(o.out), os.path.abspath(o.out) + ".work", os.path.join(o.build, "bin", "resqc")
    for folder in (o.out, o.work):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    wanted = [entry for entry in plan(o) if o.group in (entry[0], "all") and o.only in entry[1]]
    checkpoints = make_checkpoints(wanted, o)
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        made = list(pool.map(lambda numbered: make_library(*numbered, checkpoints, o), enumerate(wanted)))
    programs = o.group != "widths"
    if programs:
        make_programs(o)
    for file in FILES:
        shutil.copy(os.path.join(TESTS, file), o.out)
    for name in os.listdir(o.out):  # nobody compiles there
        if name.endswith(".h"):
            os.unlink(os.path.join(o.out, name))
    with open(os.path.join(o.out, "suite.json"), "w") as file:
        json.dump({"cases": made, "programs": programs}, file, indent=1)
    shutil.rmtree(o.work)
    with tarfile.open(o.out + ".tar.gz", "w:gz") as tar:
        tar.add(o.out, os.path.basename(o.out))
    print(f"{o.out}.tar.gz: {os.path.getsize(o.out + '.tar.gz') >> 20} MiB, {len(made)} cases")


if __name__ == "__main__":
    main()
