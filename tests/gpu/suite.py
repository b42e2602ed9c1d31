#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The test of level cuda on a GPU. On a machine with NVIDIA's driver, the CUDA toolkit (compute-sanitizer) and Python, nothing else:

  python3 FOLDER/suite.py [--quick] [--jobs N] [--only TEXT] [--images best|all] [--part all|checks|sanitizer]

FOLDER is what make_suite.py wrote where there is a compiler. Every model and every op there must give on the GPU what level
generic of the same file gives, bit for bit where it was compiled with exact arithmetic, else within a bound; then the command line,
the errors of a real driver, many tokens without a leak, and compute-sanitizer over a part. Last line: N passed, N failed.
"""
import argparse
import concurrent.futures
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
import checks  # noqa: E402
from checks import Error, Report  # noqa: E402

COUNTS = re.compile(r"(\d+) passed, (\d+) failed$")


def path(name):
    return os.path.join(HERE, name)


#===-- Cases in processes of their own ------------------------------------===#


def run_one(case, o):
    """One case of suite.json, in this process."""
    report = Report(case["name"])
    if case["kind"] == "ops":
        import cases
        module = next(m for m in (make() for make in cases.MODULES + cases.FAST_MODULES) if m.name == case["name"])
        if o.quick:
            module.cases = module.cases[::9]
        checks.check_cases(report, path(case["file"]), module, o.images == "all" and not o.quick, case["bound"] != 0)
    else:
        ways = [way for way in checks.WAYS if way != "the image for sm_80" or o.images == "all" or case["other_image"]]
        if o.quick:
            checks.check_model(report, path(case["file"]), ways[:2], rows=20, sizes=(3, 17), passes=1, bound=case["bound"])
        else:
            checks.check_model(report, path(case["file"]), ways, bound=case["bound"])
    if case["bound"]:
        print(f"at most {report.worst:.3g} apart")
    print(f"{report.passed} passed, {report.failed} failed")


def child(arguments, timeout=580, before=(), **variables):
    """The output of this program with arguments, and its counts; one failure where it gave none."""
    command = [*before, sys.executable, os.path.abspath(__file__), *arguments]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                              env={**os.environ, **variables})
        out, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        out, status = (late.stdout or b"").decode(errors="replace"), f"{timeout} s were not enough"
    counts = [m for m in map(COUNTS.match, out.splitlines()) if m]
    passed, failed = (int(counts[-1][1]), int(counts[-1][2])) if counts else (0, 0)
    if status or not counts:
        failed += 1
        out += f"\nFAIL {' '.join(arguments)}: status {status}"
    return out, passed, failed


def run_cases(found, o, total):
    options = [f"--images={o.images}"] + (["--quick"] if o.quick else [])
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        def one(case):
            start = time.monotonic()
            return case, *child(["--case", case["name"], *options]), time.monotonic() - start
        for case, out, passed, failed, seconds in pool.map(one, found):
            total.passed, total.failed = total.passed + passed, total.failed + failed
            apart = "".join(f", {line}" for line in out.splitlines() if line.startswith("at most "))
            print(f"{'ok  ' if not failed else 'FAIL'} {case['name']}: {passed} passed, {failed} failed, {seconds:.1f} s{apart}",
                  flush=True)
            if failed:
                print("\n".join(out.splitlines()[-12:]), flush=True)


#===-- The command line ---------------------------------------------------===#


def run(arguments, **variables):
    done = subprocess.run([path("model"), *arguments], capture_output=True, text=True, errors="replace", timeout=300,
                          env={**os.environ, **variables})
    return done.returncode, done.stdout, done.stderr.strip()


def check_commands(report):
    def both(arguments, text, ours=lambda out: out):
        gpu, cpu = run([*arguments, "--device=cuda"]), run([*arguments, "--level=generic"])
        report.check(gpu[0] == 0 and cpu[0] == 0, f"{text}: {gpu[2]} {cpu[2]}")
        report.check(ours(gpu[1]) == ours(cpu[1]), f"{text}: {gpu[1][:300]!r} on the GPU, {cpu[1][:300]!r} on the CPU")

    status, out, err = run(["info"])
    report.check(status == 0 and re.search(r"^device +cuda \(.*compute capability", out, re.M), f"info: {out} {err}")
    report.check(json.loads(run(["info", "--json"])[1])["device"] == "cuda", "info --json")
    status, out, err = run(["generate", "--greedy", "--raw", "-n", "20", "-p", "ab ab"])
    report.check(status == 0 and not err, f"device auto says nothing where it is the GPU: {err}")
    both(["generate", "--greedy", "--raw", "-n", "60", "--ids", "-p", "abab ab"], "greedy text")
    both(["generate", "--seed=5", "--raw", "-n", "60", "--ids", "-p", "abab ab"], "drawn text")
    both(["logits", "--all", "-k", "3", "-p", "one two three"], "logits")
    text = path("text.txt")
    both(["perplexity", text, "--window=64"], "perplexity")
    status, out, err = run(["perplexity", text, "--window=64", "--device=cuda", f"--reference={path('model')}",
                            "--reference-device=cpu", "--json"], RESQ_LEVEL="generic")
    reference = json.loads(out)["reference"] if status == 0 else {}
    report.check(status == 0 and reference["divergence"]["mean"] == 0 and reference["agreement"]["mean"] == 1,
                 f"perplexity beside the CPU: {reference} {err}")
    status, out, err = run(["bench", "--device=cuda", "--prefill=64", "--decode=16", "--repeat=2"])
    report.check(status == 0 and "level cuda" in out, f"bench: {out} {err}")
    print(out.strip())
    status, out, err = run(["generate", "--greedy", "--raw", "-n", "20", "-p", "ab", "--device=cuda", "--profile"])
    report.check(status == 0 and "level cuda" in err and "us/call" in err, f"--profile: {err[:300]}")
    print("\n".join(err.splitlines()[:12]))


def check_errors(report):
    """What a real driver says, and what we make of it."""
    words = ["generate", "--greedy", "--raw", "-n", "4", "-p", "ab"]

    def expect(status, text, arguments, **variables):
        found = run([*words, *arguments], **variables)
        report.check(found[0] == status and text in found[2] and len(found[2].splitlines()) == 1,
                     f"expected {status}, '{text}' and one line: {found}")

    expect(4, "CUDA_ERROR_NO_DEVICE", ["--device=cuda"], CUDA_VISIBLE_DEVICES="")
    expect(0, "note: runs on the CPU: device 'cuda': ", [], CUDA_VISIBLE_DEVICES="")
    expect(4, "device 'cuda': NVIDIA's driver does not load", ["--device=cuda"], RESQ_LIBCUDA="/nonexistent.so")
    expect(2, "RESQ_CUDA_CHIP is 'sm_20'", ["--device=cuda"], RESQ_CUDA_CHIP="sm_20")
    try:  # caches beyond the memory of any GPU
        checks.Model(path("model.so")).start(device="cuda", sequences=1000, capacity=1 << 30)
        report.check(False, "a session with 2^40 tokens in its caches is made")
    except Error as error:
        report.check("of its memory are needed (parameters " in str(error), str(error))
    status, out, err = run(words, RESQ_DEVICE="cpu")
    report.check(status == 0 and not err, f"RESQ_DEVICE=cpu: {err}")
    for name, text in (("damaged.so", "the driver refuses the PTX for"), ("refused.so", "cuLaunchKernelEx")):
        try:
            s = checks.Model(path(name)).start(device="cuda")
            checks.forward(s, [1], [0], [0], [0])
            report.check(False, f"{name}: it runs")
        except Error as error:
            report.check(text in str(error), f"{name}: {error}")


def check_leaks(report, file, tokens):
    """Many decoded tokens, with calls of other sizes between: memory of the device and of the process stays."""
    model = checks.Model(path(file))
    s = model.start(device="cuda", sequences=1)
    driver = ctypes.CDLL("libcuda.so.1")

    def free_bytes():
        found, total = ctypes.c_size_t(), ctypes.c_size_t()
        driver.cuMemGetInfo_v2(ctypes.byref(found), ctypes.byref(total))
        return found.value

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    position, before = 0, None
    for i in range(tokens):
        if i == tokens // 5:
            before = free_bytes(), resident()
        n = 1 + (i * 7 % 40 if i % 50 == 0 else 0)
        if position + n > checks.CAPACITY:
            position = 0
        checks.forward(s, [i % 300] * n, range(position, position + n), [0] * n, [n - 1])
        position += n
    after = free_bytes(), resident()
    s.close()
    report.check(before[0] - after[0] < 32 << 20, f"{file}, {tokens} tokens: {before[0] - after[0]} bytes of the device gone")
    report.check(after[1] - before[1] < 16 << 20, f"{file}, {tokens} tokens: {after[1] - before[1]} bytes of the process more")


#===-- compute-sanitizer --------------------------------------------------===#


def check_sanitizer(report, found, jobs):
    tool = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if not report.check(tool, "compute-sanitizer is not there (--part checks leaves it out)"):
        return
    names = [c["name"] for c in found if c["sanitize"]]
    work = [(kind, name) for kind in ("memcheck", "racecheck", "initcheck", "synccheck") for name in names]

    def one(item):
        kind, name = item
        return item, *child(["--case", name, "--quick"], before=[tool, f"--tool={kind}", "--error-exitcode=9"])

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (kind, name), out, _, failed in pool.map(one, work):
            bad = [line for line in out.splitlines() if "=========" in line and "ERROR SUMMARY" not in line][:6]
            report.check(not failed, f"{kind} {name}: " + "\n".join(bad or out.splitlines()[-6:]))
            print(f"{'ok  ' if not failed else 'FAIL'} {kind} {name}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter calls, the best image alone")
    parser.add_argument("--jobs", type=int, default=max(1, min(8, os.cpu_count() or 1)))
    parser.add_argument("--only", default="", help="cases whose name holds this, and nothing else")
    parser.add_argument("--images", choices=("best", "all"), default="best",
                        help="all: the image for sm_80 in every case; best: in those that make_suite.py marked")
    parser.add_argument("--part", choices=("all", "checks", "sanitizer"), default="all",
                        help="checks: without compute-sanitizer; sanitizer: that alone")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    o = parser.parse_args()
    with open(path("suite.json")) as file:
        suite = json.load(file)
    found = suite["cases"]
    if o.case:
        return run_one(next(c for c in found if c["name"] == o.case), o)
    total = Report("suite")
    if o.part != "sanitizer":
        run_cases([c for c in found if o.only in c["name"]], o, total)
    # One model of exact arithmetic, and one of fast, which has other kernels.
    steady = ["model.so", *(c["file"] for c in found if c["name"] == "best-w4a8kv4 fast")]
    if o.part != "sanitizer" and not o.only and suite["programs"]:
        for text, function in (("the command line", lambda: check_commands(total)), ("errors", lambda: check_errors(total)),
                               ("leaks", lambda: [check_leaks(total, file, 500 if o.quick else 10000) for file in steady])):
            print(f"{text} ...", flush=True)
            try:
                function()
            except Exception:  # what comes after it is worth knowing
                total.check(False, f"{text}: {traceback.format_exc()}")
    if o.part != "checks" and not o.only:
        check_sanitizer(total, found, o.jobs)
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
