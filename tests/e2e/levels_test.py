# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of levels, runtime/base/levels.def: names that are in no row, rows that are not right, and a level of another
architecture, whose logits are those of the generic level of this one, bit for bit."""
import json
import os
import shutil
import subprocess
import unittest

import numpy as np

import support
from support import BUILD, RESQC, ROOT, compile_model, cpu_levels, logits, make_tiny, run

ALLOWED = f"level 'sse9' is not known; allowed: {', '.join(cpu_levels.names())}"
IDS = np.random.default_rng(7).integers(0, 512, 40)


def refused(command, status, **environment):
    """What a command that must end in `status` says on stderr."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment}, timeout=300)
    words = done.stderr.decode(errors="replace")
    if done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}, not {status}: {words}")
    return words


class Unknown(unittest.TestCase):
    def test_compiler(self):
        self.assertIn(ALLOWED, refused([RESQC, make_tiny(), "-o", support.path("none"), "--levels=generic,sse9"], 2))

    def test_pass(self):
        kernels = [row[0] for row in cpu_levels.rows("RESQ_LEVEL_ROW") if row[1] == "KERNELS"]
        with open(support.path("empty.mlir"), "w") as module:
            module.write("module {}\n")
        words = refused([os.path.join(BUILD, "bin", "resq-opt"), "--pass-pipeline=builtin.module(resq-lower-cpu{level=sse9})",
                         support.path("empty.mlir")], 1)
        self.assertIn(f"level 'sse9' is not known; allowed: {', '.join(kernels)}", words)

    def test_binary(self):
        model = compile_model(make_tiny(), "--scheme=none", "--levels=generic")
        ids = support.write_ids(IDS)
        command = [model, "logits", "--ids", ids, "-o", support.path("none")]
        for words in (refused([*command, "--level=sse9"], 2), refused(command, 2, RESQ_LEVEL="sse9")):
            self.assertIn(ALLOWED, words)
            self.assertIn("this program was compiled for generic", words)
        self.assertIn("level 'avx2' is not in this program", refused([*command, "--level=avx2"], 2))

    def test_help(self):
        model = compile_model(make_tiny(), "--scheme=none", "--levels=generic")
        for command in ([RESQC, "--help"], [model, "--help"], [model, "logits", "--help"]):
            words = run(command).decode()
            for name in cpu_levels.names():
                self.assertRegex(words, rf"\b{name}\b", command)


class Table(unittest.TestCase):
    """Rows that the build refuses, in a sentence that names table, row and what is allowed."""

    def check(self, old, new, *words):
        with open(cpu_levels.TABLE) as table:
            text = table.read()
        self.assertIn(old, text)
        path = support.path("levels.def")
        with open(path, "w") as table:
            table.write(text.replace(old, new, 1))
        said = " ".join(refused(["cmake", f"-DRESQ_LEVELS_DEF={path}", "-P", os.path.join(ROOT, "cmake/ResqLevels.cmake")],
                                1 if words else 0).split())
        for word in ([path, *words] if words else []):
            self.assertIn(word, said)

    def test_accepted(self):
        self.check("RESQ_LEVEL_ROW(cuda", "RESQ_LEVEL_ROW(cuda")

    def test_columns(self):
        self.check('RESQ_LEVEL_ROW(generic, KERNELS, x86_64, ', 'RESQ_LEVEL_ROW(generic, KERNELS, ', "has 10 columns", "allowed: 11")

    def test_line(self):
        self.check('RESQ_LEVEL_ROW(generic, KERNELS,', 'RESQ_LEVEL_ROW(generic, KERNELS,\n', "a row must be one line")

    def test_fallback(self):
        self.check('"x86_64/avx2", generic', '"x86_64/avx2", genreic', "level avx2: fallback is genreic", "a level with kernels above it: generic")

    def test_architecture(self):
        self.check("KERNELS, aarch64,", "KERNELS, arm64,", "level aarch64: architecture arm64 has no row")

    def test_kind(self):
        self.check("RESQ_LEVEL_ROW(cuda, GPU,", "RESQ_LEVEL_ROW(cuda, CHIP,", "level cuda: kind is CHIP, allowed: KERNELS, DEFINITION, GPU")

    def test_nothing_of_its_own(self):
        self.check('"", generic, no, "any 64-bit', '"", none, no, "any 64-bit', "level aarch64: it has neither")


class OtherArchitecture(unittest.TestCase):
    """Level aarch64 is a row of the table alone: its kernels are the portable ones. Runs under QEMU."""

    @classmethod
    def setUpClass(cls):
        folder = os.path.join(BUILD, "aarch64")
        sysroot, build = os.path.join(folder, "sysroot"), os.path.join(folder, "build")
        done = subprocess.run([os.path.join(ROOT, "tools/dev/aarch64_sysroot.sh"), sysroot], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=300)
        if done.returncode:
            shutil.rmtree(sysroot, ignore_errors=True)
            raise unittest.SkipTest("no compiler, libraries or QEMU for aarch64: tools/dev/aarch64_sysroot.sh: "
                                    + " ".join(done.stdout.decode(errors="replace").split())[-300:])
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", build, f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cmake/aarch64.cmake",
             f"-DRESQ_SYSROOT={sysroot}", "-DRESQ_COMPILER=OFF", "-DRESQ_TESTS=OFF", *launcher])
        run(["ninja", "-C", build, "resq_runtime", "resq_command_line"])
        cls.emulator = os.path.join(sysroot, "run")
        cls.environment = {**os.environ, "RESQ_LIBRARY_PATH": os.path.join(build, "lib"),
                           "RESQ_CC_aarch64": os.path.join(sysroot, "cc")}

    def compile(self, scheme):
        out = support.path(f"aarch64-{scheme}")
        run([RESQC, make_tiny(), "-o", out, f"--scheme={scheme}", "--levels=aarch64"], env=self.environment)
        return out

    def test_logits(self):
        for scheme in ("none", "rtn-w4a4kv4"):
            out = support.path("aarch64.f32")
            run([self.emulator, self.compile(scheme), "logits", "--ids", support.write_ids(IDS), "--all", "-o", out])
            found = np.fromfile(out, dtype="<u4")
            wanted = logits(compile_model(make_tiny(), f"--scheme={scheme}", "--levels=generic"), IDS).view("<u4").ravel()
            self.assertEqual(found.tobytes(), wanted.tobytes(), scheme)

    def test_info(self):
        info = json.loads(run([self.emulator, self.compile("none"), "info", "--json"]))
        self.assertEqual((info["level"], info["cpu"]), ("aarch64", "the aarch64 baseline only"))

    def test_not_mixed(self):
        words = refused([RESQC, make_tiny(), "-o", support.path("none"), "--levels=generic,aarch64"], 2)
        self.assertIn("level 'generic' is for x86_64 and level 'aarch64' for aarch64", words)


if __name__ == "__main__":
    unittest.main()
