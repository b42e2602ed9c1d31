#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the nth write, fsync, rename ... of resqc, resq-opt and a compiled model fail (tests/tools/fail_io.c), and cuts files while
they are mapped. Each run either succeeds with the right bytes, or ends with status 5 and one error line that names a file, and
leaves neither a part of an output nor a temporary file. Ends in "N passed, N failed" (", N skipped").

  tests/bad/io_faults.py --build BUILD [--which some|places|each] [--only WORD] [--runtime BUILD]

--which=some: some calls of each kind, chosen with a fixed seed; places: the first call from each place in the code (a stack of
callers), and the last of each kind; each: every call, which are a hundred thousand for these commands, most of them writes of one
loop. --runtime: the build whose runtime libraries a compiled model is linked with, when BUILD is instrumented.
"""
import argparse
import concurrent.futures
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FAILURES = ("ENOSPC", "EIO", "EDQUOT")
CALLS = ("open", "write", "fsync", "ftruncate", "rename", "close", "mkdir", "read")
MUST_SUCCEED = ("EINTR", "short")
TIMEOUT = 300


class Command:
    """argv in a folder of its own; `outputs` are the files that it makes there. `tries` faults are chosen with --which=some.
    Faults are those of the program itself, or (linker) of the programs that link its output: of these resqc knows only that they
    failed and what they said, and what they take as a failure is theirs to decide."""

    def __init__(self, name, argv, outputs, tries=2, stdin=None, linker=False):
        self.name, self.argv, self.outputs, self.tries, self.stdin, self.linker = name, argv, outputs, tries, stdin, linker

    @property
    def program(self):
        return ("!" if self.linker else "") + os.path.realpath(self.argv[0])

    @property
    def failures(self):
        return (1, 5) if self.linker else (5,)


def commands(build, folder):
    resqc, opt = (os.path.join(build, "bin", name) for name in ("resqc", "resq-opt"))
    model, module, binary, text = (os.path.join(folder, name) for name in ("small.gguf", "small.mlir", "small", "text.txt"))
    plain = ["--scheme=none", "--levels=generic", "--threads=1"]
    for linker in (False, True):
        of = "linker of " if linker else ""
        yield Command(of + "exe", [resqc, model, "-o", "out", *plain], ["out"], 2, linker=linker)
        yield Command(of + "shared", [resqc, model, "-o", "out.so", "--emit=shared", *plain], ["out.so", "out.h"], 1, linker=linker)
    for form, tries in (("obj", 1), ("llvm", 1), ("lowered", 2), ("generic", 4), ("resq", 8), ("import", 12)): # slow ones first
        yield Command(form, [resqc, model, "-o", "out", "--emit=" + form, *plain], ["out"], tries)
    calibration = ["--calibration=" + text, "--calibration-windows=1"]
    yield Command("statistics", [resqc, model, "--calibrate-only", "--statistics=out", *calibration, *plain], ["out"])
    yield Command("report", [resqc, model, "-o", "out", "--report=out.html", "--cache=cache",
                             "--scheme=resq-w4a4kv4",
                             *calibration, *plain[1:]], ["out", "out.html"])
    yield Command("resq-opt", [opt, module, "-o", "out", "--resq-fold-norm"], ["out"], 8)
    yield Command("bytecode", [opt, module, "-o", "out", "--emit-bytecode"], ["out"], 4)
    yield Command("tokenize", [binary, "tokenize", text, "-o", "out"], ["out"], 24)
    yield Command("tokenize standard input", [binary, "tokenize", "-", "-o", "out"], ["out"], 8, stdin=text)
    yield Command("logits", [binary, "logits", "-p", "the best of times", "--all", "-o", "out", "-t", "1"], ["out"], 24)
    yield Command("logits of ids", [binary, "logits", "--ids", os.path.join(folder, "ids.u32"), "-o", "out", "-t", "1"], ["out"], 8)


def make_inputs(build, runtime, folder):
    model = os.path.join(folder, "small.gguf")
    subprocess.run([sys.executable, os.path.join(HERE, "../tools/make_tiny_gguf.py"), model, "--width", "32", "--heads", "2",
                    "--kv-heads", "1", "--layers", "1", "--intermediate", "32", "--vocabulary", "260"], check=True)
    resqc = os.path.join(build, "bin/resqc")
    environment = dict(os.environ)
    if runtime:
        environment["RESQ_LIBRARY_PATH"] = os.path.join(runtime, "lib")
    for output, more in (("small", []), ("small.mlir", ["--emit=import"])):
        subprocess.run([resqc, model, "-o", os.path.join(folder, output), "--scheme=none", "--levels=generic", *more], check=True,
                       env=environment)
    with open(os.path.join(HERE, "../e2e/Inputs/text.txt")) as source, open(os.path.join(folder, "text.txt"), "w") as out:
        out.write(source.read() * 2)
    with open(os.path.join(folder, "ids.u32"), "wb") as file:
        file.write(b"".join(i.to_bytes(4, "little") for i in range(40)))


def files(folder):
    """Names below the folder, apart from a cache's whole entries."""
    found = {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}
    return {name for name in found if not (name.startswith("cache/") and name.endswith((".param", ".statistics")))}


