#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares what two builds of resq compile, for changes that must keep behavior: parameter and tokenizer sections byte for byte,
logits of every level that this CPU runs bit for bit, and the instructions of every x86-64 level of kernels. Ends in "N passed, N failed".

  git worktree add ../before COMMIT   # and build it
  tests/tools/compare_builds.py --base ../before/build --build build [--schemes none,w8a8] [--model FILE.gguf] [--kv CODE]

Without --model: tiny llama and qwen2 models, all schemes; half an hour on two cores. With it: no instructions are compared.
"""
import argparse
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import cpu_levels

HERE = pathlib.Path(__file__).resolve().parent
UNCALIBRATED = {"none", "bf16", "rtn-w4a4kv4", "w8a8"}
SECTIONS = {1: "parameters", 2: "tokenizer"}  # resq_section_kind of runtime/exec/artifact.h
passed, failed = 0, 0


def output(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}")
    return done.stdout


def compare(what, values):
    global passed, failed
    same = values[0] == values[1] and bool(values[0])
    passed, failed = passed + same, failed + (not same)
    print(("same: " if same else "DIFFERENT: ") + what, flush=True)


def sections(path):
    """The sections of an artifact, by kind (runtime/exec/artifact.h: a footer of 40 bytes, a table of 32 bytes for each)."""
    data = path.read_bytes()
    _, magic, _, count, table, _ = struct.unpack("<Q8sIIQQ", data[-40:])
    assert magic == b"RESQART1", f"{path} is no artifact"
    rows = [struct.unpack_from("<IIQQQ", data, table + 32 * i) for i in range(count)]
    return {kind: data[offset:offset + size] for kind, _, offset, size, _ in rows}


def instructions(path):
    return output("objdump", "-d", "--no-show-raw-insn", path).split(b"Disassembly", 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=pathlib.Path, required=True, help="the build before the change")
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--schemes", help="separated by commas; default: all of resqc --help")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--kv", help="resqc's --kv")
    options = parser.parse_args()
    builds = [options.base.resolve(), options.build.resolve()]
    listed = output(builds[1] / "bin/resqc", "--help").decode().split("schemes:\n")[1].split("\n\n")[0]
    schemes = options.schemes.split(",") if options.schemes else re.findall(r"^  (\S+)", listed, re.M)
    kernels = [row[0] for row in cpu_levels.rows("RESQ_LEVEL_ROW") if row[1] == "KERNELS" and row[2] == "x86_64"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = [options.model] if options.model else [folder / "llama", folder / "qwen2"]
        for model in [] if options.model else models:
            output(sys.executable, HERE / "make_tiny_gguf.py", model, "--architecture", model.name)
        text, ids = folder / "text", folder / "ids"
        text.write_text((HERE.parents[1] / "docs/design.md").read_text() * 4)
        ids.write_bytes(struct.pack("<48I", *[(i * 37 + 11) % 200 for i in range(48)]))
        for model in models:
            for scheme in schemes:
                words = [model, f"--scheme={scheme}", *([f"--kv={options.kv}"] if options.kv else [])]
                if scheme not in UNCALIBRATED:
                    words += [f"--calibration={text}", "--calibration-windows=1"]
                binaries = [folder / "binary0", folder / "binary1"]
                for build, binary in zip(builds, binaries):
                    output(build / "bin/resqc", *words, "-o", binary, "--levels=" + ",".join(["definition", *kernels]))
                found = [sections(binary) for binary in binaries]
                for kind, word in SECTIONS.items():
                    compare(f"{model.name} {scheme}: {word}", [each.get(kind) for each in found])
                for level in cpu_levels.runnable():
                    logits = []
                    for binary in binaries:
                        output(binary, "logits", "--ids", ids, "--all", "--level", level, "-o", folder / "logits")
                        logits.append((folder / "logits").read_bytes())
                    compare(f"{model.name} {scheme}: logits of {level}", logits)
                for level in [] if options.model else kernels:
                    for build, binary in zip(builds, binaries):
                        output(build / "bin/resqc", *words, "-o", binary, "--emit=obj", f"--levels={level}")
                    compare(f"{model.name} {scheme}: instructions of {level}", [instructions(binary) for binary in binaries])
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
