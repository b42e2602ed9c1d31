#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the world does to resqc, resq-opt and a compiled model: interrupts, kills, closed descriptors, full devices, limits, files
that are input and output at once. One class per kind of fault. Ends in "N passed, N failed".

  tests/bad/faults.py --build BUILD [--interrupts N] [--only WORD]

--interrupts: at how many random moments a compile is interrupted (default 4).
"""
import argparse
import itertools
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = ["--width", "32", "--heads", "2", "--kv-heads", "1", "--layers", "1", "--intermediate", "32", "--vocabulary", "260"]
QUICK = ["--scheme=none", "--levels=generic", "--threads=1"]
# A warning of materialize: a condition number above what f32 inverts.
WARNING = """module {
  resq.param @w : tensor<16x16xf32> {
    %d = arith.constant dense<[[1.0,0.0],[0.0,1.0e-7]]> : tensor<2x2xf64>
    %i = resq.inverse_transpose %d : tensor<2x2xf64> -> tensor<2x2xf64>
    %e = resq.eye : tensor<8x8xf64>
    %k = resq.kron %i, %e : tensor<2x2xf64>, tensor<8x8xf64> -> tensor<16x16xf64>
    %c = resq.cast %k : tensor<16x16xf64> -> tensor<16x16xf32>
    resq.yield %c : tensor<16x16xf32>
  }
  func.func @f(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %w = resq.get @w : tensor<16x16xf32>
    %y = resq.linear %x, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}
"""
SET = {}


def make_all(build, folder):
    SET.update(folder=folder, resqc=os.path.join(build, "bin/resqc"), opt=os.path.join(build, "bin/resq-opt"),
               model=os.path.join(folder, "tiny.gguf"), binary=os.path.join(folder, "tiny"),
               module=os.path.join(folder, "tiny.mlir"), warning=os.path.join(folder, "warning.mlir"))
    subprocess.run([sys.executable, os.path.join(HERE, "../tools/make_tiny_gguf.py"), SET["model"], *TINY], check=True)
    started = time.monotonic()
    subprocess.run([SET["resqc"], SET["model"], "-o", SET["binary"], *QUICK], check=True)
    SET["seconds"] = time.monotonic() - started
    subprocess.run([SET["resqc"], SET["model"], "-o", SET["module"], "--emit=import"], check=True)
    with open(SET["warning"], "w") as file:
        file.write(WARNING)


def contents(folder):
    return {os.path.relpath(os.path.join(at, name), folder): open(os.path.join(at, name), "rb").read()
            for at, _, names in os.walk(folder) for name in names}


class Case(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.mkdtemp(dir=SET["folder"])
        self.tmp = os.path.join(self.place, "tmp")
        os.makedirs(self.tmp)
        self.environment = dict(os.environ, TMPDIR=self.tmp)

    def tearDown(self):
        shutil.rmtree(self.place)

    def path(self, name):
        return os.path.join(self.place, name)

    def run_it(self, words, status, **rest):
        rest.setdefault("stdout", subprocess.PIPE)
        rest.setdefault("env", self.environment)
        done = subprocess.run(words, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=self.place, timeout=300, **rest)
        done.text = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, f"{words}: {done.text[:500]}")
        if status:
            self.assertEqual(len([line for line in done.text.splitlines() if ": error: " in line]), 1, done.text[:500])
        return done


class OverwrittenInputs(Case):
    """Every pair of options that name one file, of which one is written, is refused before anything is written."""

    # How options use files. One that --help shows and that is not here fails the test.
    RESQC = {"MODEL": "reads", "-o": "writes", "--calibration": "reads", "--statistics": "reads", "--report": "writes",
             "--cache": "fills", "--chat-template": "reads", "--ptxas": "reads"}

    def file_options(self):
        """The options of resqc whose argument is a file or folder, from --help; and the model."""
        text = subprocess.run([SET["resqc"], "--help"], check=True, stdout=subprocess.PIPE).stdout.decode()
        found = re.findall(r"^  (--[a-z-]+)=(?:FILE\S*|FOLDER)|^  (-o) OUT", text, re.M)
        return ["MODEL"] + [a or b for a, b in found]

    def words(self, options, calibrate_only):
        model = [path for name, path in options if name == "MODEL"] or [SET["model"]]
        rest = [word for name, path in options if name != "MODEL" for word in ([name, path] if name == "-o" else [f"{name}={path}"])]
        if calibrate_only:
            rest.append("--calibrate-only")
        elif not any(name == "-o" for name, _ in options):
            rest += ["-o", self.path("other")]
        return [SET["resqc"], *model, *QUICK, *rest]

    def refused(self, words, *names):
        before = contents(self.place)
        done = self.run_it(words, 2)
        for name in names:
            self.assertIn(name, done.text)
        self.assertEqual(contents(self.place), before)

    def test_resqc_pairs(self):
        options = self.file_options()
        self.assertGreater(len(options), 5)
        self.assertEqual([name for name in options if name not in self.RESQC], [], "say how this option uses its file")
        pairs = 0
        for calibrate_only in (False, True):
            use = dict(self.RESQC, **({"--statistics": "writes"} if calibrate_only else {}))
            for a, b in itertools.combinations(options, 2):
                # With --calibrate-only there are no -o and no --report, and without it nothing else may write.
                if use[a] == use[b] == "reads" or (calibrate_only and {"-o", "--report"} & {a, b}):
                    continue
                if calibrate_only and "--statistics" not in (a, b):
                    continue
                path, link = self.path("same"), self.path("./link")
                shutil.copy(SET["model"], path)
                os.link(path, link)
                other = (path, "./same", link)[pairs % 3]
                self.refused(self.words([(a, path), (b, other)], calibrate_only), "the model" if a == "MODEL" else a, b)
                pairs += 1
                os.remove(link)
                os.remove(path)
        self.assertGreater(pairs, 14)

    def test_outputs_that_do_not_exist_yet(self):
        self.refused(self.words([("-o", "./o"), ("--report", self.path("o"))], False), "-o", "--report")
        self.refused(self.words([("-o", "o"), ("--cache", "./o")], False), "-o", "--cache")

    def test_header_beside_a_library(self):
        shutil.copy(SET["warning"], self.path("x.h"))
        self.refused([SET["resqc"], "x.h", "-o", "x.so", "--emit=shared", *QUICK], "x.h")
        self.refused([SET["resqc"], SET["warning"], "-o", "y.so", "--report=y.h", "--emit=shared", *QUICK], "--report")

    def test_checkpoint_of_a_module(self):
        shutil.copy(SET["model"], self.path("own.gguf"))
        with open(SET["module"]) as file:
            text = file.read().replace(SET["model"], "own.gguf")
        with open(self.path("own.mlir"), "w") as file:
            file.write(text)
        self.refused([SET["resqc"], "own.mlir", "-o", "./own.gguf", *QUICK], "own.gguf", "checkpoint")
        before = contents(self.place)
        self.run_it([SET["opt"], "own.mlir", "--resq-materialize=output=own.gguf"], 1)
        self.assertEqual(contents(self.place), before)

    def test_programs_and_libraries(self):
        self.refused([SET["resqc"], SET["model"], "-o", SET["resqc"], *QUICK], "resqc")
        self.refused([SET["binary"], "tokenize", "-p", "a", "-o", SET["binary"]], "tiny")

    def test_commands_of_a_model(self):
        """Commands, and their options and operands that are files, from --help."""
        commands = re.findall(r"^  ([a-z]+) ", self.run_it([SET["binary"], "--help"], 0).stdout.decode(), re.M)
        outputs = 0
        for command in commands:
            text = self.run_it([SET["binary"], command, "--help"], 0).stdout.decode()
            options = re.findall(r"(--[a-z-]+) (?:FILE|BINARY)", text)
            operand = re.search(r"^usage: .* \[?FILE\]?$", text, re.M)
            for output in [name for name in options if "write" in text.split(name)[1].split("\n")[0]]:
                for other in [name for name in options if name != output] + (["operand"] if operand else []):
                    shutil.copy(SET["model"], self.path("same"))
                    words = ["./same"] if other == "operand" else [f"{other}=./same"]
                    self.refused([SET["binary"], command, f"{output}={self.path('same')}", *words], output)
                    outputs += 1
        self.assertGreaterEqual(outputs, 2)

    def test_resq_opt(self):
        """All options that opt_files.c says write."""
        with open(os.path.join(HERE, "../../passes/opt_files.c")) as file:
            table = file.read().split("writing[] = {")[1].split("}")[0]
        names = re.findall(r'"([a-z-]+)"', table)
        self.assertIn("o", names)
        shutil.copy(SET["warning"], self.path("in.mlir"))
        for name in names:
            words = [f"-{name}", "./in.mlir"] if len(name) % 2 else [f"--{name}=in.mlir"]
            self.refused([SET["opt"], self.path("in.mlir"), *words], name)

    def test_special_files_stay_possible(self):
        text = self.run_it([SET["resqc"], SET["module"], "-o", "-", "--emit=import"], 0).stdout
        self.assertGreater(len(text), 100)
        self.run_it([SET["opt"], SET["warning"], "-o", "/dev/null", "--remarks-output-file=/dev/null"], 0)
        self.assertEqual(self.run_it([SET["opt"], SET["warning"], "-o", "/dev/stdout"], 0).stdout[:6], b"module")


class ClosedDescriptors(Case):
    def test_warning_without_stderr(self):
        words = [SET["resqc"], SET["warning"], "--emit=shared", "--weights=f32", *QUICK, "-o"]
        # A library's own names come from the file's: the same one in two folders.
        for folder in ("open", "closed"):
            os.mkdir(self.path(folder))
        self.assertIn("condition number", self.run_it([*words, "open/x.so"], 0).text)
        for closed in ("2>&-", "0<&- 1>&- 2>&-"):
            self.run_it(["sh", "-c", f'exec "$@" {closed}', "sh", *words, "closed/x.so"], 0)
            self.assertEqual(*(contents(self.path(name))["x.so"] for name in ("open", "closed")))

    def test_other_programs(self):
        self.run_it(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", SET["opt"], SET["warning"], "-o", "out.mlir"], 0)
        self.assertTrue(contents(self.place)["out.mlir"].startswith(b"module"))
        done = subprocess.run(["sh", "-c", 'exec "$@" 1>&- 2>&-', "sh", SET["binary"], "tokenize", "-p", "ab"], cwd=self.place)
        self.assertEqual(done.returncode, 5)
        self.run_it(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", SET["binary"], "tokenize", "-p", "ab", "-o", "ids"], 0)
        self.assertEqual(len(contents(self.place)["ids"]) % 4, 0)


class Interrupts(Case):
    count = 4

    def start(self, out):
        return subprocess.Popen([SET["resqc"], SET["warning"] if out.endswith(".so") else SET["model"], *QUICK, "-o", self.path(out),
                                 *(["--emit=shared"] if out.endswith(".so") else ["--report=" + self.path(out + ".html")])],
                                env=self.environment, stderr=subprocess.PIPE)

    def test_random_times(self):
        draw = random.Random(1)
        for i in range(self.count):
            number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i % 3]
            process = self.start("out")
            time.sleep(draw.uniform(0, SET["seconds"]))
            process.send_signal(number)
            status, text = process.wait(), process.stderr.read()
            process.stderr.close()
            left = sorted(contents(self.place))
            if status == 0: # it was done already
                self.assertEqual(left, ["out", "out.html"])
            else:
                # Before main, while libraries are loaded, a signal ends any program.
                self.assertIn(status, (128 + number, -number), text)
                self.assertEqual((left, os.listdir(self.tmp)), ([], []))
            for name in left:
                os.remove(self.path(name))

    def wait_for(self, process, pattern, but=()):
        """Until a file of the work folder matches; `but`: folders that are another's."""
        for _ in range(60000):
            names = []
            for folder in set(os.listdir(self.tmp)).difference(but):
                try:
                    names += os.listdir(os.path.join(self.tmp, folder))
                except FileNotFoundError:
                    pass # one that was stale
            if any(re.fullmatch(pattern, name) for name in names):
                return
            self.assertIsNone(process.poll(), "it ended first")
            time.sleep(0.001)
        self.fail("no such file")

    def test_linker_runs(self):
        fake = self.path("cc")
        with open(fake, "w") as file: # a linker that never ends, and makes a file as real ones do
            file.write('#!/bin/sh\ntouch "$TMPDIR/cc123.o"\nwhile :; do sleep 0.01; touch "$TMPDIR/more"; done\n')
        os.chmod(fake, 0o755)
        self.environment["RESQ_CC"] = fake
        process = self.start("out.so")
        self.wait_for(process, "cc123.o")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 143)
        process.stderr.close()
        self.assertEqual((os.listdir(self.tmp), os.path.exists(self.path("out.so"))), ([], False))

    def test_killed(self):
        """What a killed process leaves is removed by the next compile; what a living one has is not, nor what is not ours."""
        process = self.start("out.so")
        self.wait_for(process, "params|.*tmp|owner")
        process.kill()
        process.wait()
        process.stderr.close()
        with open(self.path(".out.so.resq-1-0.tmp"), "w"):
            pass
        for name in ("resq-work-models", "resq-work-noting"): # six letters, as ours; but with something of a person's in it
            os.makedirs(os.path.join(self.tmp, name))
            with open(os.path.join(self.tmp, name, "notes"), "w"):
                pass
        dead = set(os.listdir(self.tmp))
        living = self.start("other.so")
        self.wait_for(living, "(?!owner$).+", dead) # a file of later: before it, the owner's may be there and not locked yet
        living.send_signal(signal.SIGSTOP)
        own = set(os.listdir(self.tmp)) - dead
        self.run_it([SET["resqc"], SET["warning"], *QUICK, "--emit=shared", "-o", "out.so"], 0)
        after = set(os.listdir(self.tmp))
        living.send_signal(signal.SIGCONT)
        self.assertEqual(living.wait(), 0, living.stderr.read())
        living.stderr.close()
        self.assertEqual(len(own), 1)
        self.assertEqual(after, own | {"resq-work-models", "resq-work-noting"})
        self.assertEqual(sorted(name for name in os.listdir(self.place) if "." in name[:1]), [])


