# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPU code of every kind of op and cache: all launches name kernels that the PTX has, and ptxas, where it is installed, assembles it."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import unittest

from support import RESQC, make_tiny, path, run

CHIPS = ["sm_90a", "sm_80"]
# A scheme with a cache: of each kind of code, rotation and stored weight one at least.
CASES = [["--scheme=none", "--kv=keys=qjlg4,values=int2"], ["--scheme=bf16", "--kv=keys=resq:qjl3:basis=pca,values=lm4"],
         ["--scheme=quarot-w4a4kv4"], ["--scheme=resq-w4a4kv4", "--high=e4m3", "--kv=f32"], ["--scheme=best-w4a8kv3"],
         ["--scheme=w5", "--kv=keys=qjl:rows=4d:buffer=32,values=f16"], ["--scheme=w8a8", "--kv=keys=lm1,values=int8"]]
PTXAS = os.environ.get("PTXAS") or shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")


def emit(form, index, chip, *options):
    out = path(f"code{index}.{form}")
    run([RESQC, make_tiny(), "-o", out, f"--emit={form}", f"--chip={chip}", "--levels=cuda", "--params=absent", *CASES[index], *options])
    return out


class Code(unittest.TestCase):
    def check(self, index):
        chip = CHIPS[index % len(CHIPS)]
        with open(emit("ptx", index, chip)) as file:
            text = file.read()
        self.assertRegex(text, rf"\n\.version 8\.0\n\.target {chip}\n")
        self.assertNotRegex(text, r"\n\.extern \.func|\bcall\b", "a kernel calls what it has not inside")
        made = set(re.findall(r"\.entry (\w+)\(", text))
        with open(emit("lowered", index, chip)) as file:
            lines = [line for line in file if line.lstrip().startswith("resq.launch ")]
        named = set(re.findall(rf"@{chip}::@(\w+)", "".join(lines)))
        self.assertGreater(len(lines), 20)
        self.assertLessEqual(named, made)
        return chip, path(f"code{index}.ptx")

    def assemble(self, index):
        chip, ptx = self.check(index)
        if not PTXAS:
            return
        done = subprocess.run([PTXAS, f"-arch={chip}", "--warning-as-error", ptx, "-o", ptx + ".cubin"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{CASES[index]}: {done.stdout}{done.stderr}")

    def test_code(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in pool.map(self.assemble, range(len(CASES))):
                pass
        if not PTXAS:
            self.skipTest("no ptxas (PTXAS names one): PTX was made, and not assembled")
