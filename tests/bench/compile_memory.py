#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Time and memory of compiles, stage by stage: of generated models that differ in their number of layers, or of MODELs.

    tests/bench/compile_memory.py                          # Llama-3.2-1B's shape with 4, 8 and 16 layers
    tests/bench/compile_memory.py --calibration=TEXT MODEL.gguf --windows=64

The peaks of stages are what resqc saw of itself; "system" is the kernel's peak of the process, as of /usr/bin/time.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "tools"))
STAGE = re.compile(r"^  (\w+)\s+([\d.]+) s\s+(\d+) MB peak")


def write_text(path, windows):
    """Enough for any tokenizer: 8 bytes a token at most is what these words give."""
    words, rng = sys.modules["make_tiny_gguf"].CORPUS.split(), random.Random(1)
    with open(path, "w") as file:
        for _ in range(windows * 2048 // 8 + 1):
            file.write(" ".join(rng.choice(words) for _ in range(8)) + ".\n")


def compile_model(o, model, text, folder):
    """Stages as (name, seconds, megabytes), and the kernel's peak in megabytes."""
    command = [o.resqc, model, "-o", os.path.join(folder, "out"), "--verbose", f"--scheme={o.scheme}",
               f"--calibration={text}", f"--calibration-windows={o.windows}", "--levels=generic", f"--threads={o.threads}"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        log.seek(0)
        lines = log.read()
    if status:
        sys.exit(f"{' '.join(command)}: {lines.splitlines()[-1] if lines else status}")
    stages = [(m[1], float(m[2]), int(m[3])) for m in map(STAGE.match, lines.splitlines()) if m]
    return stages, usage.ru_maxrss // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="GGUF files; none: generated ones")
    parser.add_argument("--layers", type=int, nargs="+", default=[4, 8, 16], help="of the generated models")
    parser.add_argument("--windows", type=int, default=1, help="of calibration; 1 unless told")
    parser.add_argument("--calibration", help="a text; words of the tests unless told")
    parser.add_argument("--scheme", default="resq-w4a8kv4")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--resqc", default=os.path.join(os.environ.get("RESQ_BUILD", os.path.join(ROOT, "build")), "bin", "resqc"))
    o = parser.parse_args()
    import make_shape_gguf
    with tempfile.TemporaryDirectory(prefix="resq-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        text = o.calibration or os.path.join(folder, "text")
        if not o.calibration:
            write_text(text, o.windows)
        for source in o.models or o.layers:
            model = source
            if not o.models:
                model = os.path.join(folder, "model.gguf")
                make_shape_gguf.write_model(model, layers=source)
            stages, peak = compile_model(o, model, text, folder)
            name = os.path.basename(source) if o.models else f"{source} layers"
            print(f"{name}: {os.path.getsize(model) / 1e6:.0f} MB, {o.windows} windows")
            for stage, seconds, megabytes in stages + [("system", None, peak)]:
                print(f"  {stage:12} {'' if seconds is None else f'{seconds:8.1f} s':10} {megabytes:6} MB", flush=True)


if __name__ == "__main__":
    main()
