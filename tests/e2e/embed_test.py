# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A program that embeds compiled models: what libraries export, several of them in one process, and calls with wrong values."""
import os
import re
import shutil
import sys
import unittest
from array import array

import support
from support import RESQC, ROOT, run

sys.path.append(os.path.join(ROOT, "tests", "diff"))
from session import Error, Model, Session  # noqa: E402

INPUTS = os.path.join(ROOT, "tests", "e2e", "Inputs", "embed")
INCLUDE = os.path.join(ROOT, "runtime", "include")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
ASAN = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
NAMES = ["resq_model_open", "resq_model_close", "resq_session_create", "resq_session_destroy", "resq_session_call",
         "resq_session_forward", "resq_session_vocabulary", "resq_session_capacity", "resq_session_level", "resq_session_note",
         "resq_session_observe",
         "resq_session_profile", "resq_session_profile_print", "resq_program_v1"]


def library(name, source=None):
    """NAME.so and NAME.h in the work folder, of Inputs/embed/NAME.mlir or another source; made once."""
    out = support.path(name + ".so")
    if not os.path.exists(out):
        run([RESQC, source or os.path.join(INPUTS, name + ".mlir"), "-o", out, "--emit=shared", "--scheme=none", "--levels=generic"])
    return out


def tiny_library():
    return library("tiny", support.make_tiny("embed.gguf", "--width", "32", "--heads", "2", "--kv-heads", "1", "--layers", "1",
                                             "--intermediate", "32", "--vocabulary", "260"))