class Runner:
    def __init__(self, shim, folder):
        self.shim, self.folder, self.good = shim, folder, {}

    def run(self, command, fault=None, count=None):
        """What one run left: status, error text, {output: bytes}, other files that it left."""
        place = tempfile.mkdtemp(prefix="run", dir=self.folder)
        work, temporary = os.path.join(place, "work"), os.path.join(place, "tmp")
        os.mkdir(work)
        os.mkdir(temporary)
        environment = dict(os.environ, TMPDIR=temporary)
        if fault or count:
            environment.update({"LD_PRELOAD": self.shim, "RESQ_FAIL_IO_PROGRAM": command.program})
            environment.update({"RESQ_FAIL_IO": fault} if fault else {"RESQ_FAIL_IO_COUNT": count})
        with open(command.stdin or os.devnull, "rb") as stdin:
            done = subprocess.run(command.argv, cwd=work, env=environment, stdin=stdin, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=TIMEOUT)
        outputs = {}
        for name in command.outputs:
            if os.path.exists(os.path.join(work, name)):
                with open(os.path.join(work, name), "rb") as file:
                    outputs[name] = file.read()
        left = sorted((files(work) - set(command.outputs)) | files(temporary))
        shutil.rmtree(place)
        return done.returncode, done.stderr.decode(errors="replace"), outputs, left

    def begin(self, command):
        """A run without a fault: its outputs are the right ones. Returns how often each call is made, by the process that makes
        most of them, and which calls of a process are the first from their place in it."""
        path = os.path.join(self.folder, f"count-{command.name}".replace(" ", "-"))
        status, said, outputs, left = self.run(command, count=path)
        assert status == 0 and not left and set(outputs) == set(command.outputs), (command.name, said, left)
        self.good[command.name] = outputs
        found, first = dict.fromkeys(CALLS, 0), {call: set() for call in CALLS}
        with open(path) as file:
            for line in file:
                call, n, *places = line.split()
                found[call] = max(found[call], int(n))
                first[call].update(map(int, places))
        return found, first

    def wrong(self, command, fault):
        """What is wrong with how the command took the fault; None when nothing is."""
        status, said, outputs, left = self.run(command, fault)
        lines = [line for line in said.splitlines() if ": error: " in line]
        if left:
            return f"left {left[:5]} behind: {said[:300]}"
        if status == 0:
            return None if outputs == self.good[command.name] else "it succeeded with other bytes"
        if fault.endswith(MUST_SUCCEED) and not command.linker:
            return f"status {status}, where it should go on: {said[:300]}"
        if status not in command.failures:
            return f"status {status}: {said[:300]}"
        if outputs:
            return f"it failed and left {sorted(outputs)}: {said[:300]}"
        if len(lines) != 1 or not any(sign in lines[0] for sign in ("'", "/", "standard ")):
            return f"not one error line that names a file: {said[:300]}"
        return None


