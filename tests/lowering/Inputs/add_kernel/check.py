#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adds the kernel of this folder to a copy of kernels.def and compiles the kernel, as docs/extending.md shows it; then
breaks the kernel in several ways, each of which must not compile: check.py ROOT FOLDER CLANG"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
root, folder, clang = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(root / "runtime/kernels", folder / "kernels")
table = folder / "kernels/kernels.def"
text = table.read_text()
FLAGS = ["-std=gnu17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", f"-I{folder}",
         f"-I{root}/runtime/include"]


def add_row(row):
    table.write_text(text.replace("\n#undef KERNEL\n", f"\n{row}\n#undef KERNEL\n", 1))


def compile_c(source, *more):
    return subprocess.run([clang, *FLAGS, *more, "-x", "c", "-"], input=source, capture_output=True, text=True)


row, kernel = (HERE / "row.def").read_text(), (HERE / "scale_generic.c").read_text()
add_row(row)
for level in ["generic", "avx2"]:
    done = compile_c(kernel, f"-DRESQ_LEVEL={level}", "-ffreestanding")
    assert done.returncode == 0, done.stderr

WRONG = [
    ("an argument dropped", row, kernel.replace("int64_t width, float factor", "int64_t width"), "conflicting types"),
    ("two swapped", row, kernel.replace("const float *x, float *y", "float *y, const float *x"), "conflicting types"),
    ("another type", row.replace("CONSTANT_F32(factor)", "CONSTANT(factor)"), kernel, "conflicting types"),
    ("another element", row.replace("READ(float, x)", "READ(resq_bf16, x)"), kernel, "conflicting types"),
    ("no row", "", kernel, "no previous prototype for function 'resq_scale_generic'"),
]
for what, its_row, its_kernel, message in WRONG:
    add_row(its_row)
    done = compile_c(its_kernel, "-ffreestanding")
    assert done.returncode != 0 and message in done.stderr and "resq_scale_generic" in done.stderr, (what, done.stderr)
print(f"resq_scale compiles; {len(WRONG)} wrong ones do not")