def host(source, *libraries, compiler="cc", options=()):
    """Compiles Inputs/embed/SOURCE with the libraries and runs it; its output."""
    out = support.path(source + ".host")
    language = "c++" if "++" in compiler else "c"
    run([compiler, "-x", language, *STRICT, *options, "-I", INCLUDE, "-I", support.WORK, os.path.join(INPUTS, source), "-x", "none",
         *libraries, "-Wl,-rpath," + support.WORK, "-o", out])
    return run([out], env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1"}).decode()


def exports(file):
    return sorted(line.split()[2] for line in run(["nm", "-D", "--defined-only", file]).decode().splitlines())


class Symbols(unittest.TestCase):
    """Row *symbols*."""

    def test_what_headers_declare(self):
        with open(os.path.join(INCLUDE, "resq", "session.h")) as file:
            declared = re.findall(r"^RESQ_API .*?[ *](resq_\w+)\(", file.read(), re.M)
        self.assertEqual(sorted(declared + ["resq_program_v1"]), sorted(NAMES))
        self.assertEqual(exports(library("times2")), sorted(NAMES + ["times2_program"]))
        self.assertEqual(exports(tiny_library()), sorted(NAMES + ["tiny_program"]))

    def test_a_host_with_our_names(self):
        found = host("clash.c", library("times2"), options=["-rdynamic"])
        self.assertEqual(found, "2; @mlp: argument 'y' has 2 rows, expected 1, as many as 'x' has\n")


class TwoModels(unittest.TestCase):
    """Row *two models*."""

    def test_linked_from_c(self):
        for libraries in (["times2", "times3"], ["times3", "times2"]):
            self.assertEqual(host("two_models.c", *map(library, libraries), options=ASAN), "32 48\n")

    def test_linked_from_cpp(self):
        compiler = shutil.which("c++") or "clang++-22"
        self.assertEqual(host("two_models.c", library("times2"), library("times3"), compiler=compiler), "32 48\n")

    def test_loaded(self):
        """By dlopen, local and global, in either order, each in a process of its own."""
        program = ("import sys; sys.path.append(sys.argv[1]); from session import *; from array import array\n"
                   "one = (array('f', [1.0] * 16), 1)\n"
                   "models = [Model(path, mode=getattr(ctypes, sys.argv[2])) for path in sys.argv[3:]]\n"
                   "sessions = [Session(model, threads=2) for model in models]\n"
                   "print([s.call('mlp', [one], [(1, 16)])[0][0] for s in sessions])\n")
        paths = [library("times2"), library("times3")]
        for mode in ("RTLD_LOCAL", "RTLD_GLOBAL"):
            for order, expected in ((paths, "[32.0, 48.0]\n"), (paths[::-1], "[48.0, 32.0]\n")):
                found = run([sys.executable, "-c", program, os.path.join(ROOT, "tests", "diff"), mode, *order]).decode()
                self.assertEqual(found, expected, mode)


class Header(unittest.TestCase):
    """Row *small ones*: a symbol name with `*/` in the generated header."""

    def test_odd_names(self):
        library("lib7b-we.ird", os.path.join(INPUTS, "odd_names.mlir"))
        header = support.path("lib7b-we.ird.h")
        for compiler, *options in (("cc", "-x", "c", "-std=c11"), ("cc", "-x", "c", "-std=c99", "-trigraphs"),
                                   ("clang-22", "-x", "c", "-std=c17"), ("clang++-22", "-x", "c++", "-std=c++17")):
            with self.subTest(compiler):
                run([compiler, *options, *STRICT, "-I", INCLUDE, "-fsyntax-only", "-include", header, "/dev/null"])
        with open(header) as file:
            names = re.findall(r"static inline bool (\w+)\(", file.read())
        self.assertEqual(names, ["model_7b_we_ird_a_b_", "model_7b_we_ird_a_b", "model_7b_we_ird_a_b_2", "model_7b_we_ird_program_2",
                                 "model_7b_we_ird_none", "model_7b_we_ird_nder_"])

    def test_odd_names_are_called(self):
        session = Session(Model(library("lib7b-we.ird", os.path.join(INPUTS, "odd_names.mlir"))))
        x = (array("f", range(12)), 3)
        self.assertEqual(list(session.call('a*/b\n??/"\\', [x, (array("i", [2, 0]), 2)], [(2, 4)])[0]), [8, 9, 10, 11, 0, 1, 2, 3])
        self.assertEqual(session.call("none", [], []), [])
        session.call("\u00fcnder/*", [x], [])
        session.close()


# What each call of bad_calls.c, and of ctypes below, must be told.
LANGUAGE_MODEL = {
    "position 500000": "@forward: positions[0] is 500000, allowed: 0 to ",
    "position -1": "@forward: positions[0] is -1, allowed: 0 to ",
    "sequence 77": "@forward: sequences[0] is 77, allowed: 0 to 0",
    "token 99999": "@forward: tokens[0] is 99999, allowed: 0 to 259",
    "token -1": "@forward: tokens[0] is -1, allowed: 0 to 259",
    "logit row 1 of 1": "@forward: logit_rows[0] is 1, allowed: 0 to 0",
    "a gap": "@forward: positions[0] is 50: sequence 0 holds 0 tokens",
    "1 result row for 2 logit rows": "@forward: argument 'result0' has 1 rows, expected 2, as many as 'logit_rows' has",
}
FUNCTIONS = {
    "position 5e8": "@f: arg1[0] is 500000000, allowed: 0 to 2047",
    "sequence 7": "@f: arg2[0] is 7, allowed: 0 to 0",
    "0 result rows": "@f: argument 'result0' has 0 rows, expected 2",
    "positions of 0 rows beside keys of 2": "@f: argument 'arg1' has 0 rows, expected 2",
    "negative rows": "@f: argument 'arg0' has -1 rows",
    "NULL keys": "@f: argument 'arg0' is NULL",
    "NULL positions": "@f: argument 'arg1' is NULL",
    "NULL result": "@f: argument 'result0' is NULL",
    "NULL rows": "@f: the list of rows is NULL",
    "NULL args": "@f: the list of arguments is NULL",
    "3 args": "@f takes 4 arguments and results, 3 given",
    "the result is the keys": "@f: the memory of result 'result0' overlaps that of 'arg0'",
    "gather row 7 of 1": "@gather: arg1[0] is 7, allowed: 0 to 0",
    "gather row -1": "@gather: arg1[0] is -1, allowed: 0 to 0",
    "gather 300 rows": "@gather: 300 rows, one call holds 128 and arguments of other extents cannot be cut with it",
}


class BadCalls(unittest.TestCase):
    """Rows *the generated header*, *a gap* and *library calls*."""

    def test_from_c(self):
        """Under the address sanitizer."""
        lines = host("bad_calls.c", tiny_library(), library("kv"), options=ASAN).splitlines()
        expected = [*LANGUAGE_MODEL.items(),
                    ("a gap in resq_session_forward", "@forward: positions[0] is 50: sequence 0 holds 0 tokens"),
                    ("no tokens in resq_session_forward", "@forward: argument 'tokens' is NULL"), ("right", "ran"),
                    *FUNCTIONS.items(), ("right", "ran")]
        self.assertEqual(len(lines), len(expected), lines)
        for line, (call, says) in zip(lines, expected):
            self.assertTrue(line.startswith(f"{call}: {says}"), f"{line!r} instead of {call}: {says}")

    def check(self, session, function, arrays, results, says):
        with self.assertRaises(Error) as caught:
            session.call(function, [(array(kind, values), rows) for kind, values, rows in arrays], results)
        self.assertTrue(str(caught.exception).startswith(f"{function}: {says}"), str(caught.exception))

    def test_from_ctypes(self):
        session = Session(Model(tiny_library()))
        for call, row in {"position 500000": (1, 500000, 0, 0), "position -1": (1, -1, 0, 0), "sequence 77": (1, 0, 77, 0),
                          "token 99999": (99999, 0, 0, 0), "token -1": (-1, 0, 0, 0), "logit row 1 of 1": (1, 0, 0, 1),
                          "a gap": (1, 50, 0, 0)}.items():
            self.check(session, "forward", [("i", [v], 1) for v in row], [(1, 260)], LANGUAGE_MODEL[call])
        self.check(session, "forward", [("i", [1, 2], 2), ("i", [0, 1], 2), ("i", [0, 0], 2), ("i", [0, 1], 2)], [(1, 260)],
                   LANGUAGE_MODEL["1 result row for 2 logit rows"])
        session.close()
        session = Session(Model(library("kv")), capacity=2048)
        key = ("f", [1.0] * 16, 1)
        for call, arrays, results in (
                ("position 5e8", [key, ("i", [500000000], 1), ("i", [0], 1)], [(1, 16)]),
                ("sequence 7", [key, ("i", [0], 1), ("i", [7], 1)], [(1, 16)]),
                ("0 result rows", [("f", [1.0] * 32, 2), ("i", [0, 1], 2), ("i", [0, 0], 2)], [(0, 16)]),
                ("positions of 0 rows beside keys of 2", [("f", [1.0] * 32, 2), ("i", [], 0), ("i", [], 0)], [(2, 16)]),
                ("negative rows", [("f", [1.0] * 16, -1), ("i", [0], -1), ("i", [0], -1)], [(1, 16)])):
            self.check(session, "f", arrays, results, FUNCTIONS[call])
        self.check(session, "gather", [key, ("i", [7], 1)], [(1, 16)], FUNCTIONS["gather row 7 of 1"])
        self.check(session, "gather", [key, ("i", [-1], 1)], [(1, 16)], FUNCTIONS["gather row -1"])
        self.check(session, "gather", [("f", [1.0] * 32, 2), ("i", [0] * 300, 300)], [(300, 16)], FUNCTIONS["gather 300 rows"])
        session.close()


if __name__ == "__main__":
    unittest.main()
