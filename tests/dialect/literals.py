# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails where C code names an op, an operand or an attribute of the dialect by a literal: dialect/ops.h has accessors for all of
them, and dialect/attributes.h the names of attributes on other ops.  literals.py ROOT

ALLOWED says how many calls with such a literal a file may have that is not converted yet: a number here may only shrink. Attributes
of other dialects count where they are called as one of ours is (sym_name of a func.func)."""
import pathlib
import re
import sys

ALLOWED = {
    "lowering/calls/kernel_call.c": 2,
    "lowering/codegen/object.c": 1,
    "lowering/cpu/cpu_call.c": 4,
    "lowering/entries/entry_text.c": 2,  # fields of a text for people, not of the dialect
    "lowering/gpu/launch.c": 3,
    "lowering/report/recipes.c": 1,
}
root = pathlib.Path(sys.argv[1])
td = (root / "dialect/resq.td").read_text()
attributes = {"operandSegmentSizes"}
for arguments in re.findall(r"let arguments = \(ins(.*?)\);", td, flags=re.S):
    attributes |= set(re.findall(r"Attr\w*(?:<[^$]*>)?:\$(\w+)", arguments))
assert len(attributes) > 20, "the arguments of ops are not found in resq.td"
CALL = re.compile(
    r"\b(?:resq_op_\w+|resq_attr(?:_\w+)?|resq_str|resq_build_(?:op|value)|resq_value_is_from|resq_for_each|arg_fact|set)"
    r'\((?:[^"();]|\((?:[^"();]|\([^"();]*\))*\))*"([^"]*)"')
found, wrong = {}, []
for path in sorted([*(root / "passes").rglob("*.c"), *(root / "lowering").rglob("*.c")]):
    name = path.relative_to(root).as_posix()
    text = path.read_text()
    calls = [m for m in CALL.finditer(text) if m[1] in attributes or m[1].startswith("resq.")]
    if len(calls) > ALLOWED.get(name, 0):
        lines = [f"{name}:{text.count(chr(10), 0, m.start()) + 1}: {m[0]}" for m in calls]
        wrong.append("\n".join([f"{name}: {len(calls)} literals, allowed: {ALLOWED.get(name, 0)}", *lines]))
    found[name] = len(calls)
    if len(calls) < ALLOWED.get(name, 0):
        print(f"note: {name} has {len(calls)} literals: lower the {ALLOWED[name]} of ALLOWED")
for name in sorted(ALLOWED.keys() - found.keys()):
    print(f"note: {name} is no more: take it out of ALLOWED")
print("\n".join(wrong) or f"{sum(found.values())} literals left, in {sum(map(bool, found.values()))} of {len(found)} files")
sys.exit(bool(wrong))
