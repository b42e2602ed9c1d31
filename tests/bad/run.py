#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gives resqc every bad input of generate.py: each must end in one line `resqc: error: ...` that names what is wrong, with an
exit status of its own (no signal, no sanitizer), and leave no output and no temporary file. Ends in "N passed, N failed", and
", N skipped" when a case could not be run.

  tests/bad/run.py --build BUILD [--keep FOLDER] [--only WORD]
"""
import argparse
import concurrent.futures
import os
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import generate  # noqa: E402

CODES = (1, 2, 3, 5, 6)


class Skip(Exception):
    """The case cannot be run here; the text says why."""


def make_good(build, folder):
    good, qwen2 = (os.path.join(folder, name) for name in ("tiny.gguf", "qwen2.gguf"))
    tool = os.path.join(HERE, "../tools/make_tiny_gguf.py")
    subprocess.run([sys.executable, tool, good], check=True)
    subprocess.run([sys.executable, tool, qwen2, "--architecture", "qwen2", "--type", "Q5_K", "--layers", "1", "--width", "256",
                    "--heads", "8", "--head-size", "64", "--intermediate", "256", "--vocabulary", "264", "--head"], check=True)
    resqc, opt = (os.path.join(build, "bin", name) for name in ("resqc", "resq-opt"))
    imported = subprocess.run([resqc, good, "--emit=import", "-o", "-"], check=True, stdout=subprocess.PIPE).stdout
    text = os.path.join(folder, "good.mlir")
    with open(text, "wb") as file: # by a name without folder, so that bytes stand where they stood the last time
        file.write(imported.replace(good.encode(), b"tiny.gguf"))
    bytecode = os.path.join(folder, "good.mlirbc")
    subprocess.run([opt, "--emit-bytecode", text, "-o", bytecode], check=True)
    with open(bytecode, "rb") as file:
        return good, qwen2, imported.decode(), file.read()


def listing(folder):
    return {os.path.relpath(os.path.join(at, name), folder) for at, folders, files in os.walk(folder)
            for name in folders + files}


def run(resqc, case, place):
    """What is wrong with how resqc took this case (None when nothing is), and what it said or how it was called."""
    os.makedirs(os.path.join(place, "tmp"))
    if not case.disk:
        return run_in(resqc, case, place)
    disk = os.path.join(place, "disk")
    os.makedirs(disk)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={case.disk}", "tmpfs", disk]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        raise Skip("no file system can be mounted here")
    try:
        return run_in(resqc, case, place)
    finally:
        subprocess.run(["umount", disk], check=True)


def run_in(resqc, case, place):
    environment = dict(os.environ, TMPDIR=os.path.join(place, "tmp"))
    if callable(case.setup):
        case.setup(place)
    elif case.setup:
        environment[case.setup[0]] = case.setup[1]
    before = listing(place)
    command = [resqc, *case.arguments]
    # What a case doesn't say must not take long when the input turns out to be good.
    if not any("--scheme" in word or "--calib" in word for word in case.arguments):
        command.append("--scheme=none")
    if case.output is not None:
        command += ["-o", case.output]

    def limit():
        if case.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (case.limit, case.limit))

    with open(case.stdout or os.devnull, "wb") as stdout:
        try:
            done = subprocess.run(command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=stdout,
                                  stderr=subprocess.PIPE, timeout=120, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return "no end after 120 s", command
    lines = done.stderr.decode(errors="replace").splitlines()
    said = " / ".join(lines)[:1500]
    left = listing(place) - before
    if done.returncode == 0:
        return "it succeeded", command
    if done.returncode not in CODES:
        return f"status {done.returncode}: {said}", command
    if len(lines) != 1 or not lines[0].startswith("resqc: error: "):
        return f"{len(lines)} lines of stderr, not one error: {said}", command
    if any(byte < 32 or byte == 127 for byte in done.stderr.rstrip(b"\n")):
        return f"control characters in the error: {said!r}", command
    missing = [name for name in case.names if name not in lines[0]]
    if missing:
        return f"the error doesn't name {missing}: {said}", command
    if left:
        return f"left behind {sorted(left)[:5]}: {said}", command
    return None, said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--keep", help="leave the inputs here")
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--verbose", action="store_true", help="print the errors")
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    folder = tempfile.mkdtemp(prefix="resq-bad-") if not o.keep else os.path.abspath(o.keep)
    os.makedirs(folder, exist_ok=True)
    cases = [case for case in generate.cases(folder, *make_good(build, folder)) if not o.only or o.only in case.name]
    passed = failed = skipped = 0

    def attempt(case, place):
        try:
            return run(os.path.join(build, "bin", "resqc"), case, place)
        except Skip as reason:
            return reason, ""

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        places = [os.path.join(folder, f"run{i}") for i in range(len(cases))]
        for case, (wrong, detail) in zip(cases, pool.map(attempt, cases, places)):
            if isinstance(wrong, Skip):
                skipped += 1
                print(f"SKIP: {case.name}: {wrong}", flush=True)
            elif wrong:
                failed += 1
                print(f"FAIL: {case.name}: {wrong}\n    {' '.join(detail)[:300]}", flush=True)
            else:
                passed += 1
                if o.verbose:
                    print(f"PASS: {case.name}: {detail}")
    if not o.keep:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
