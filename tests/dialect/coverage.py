# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails where resq.td has an op that ops.mlir does not show, or a constraint that errors.mlir does not break."""
import re
import sys

td, ops, errors = (open(path).read() for path in sys.argv[1:4])
# Constraints that no module in text can break alone, and why.
EXEMPT = {
    ("leaf", 2): "checked by materialize, against the file",
}
missing = []
definitions = re.split(r"^def ", td, flags=re.M)[1:]
for text in definitions:
    op = re.match(r'\w+\s*:\s*Resq_(?:Shared|Recipe|Lowered)?Op<"(\w+)"', text)
    kind = re.match(r'\w+\s*:\s*Resq_(?:Type|KvCode|BasisStep)<"\w+", "(\w+)"', text)
    if not op and not kind:
        continue
    name = (op or kind).group(1)
    if op and not re.search(rf"\bresq\.{name}\b", ops):
        missing.append(f"ops.mlir has no resq.{name}")
    description = "".join(re.findall(r"description = \[\{(.*?)\}\]", text, flags=re.S))
    numbers = {int(n) for n in re.findall(r"\bC(\d+):", description)}
    for first, last in re.findall(r"\bC(\d+)\.\.C(\d+) as", description):
        numbers |= set(range(int(first), int(last) + 1))
    for n in sorted(numbers):
        prefix = rf"'resq\.{name}' op " if op else r"\{\{"
        if (name, n) not in EXEMPT and not re.search(rf"{prefix}C{n}:", errors):
            # param's C2 and C3 are said at the op that breaks them
            if name != "param" or not re.search(rf"op C{n}: (\S+ stands in a recipe|@\w+ depends)", errors):
                missing.append(f"errors.mlir does not break C{n} of {name}")
print("\n".join(missing) or f"{len(definitions)} definitions covered")
sys.exit(bool(missing))
