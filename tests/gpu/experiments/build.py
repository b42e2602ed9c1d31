#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the GPU experiments, or checks what needs no GPU.

    build.py --kernels FOLDER  the product's kernels, as GPU kernels of many calls, and the program that compares and times them; needs ptxas
    build.py FOLDER            everything, to be run on a machine with a GPU (README.md); needs nvcc and ptxas
    build.py --check FOLDER    compiles every kernel of the product and the decode kernels for NVPTX, and refuses what would
                               change their bits; ptxas assembles them where it is installed

Environment: RESQ_LLVM_BIN, /usr/lib/llvm-22/bin unless told; CUDA_HOME, /usr/local/cuda unless told.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
KERNELS = sorted((ROOT / "runtime/kernels/generic").glob("*_generic.c"))
GPU_KERNELS = sorted((ROOT / "runtime/kernels/nvptx").glob("*_cuda.c"))
GPU_LEVEL = ["-DRESQ_LEVEL=cuda", "-DRESQ_GPU_KERNELS"]
CALLS = ROOT / "tests/gpu/kernels"
LLVM = pathlib.Path(os.environ.get("RESQ_LLVM_BIN", "/usr/lib/llvm-22/bin"))
CUDA = pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"))
INCLUDES = [f"-I{ROOT / p}" for p in ("runtime", "runtime/include", "runtime/kernels")]
# As cmake/ResqKernels.cmake builds level "generic".
EXACT = ["-std=gnu17", "-O3", "-ffreestanding", "-fno-math-errno", "-ffp-contract=off", "-fno-strict-aliasing"]
HOST = ["-std=gnu17", "-O2", "-Wall", "-Wextra", *INCLUDES, f"-I{CUDA / 'include'}"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# What would make other bits of the same C, or is not there on a device.
FORBIDDEN = {
    r"\bfma\.": "a fused multiply and add",
    r"\.ftz\b": "denormals flushed to zero",
    r"\.approx\b": "an approximate division, root or function",
    r"\b(?:mul|add|sub)\.f(?:32|64)\b": "arithmetic that ptxas may contract",
    r"\b(?:div|sqrt)\.(?:full|f32|f64)\b": "division or root without IEEE rounding",
    r"\.extern \.func": "a call of a library",
}


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def clang(*arguments):
    return run(LLVM / "clang", *arguments)


def device(chip):
    return ["--target=nvptx64-nvidia-cuda", f"-march={chip}", "-Xclang", "-target-feature", "-Xclang", "+ptx80",
            "-nogpulib", "-fconvergent-functions", f"-DRESQ_SM={re.sub('[^0-9]', '', chip)}", *EXACT, *INCLUDES]


def assemble(ptx, cubin, chip, *options):
    """ptxas's report, or None where there is no ptxas."""
    ptxas = os.environ.get("PTXAS") or shutil.which("ptxas") or shutil.which(CUDA / "bin/ptxas")
    return run(ptxas, f"-arch={chip}", "-v", *options, ptx, "-o", cubin) if ptxas else None


# -- The product's kernels ----------------------------------------------------

def build_cases(out, name, chip, wanted=None):
    """All calls of tests/gpu/kernels, or those wanted, linked with the kernels, everything inlined, as lowering/codegen/ptx.c does."""
    folder = out / name
    folder.mkdir(exist_ok=True)
    bitcode = []
    for source in [*GPU_KERNELS, CALLS / "case_kernels.c"]:
        bitcode.append(folder / f"{source.stem}.bc")
        clang(*device(chip), *GPU_LEVEL, *WARNINGS, "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c", source, "-o", bitcode[-1])
    run(LLVM / "llvm-link", *bitcode, "-o", folder / "all.bc")
    symbols = folder / "symbols"
    symbols.write_text("\n".join(wanted) if wanted else
                       run(LLVM / "llvm-nm", "--defined-only", "--format=just-symbols", bitcode[-1]))
    target = [f"-mcpu={chip}", "-mattr=+ptx80"]
    run(LLVM / "opt", "--force-attribute=alwaysinline", "--force-remove-attribute=noinline",
        "--force-remove-attribute=no-builtins", f"--internalize-public-api-file={symbols}",
        "-passes=forceattrs,internalize,globaldce,default<O3>", "-mtriple=nvptx64-nvidia-cuda", *target, folder / "all.bc", "-o",
        folder / "inlined.bc")
    ptx = out / f"{name}.ptx"
    run(LLVM / "llc", "-O3", *target, folder / "inlined.bc", "-o", ptx)
    # The compiler gives every kernel the threads of its plan, and the blocks that must find registers.
    clang("-std=gnu17", *WARNINGS, *INCLUDES, CALLS / "plans.c", "-o", folder / "plans")
    lines = [line.split() for line in run(folder / "plans", re.sub("[^0-9]", "", chip)).splitlines()]
    said = {name: f"\n.maxntid {threads}, 1, 1" + (f"\n.minnctapersm {blocks}" if blocks != "0" else "") for name, threads, blocks in lines}
    ptx.write_text(re.sub(r"(\.entry (\w+)\([^)]*\))", lambda m: m[1] + said[m[2]], ptx.read_text()))


# -- Without a GPU -------------------------------------------------------------

# Calls whose PTX is looked at: each kernel, with few and with many rows where it has plans of both.
CHECKED = [f"s{rows}_{call}" for rows in (16, 128) for call in
           ("qlinear_qkv", "qlinear_o", "attention", "rotate_q")]
CHECKED += ["b128_qlinear_gateup", "recode"]
CHECKED += ["n16_linear_qkv", "n128_linear_qkv", "s16_rms_norm", "s16_quantize_504", "s16_quantize_504_56", "s16_kv_append", "s16_hadamard",
            "embed_codes6_few", "add_few", "silu_gate_few", "rope_few", "rope_angles_few", "gather_rows_few", "permute_few", "split_few",
            "join_few", "quantize_e4m3_few", "qlinear_e4m3_few", "qlinear_e4m3_tiles_many", "append_groups_few", "attention_groups_few"]
EXACT_FMA = {"s16_hadamard"} # of signs


def check_kernels(out):
    for chip in ("sm_90a", "sm_80"):
        build_cases(out, f"checked_{chip}", chip, CHECKED)
        text = (out / f"checked_{chip}.ptx").read_text()
        entries = re.findall(r"\.entry (\w+)\((.*?)\n}\n", text, re.S)
        for name, body in entries:
            for pattern, what in FORBIDDEN.items():
                if (found := re.search(pattern + ".*", body)) and not (name in EXACT_FMA and "fma" in found.group(0)):
                    sys.exit(f"{name} for {chip}: {what}: {found.group(0)}")
        if len(entries) != len(CHECKED) or ".extern .func" in text:
            sys.exit(f"checked_{chip}.ptx: {len(entries)} kernels, or calls of a library")
        report = assemble(out / f"checked_{chip}.ptx", out / f"checked_{chip}.cubin", chip)
        stacks = re.findall(r"entry function '(\w+)'.*?(\d+) bytes stack frame", report or "", re.S)
        if spilling := [name for name, stack in stacks if int(stack) > 16]: # ptxas spills a register or two for another block
            sys.exit(f"kernels for {chip}: these have a stack: {spilling}")
        print(f"{len(entries)} kernels for {chip}: exact, " + ("assembled without spills" if report else "compiled; no ptxas here"))


def build_decode(out):
    ptx = out / "decode_ring.ptx"
    clang(*device("sm_90a"), *WARNINGS, "-S", HERE / "decode_linear/decode_ring.c", "-o", ptx)
    return assemble(ptx, out / "decode_ring.cubin", "sm_90a", "--maxrregcount=128")


def check_decode(out):
    report = build_decode(out)
    text = (out / "decode_ring.ptx").read_text()
    for what in ("mma.sync.aligned.m16n8k32", "wgmma.mma_async.sync.aligned.m64n16k32", "cp.async.bulk.shared::cluster",
                 "griddepcontrol.wait", "prmt.b32", "red.global.add"):
        if what not in text:
            sys.exit(f"decode_ring.ptx: no {what}")
    if report is None:
        print("decode kernels: compiled; no ptxas here")
        return
    kernels = re.findall(r"entry function '(\w+)'.*?(\d+) bytes stack frame", report, re.S)
    spilling = [name for name, stack in kernels if name.startswith("decode_") and stack != "0"]
    if spilling or len(kernels) < 6:
        sys.exit(f"decode_ring.ptx: {len(kernels)} kernels; these spill: {spilling}")
    print(f"decode kernels: {len(kernels)} assembled, decode_* without spills")


def build_qlinear(out, plan, warps, stages, units, *flags):
    """The quantized linears under one plan of qlinear_cases.h: ptxas's report."""
    image = out / f"qlinear_{plan}"
    clang(*device("sm_90a"), *WARNINGS, *flags, f"-DWARPS={warps}", f"-DSTAGES={stages}", f"-DUNITS={units}", "-S",
          HERE / "qlinear/qlinear_kernels.c", "-o", f"{image}.ptx")
    return assemble(f"{image}.ptx", f"{image}.cubin", "sm_90a", "--maxrregcount=128")


def qlinear_plans():
    text = (HERE / "qlinear/qlinear_cases.h").read_text()
    return re.findall(r"X\((\d+), (\d+), (\d+), (\d+)\)", text.split("#define QLINEAR_PLANS")[1])


def check_qlinear(out):
    report = build_qlinear(out, *qlinear_plans()[0], "-DRESQ_CHECK")
    text = (out / "qlinear_0.ptx").read_text()
    for pattern in (r"\.ftz\b", r"\.approx\b", r"\bfma\.", r"\b(?:mul|add|sub)\.f32\b"):
        if found := re.search(pattern + ".*", text):
            sys.exit(f"quantized linears would not keep generic's bits: {found.group(0)}")
    if "mma.sync.aligned.m16n8k32" not in text:
        sys.exit("qlinear_0.ptx: no products of matrices")
    if report is None:
        print("quantized linears: compiled; no ptxas here")
        return
    kernels = re.findall(r"entry function '(q_\w+)'.*?(\d+) bytes stack frame", report, re.S)
    spilling = [name for name, stack in kernels if stack != "0"]
    if spilling or len(kernels) < 8:
        sys.exit(f"quantized linears: {len(kernels)} kernels; these spill: {spilling}")
    print(f"quantized linears: {len(kernels)} kernels assembled without spills")


# -- For a GPU -----------------------------------------------------------------

def build_equality(out, host):
    objects = []
    for source in KERNELS:
        objects.append(out / f"{source.stem}.o")
        clang("-march=x86-64", "-DRESQ_LEVEL=generic", *EXACT, *INCLUDES, "-c", source, "-o", objects[-1])
    clang(*host, "-Wno-unused-function", f"-I{ROOT}", CALLS / "equality.c", *objects, "-o", out / "equality", "-ldl", "-lm")
    return objects


def build_kernels(out, host):
    objects = build_equality(out, host)
    build_cases(out, "cases", "sm_90a")
    build_cases(out, "cases_sm80", "sm_80")
    (out / "cases.txt").write_text(assemble(out / "cases.ptx", out / "cases.cubin", "sm_90a") or "no ptxas here")
    return objects


def build_all(out):
    host = HOST
    objects = build_kernels(out, host)
    for name in ("parameters", "launches"):
        clang(*host, HERE / f"transfers/{name}.c", "-o", out / name, "-ldl", "-lpthread")
    clang(*device("sm_90a"), "-S", HERE / "transfers/transfer_kernels.c", "-o", out / "transfer_kernels.ptx")
    assemble(out / "transfer_kernels.ptx", out / "transfer_kernels.cubin", "sm_90a")
    build_decode(out)
    for plan in qlinear_plans():
        build_qlinear(out, *plan)
    clang(*host, "-Wno-unused-function", f"-I{ROOT}", HERE / "qlinear/qlinear.c", ROOT / "tests/gpu/emulator/emulator.c",
          *objects, "-o", out / "qlinear", "-ldl", "-lm")
    run(CUDA / "bin/nvcc", "-O3", "-std=c++17", "-gencode=arch=compute_90a,code=sm_90a", HERE / "decode_linear/decode_linear.cu",
        "-o", out / "decode_linear", "-ldl")
    print(f"{out}: built")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="only what needs neither a GPU nor nvcc")
    parser.add_argument("--kernels", action="store_true", help="only the product's kernels")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.kernels:
        build_kernels(options.folder, HOST)
        return
    if not options.check:
        build_all(options.folder)
        return
    check_kernels(options.folder)
    check_decode(options.folder)
    check_qlinear(options.folder)


main()
