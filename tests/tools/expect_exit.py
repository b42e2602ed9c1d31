#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""expect_exit.py CODE COMMAND...: runs a command that must end with CODE and say exactly one line on stderr, which is
passed on to stdout for FileCheck. A tool that crashes, or that says more or less than one line, fails."""
import subprocess
import sys

run = subprocess.run(sys.argv[2:], stderr=subprocess.PIPE, stdout=subprocess.PIPE, timeout=60)
lines = run.stderr.decode(errors="replace").splitlines()
print("\n".join(lines))
if run.returncode != int(sys.argv[1]) or len(lines) != 1 or run.stdout:
    sys.exit(f"expect_exit: status {run.returncode}, {len(lines)} lines of stderr, {len(run.stdout)} bytes of stdout")
