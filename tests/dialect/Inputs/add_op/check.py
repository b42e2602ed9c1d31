#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adds the ops of this folder to copies of resq.td and of the tables, as docs/extending.md shows them, and compiles what belongs to
them; then leaves parts out, each of which must not pass: check.py ROOT FOLDER CLANG LLVM-INCLUDE"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
root, folder, clang, include = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
KERNEL = root / "tests/lowering/Inputs/add_kernel"
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(root / "runtime/kernels", folder / "kernels")
(folder / "lowering/recipes").mkdir(parents=True)
for header in (root / "lowering/recipes").glob("*.h"):
    shutil.copy(header, folder / "lowering/recipes")
FLAGS = ["-std=gnu17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", f"-I{folder}", f"-I{root}",
         f"-I{root}/runtime", f"-I{root}/runtime/include", f"-I{root}/dialect/include", f"-isystem{include}"]


def replaced(name, before, after):
    text = (root / name).read_text()
    assert before in text, (name, before)
    return text.replace(before, after, 1)


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def generate(definition):
    """ResqOpsC.h.inc with the additional op."""
    end = "\n#endif // RESQ_TD"
    (folder / "resq.td").write_text(replaced("dialect/resq.td", end, f"\n{definition}{end}"))
    done = run("llvm-tblgen", f"-I{include}", "--dump-json", folder / "resq.td", "-o", folder / "resq.json")
    assert done.returncode == 0, done.stderr
    return run("resq-generate-ops", "--header", folder / "resq.json", folder / "ResqOpsC.h.inc")


def compile_c(source):
    return run(clang, *FLAGS, source)


def passes(done):
    assert done.returncode == 0, done.stdout + done.stderr


def fails(done, message):
    assert done.returncode != 0 and message in done.stdout + done.stderr, (message, done.stdout, done.stderr)


def add_rule(row):
    (folder / "lowering/recipes/rules.def").write_text(replaced("lowering/recipes/rules.def", "RULE(leaf,", f"{row}RULE(leaf,"))


def add_kernel(row):
    (folder / "kernels/kernels.def").write_text(replaced("runtime/kernels/kernels.def", "\n#undef KERNEL\n", f"\n{row}\n#undef KERNEL\n"))


def by_name(*more):
    return run(sys.executable, HERE.parent.parent / "by_name.py", folder / "resq.json", folder / "kernels/kernels.def",
               *(root / "dialect/definitions").glob("*.mlir"), *more)


# An op of recipes: definition, row, rule.
op, row = (HERE / "negate.td").read_text(), (HERE / "negate_rule.def").read_text()
passes(generate(op))
add_rule(row)
for source in ["evaluate_negate.c", "use_negate.c"]:
    passes(compile_c(HERE / source))
add_rule("")
fails(compile_c(HERE / "evaluate_negate.c"), "no previous prototype for function 'resq_evaluate_negate'")
passes(generate(""))
fails(compile_c(HERE / "use_negate.c"), "resqNegateOpBuild")
print("resq.negate compiles; without its row or its definition it does not")

# An op of functions: resq.td, its definition, the row and the file of its kernel (tests/lowering/add_kernel.test compiles that).
op, row = (HERE / "scale.td").read_text(), (KERNEL / "row.def").read_text()
passes(generate(op))
add_kernel(row)
passes(compile_c(root / "dialect/signature.c"))
passes(run("resq-opt", HERE / "scale.mlir"))
passes(by_name(HERE / "scale.mlir"))
assert "ROW(scale)" not in (folder / "ResqOpsC.h.inc").read_text()  # neither an emitter nor a rule is asked for
fails(by_name(), "resq.scale: @resq.def.scale has no place")
add_kernel("")
fails(by_name(HERE / "scale.mlir"), "resq.scale: resq_scale is not in kernels.def")
add_kernel(row.replace("factor", "by"))
fails(by_name(HERE / "scale.mlir"), "resq.scale: resq_scale has no real 'factor'")
add_kernel(row)
fails(generate(op.replace('let roles = "r";', "")), "resq.scale may be in a function, and has no `roles`")
fails(generate(op.replace("Resq_Rows:$x", "Variadic<Resq_Rows>:$x").replace(", SameOperandsAndResultType", "")),
      "resq.scale: 'x' is neither one value nor a number, a flag or an enum, so that its definition is not called by name: allowed is "
      "`let hasDefinitionRule = 1`")
passes(generate(op))
fails(compile_c(HERE / "emit_scale.c"), "no previous prototype for function 'resq_emitter_scale'")
passes(generate(op.replace('let roles = "r";', 'let roles = "r";\n  let hasEmitter = 1;')))
passes(compile_c(HERE / "emit_scale.c"))
print("resq.scale compiles; without its definition, its kernel, its roles or its emitter it does not")