class FileSizeLimit(Case):
    def limited(self, words, size=1024):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        before = contents(self.place)
        self.run_it(words, 5, preexec_fn=limit)
        self.assertEqual(contents(self.place), before)
        self.assertEqual(os.listdir(self.tmp), [])

    def test_tokenize(self):
        self.limited([SET["binary"], "tokenize", SET["model"], "-o", self.path("ids")])

    def test_logits(self):
        self.limited([SET["binary"], "logits", "-p", "abc", "--all", "-o", self.path("rows")])

    def test_compile(self):
        self.limited([SET["resqc"], SET["model"], *QUICK, "-o", self.path("out")])

    def test_resq_opt(self):
        # What a pipe would take whole comes to a file in one piece: the file is there, and its maker says that it is cut.
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with open(self.path("out"), "wb") as out:
            self.run_it([SET["opt"], SET["warning"]], 5, stdout=out, preexec_fn=limit)


class Memory(Case):
    def test_openblas(self):
        """Limits at which OpenBLAS asked for its buffers for ever; below them the libraries are not loaded (127)."""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (440000 << 10, 440000 << 10))
        done = subprocess.run([SET["resqc"], SET["model"], "-o", self.path("x"), "--scheme=resq-w4a4kv4", "--levels=generic",
                               "--threads=1", "--calibration-windows=1"], env=self.environment, preexec_fn=limit, timeout=100,
                              stderr=subprocess.PIPE)
        self.assertIn(done.returncode, (6, 127), done.stderr)
        self.assertEqual((contents(self.place), os.listdir(self.tmp)), ({}, []))


