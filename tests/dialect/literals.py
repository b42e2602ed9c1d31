# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails where C code names an op, an operand or an attribute of the dialect by a literal: dialect/ops.h has accessors for all of
them, and dialect/attributes.h the names of attributes on other ops.  literals.py ROOT

The name of a symbol of any dialect is written by resq_attr_symbol_name and read by resq_symbol_name (dialect/build.h)."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
td = (root / "dialect/resq.td").read_text()
attributes = {"operandSegmentSizes"}
for arguments in re.findall(r"let arguments = \(ins(.*?)\);", td, flags=re.S):
    attributes |= set(re.findall(r"Attr\w*(?:<[^$]*>)?:\$(\w+)", arguments))
assert len(attributes) > 20, "the arguments of ops are not found in resq.td"
CALL = re.compile(
    r"\b(?:resq_op_\w+|resq_attr(?:_\w+)?|resq_str|resq_build_(?:op|value)|resq_value_is_from|resq_for_each|arg_fact|set)"
    r'\((?:[^"();]|\((?:[^"();]|\([^"();]*\))*\))*"([^"]*)"')
paths = sorted([*(root / "passes").rglob("*.c"), *(root / "lowering").rglob("*.c")])
assert len(paths) > 100, "the sources of passes and lowering are not found"
wrong = []
for path in paths:
    text = path.read_text()
    wrong += [f"{path.relative_to(root).as_posix()}:{text.count(chr(10), 0, m.start()) + 1}: {m[0]}"
              for m in CALL.finditer(text) if m[1] in attributes or m[1].startswith("resq.")]
print("\n".join(wrong) or f"no literals in {len(paths)} files")
sys.exit(bool(wrong))
