#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adds the op of this folder to a copy of resq.td and of rules.def, generates the accessors and compiles the rule and a user, as
docs/extending.md shows them; then leaves parts out, each of which must not compile: check.py ROOT FOLDER CLANG LLVM-INCLUDE"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
root, folder, clang, include = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
shutil.rmtree(folder, ignore_errors=True)
(folder / "lowering/recipes").mkdir(parents=True)
for header in (root / "lowering/recipes").glob("*.h"):
    shutil.copy(header, folder / "lowering/recipes")
FLAGS = ["-std=gnu17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", f"-I{folder}", f"-I{root}",
         f"-I{root}/runtime", f"-I{root}/runtime/include", f"-I{root}/dialect/include", f"-isystem{include}"]


def generate(definition, row):
    """ResqOpsC.h.inc and rules.def with the additions."""
    end = "\n#endif // RESQ_TD"
    (folder / "resq.td").write_text((root / "dialect/resq.td").read_text().replace(end, f"\n{definition}{end}", 1))
    (folder / "lowering/recipes/rules.def").write_text((root / "lowering/recipes/rules.def").read_text().replace(
        "RULE(leaf,", f"{row}RULE(leaf,", 1))
    subprocess.run(["llvm-tblgen", f"-I{include}", "--dump-json", folder / "resq.td", "-o", folder / "resq.json"], check=True)
    subprocess.run(["resq-generate-ops", "--header", folder / "resq.json", folder / "ResqOpsC.h.inc"], check=True)


def compile_c(name):
    return subprocess.run([clang, *FLAGS, HERE / name], capture_output=True, text=True)


op, row = (HERE / "op.td").read_text(), (HERE / "rule.def").read_text()
generate(op, row)
for source in ["evaluate_negate.c", "use_negate.c"]:
    done = compile_c(source)
    assert done.returncode == 0, done.stderr
generate(op, "")
done = compile_c("evaluate_negate.c")
assert done.returncode != 0 and "no previous prototype for function 'resq_evaluate_negate'" in done.stderr, done.stderr
generate("", row)
done = compile_c("use_negate.c")
assert done.returncode != 0 and "resqNegateOpBuild" in done.stderr, done.stderr
print("resq.negate compiles; without its row or its definition it does not")