def faults(runner, command, which):
    """Which faults this command is given."""
    rng = random.Random(command.name)
    chosen = []
    found, first = runner.begin(command)
    for call, n in found.items():
        hows = [h for h in (*FAILURES, *MUST_SUCCEED) if not (h == "EINTR" and call in ("rename", "mkdir", "ftruncate"))]
        if call not in ("read", "write"):
            hows.remove("short")
        if which == "each":
            calls = range(1, n + 1)
        elif which == "places":
            calls = sorted({*first[call], n} - {0})
        else: # the last call is often the one that completes a file
            calls = {n, rng.randint(1, n), rng.randint(1, n)} if n else ()
        chosen += [f"{call}:{k}:{how}" for k in calls for how in hows]
    return rng.sample(sorted(chosen), min(command.tries, len(chosen))) if which == "some" else chosen


#===-- Files that become shorter ------------------------------------------------===#

def cut_while_mapped(runner, binary, folder):
    """A compiled model whose file is cut while it runs: status 5 and a message that names it, no SIGBUS."""
    copy = os.path.join(folder, "cut")
    shutil.copyfile(binary, copy)
    os.chmod(copy, 0o755)
    size = os.path.getsize(copy)
    process = subprocess.Popen([copy, "logits", "--serve", "-t", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.read(32) # the greeting: everything is mapped
    try:
        os.truncate(copy, size // 4096 * 4096 - 4096 if size % 4096 == 0 else 0)
    except OSError as error: # what most kernels say of an executable that runs: then it cannot be cut at all
        process.kill()
        process.communicate()
        return None if error.errno == errno.ETXTBSY else str(error)
    request = (0).to_bytes(8, "little") + (1).to_bytes(8, "little") + (5).to_bytes(4, "little")
    _, said = process.communicate(request, timeout=TIMEOUT)
    return None if process.returncode == 5 and b"cut" in said else f"status {process.returncode}: {said.decode()[:200]}"


def cut_input_while_read(build, folder):
    """A text that becomes shorter between being mapped and being read: `tokenize` of a large file, cut at once."""
    text, binary = os.path.join(folder, "large.txt"), os.path.join(folder, "small")
    with open(text, "wb") as file:
        for i in range(400000):
            file.write(b"words and words %d\n" % i)
    process = subprocess.Popen([binary, "tokenize", text, "-o", os.path.join(folder, "large.u32")], stderr=subprocess.PIPE)
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        with open(f"/proc/{process.pid}/maps") as maps:
            if text in maps.read():
                break
    os.truncate(text, 4096)
    _, said = process.communicate(timeout=TIMEOUT)
    left = [name for name in os.listdir(folder) if "large.u32" in name]
    if process.returncode == 5 and b"large.txt" in said and not left:
        return None
    if process.returncode == -signal.SIGBUS or process.returncode != 0:
        return f"status {process.returncode}, left {left}: {said.decode()[:200]}"
    return "skip: it was read before it was cut"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--runtime")
    parser.add_argument("--which", choices=("some", "places", "each"), default="some")
    parser.add_argument("--only", default="", help="commands whose name holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    folder = tempfile.mkdtemp(prefix="resq-io-")
    passed = failed = skipped = 0
    try:
        make_inputs(build, o.runtime, folder)
        runner = Runner(os.path.join(build, "lib/libresq_fail_io.so"), folder)
        chosen = [c for c in commands(build, folder) if o.only in c.name]
        with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
            found = pool.map(lambda command: faults(runner, command, o.which), chosen)
            jobs = [(command, fault) for command, these in zip(chosen, found) for fault in these]
            results = [(f"{command.name}: {fault}", wrong)
                       for (command, fault), wrong in zip(jobs, pool.map(lambda job: runner.wrong(*job), jobs))]
        if not o.only:
            results.append(("artifact truncated while mapped", cut_while_mapped(runner, os.path.join(folder, "small"), folder)))
            results.append(("text truncated while mapped", cut_input_while_read(build, folder)))
        for name, wrong in results:
            if wrong and wrong.startswith("skip: "):
                skipped += 1
                print(f"SKIP: {name}: {wrong[6:]}")
            elif wrong:
                failed += 1
                print(f"FAIL: {name}: {wrong}")
            else:
                passed += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