class SmallOnes(Case):
    def test_help_to_a_full_device(self):
        for program in (SET["resqc"], SET["opt"], SET["binary"]):
            for word in ("--help", "--version"):
                with open("/dev/full", "wb") as full:
                    self.run_it([program, word], 5, stdout=full)
        with open("/dev/full", "wb") as full:
            self.run_it([SET["binary"], "generate", "--help"], 5, stdout=full)

    def test_cache_folders(self):
        words = [SET["resqc"], SET["model"], "-o", "x", *QUICK]
        self.run_it([*words, "--cache=a/b/c"], 0)
        self.assertTrue(os.listdir(self.path("a/b/c")))
        with open(self.path("file"), "w"):
            pass
        self.assertIn("--cache=file", self.run_it([*words, "--cache=file"], 5).text)
        self.assertIn("--cache=file/x", self.run_it([*words, "--cache=file/x"], 5).text)
        # What cannot be kept is said, once, and the compile is none the worse for it.
        for name in os.listdir(self.path("a/b/c")):
            os.remove(self.path(f"a/b/c/{name}"))
            os.mkdir(self.path(f"a/b/c/{name}"))
        text = self.run_it([*words, "--cache=a/b/c"], 0).text
        self.assertEqual(text.count("resqc: warning: "), 1, text)

    def test_tmpdir_like_an_option(self):
        os.makedirs(self.path("-Wl,--no-such"))
        self.environment["TMPDIR"] = "-Wl,--no-such"
        self.run_it([SET["resqc"], SET["warning"], "-o", "x.so", "--emit=shared", *QUICK], 0)
        self.assertEqual(os.listdir(self.path("-Wl,--no-such")), [])

    def test_wrong_library_path(self):
        self.environment["RESQ_LIBRARY_PATH"] = "/nowhere"
        text = self.run_it([SET["resqc"], SET["model"], "-o", "x", *QUICK], 1).text
        self.assertIn("RESQ_LIBRARY_PATH=/nowhere", text)

    def test_named_option(self):
        for words, named in ((["--no-such"], "--no-such is not known"), (["-va"], "-a is not known"),
                             (["--verbose=1"], "--verbose takes no argument"), (["--cal=x"], "--cal is short for more"),
                             (["--scheme"], "--scheme needs an argument"), (["--threads=x"], "--threads=x"),
                             (["--seed", "-fa"], "--seed=-fa"), (["-o"], "-o needs an argument")):
            self.assertIn(named, self.run_it([SET["resqc"], SET["model"], *words], 2).text)


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        self.good = getattr(self, "good", 0) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--interrupts", type=int, default=4)
    parser.add_argument("--only")
    o = parser.parse_args()
    Interrupts.count = o.interrupts
    folder = tempfile.mkdtemp(prefix="resq-faults-")
    try:
        make_all(os.path.abspath(o.build), folder)
        loader = unittest.TestLoader()
        loader.testNamePatterns = [f"*{o.only}*"] if o.only else None
        result = unittest.TextTestRunner(resultclass=Result, verbosity=2).run(loader.loadTestsFromModule(sys.modules[__name__]))
    finally:
        shutil.rmtree(folder)
    good, bad = getattr(result, "good", 0), len(result.failures) + len(result.errors)
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)


if __name__ == "__main__":
    main()
