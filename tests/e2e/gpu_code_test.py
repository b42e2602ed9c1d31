# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPU code of every kind of op, weight and cache: PTX is made, and assembled by ptxas where that is installed."""
import concurrent.futures
import os
import shutil
import subprocess
import unittest

from support import RESQC, make_tiny, path, run

CHIPS = ["sm_90a", "sm_80"]
ROWS = ["16,16", "256,256"]  # of entries: few and many
# A scheme with a cache: of each kind of code, rotation and stored weight one at least.
CASES = [["--scheme=bf16", "--kv=keys=qjlg4,values=int2"], ["--scheme=resq-w4a4kv4", "--high=e4m3", "--kv=f32"],
         ["--scheme=best-w4a8kv3"], ["--scheme=w5", "--kv=keys=qjl:rows=4d:buffer=32,values=f16"],
         ["--scheme=w8a8", "--kv=keys=lm1,values=int8"]]
PTXAS = os.environ.get("PTXAS") or shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")


class Code(unittest.TestCase):
    def assemble(self, index):
        chip, ptx = CHIPS[index % len(CHIPS)], path(f"code{index}.ptx")
        run([RESQC, make_tiny(), "-o", ptx, "--emit=ptx", f"--chip={chip}", f"--gpu-rows={ROWS[index // 2 % len(ROWS)]}",
             "--params=absent", *CASES[index]])
        with open(ptx) as file:
            text = file.read()
        self.assertRegex(text, rf"\n\.version 8\.0\n\.target {chip}\n")
        self.assertNotRegex(text, r"\.extern \.func|\bcall\b", "a kernel calls what it has not inside")
        self.assertGreater(text.count(".entry resq_"), 10)
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
