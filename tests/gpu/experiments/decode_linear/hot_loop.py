#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts the instructions of each kernel's hottest loop: the innermost one with the most table lookups (LDS.U16).

    nvdisasm -c IMAGE.cubin > IMAGE.sass; hot_loop.py IMAGE.sass [NAME]
"""
import collections
import re
import sys


def loops(lines):
    """(first, last) line of every loop, by its backward branch."""
    labels = {m.group(1): i for i, line in enumerate(lines) if (m := re.match(r"\s*(\.L_x_\d+):", line))}
    for i, line in enumerate(lines):
        m = re.search(r"\bBRA.*?`\((\.L_x_\d+)\)", line)
        if m and labels.get(m.group(1), i) < i:
            yield labels[m.group(1)], i


def main():
    text = open(sys.argv[1]).read()
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    for section in re.split(r"\.section\s+\.text\.", text)[1:]:
        name = section.split(",")[0]
        if wanted not in name:
            continue
        lines = section.split("\n")
        best = None
        for first, last in loops(lines):
            ops = [m.group(1) for line in lines[first:last + 1]
                   if (m := re.search(r"^\s+(?:/\*\w+\*/)?\s*(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.]*)", line))]
            lookups = sum(op.startswith("LDS.U16") for op in ops)
            if lookups and (best is None or (lookups, -len(ops)) > (best[0], -len(best[1]))):
                best = lookups, ops
        if best:
            kinds = collections.Counter(op.split(".")[0] for op in best[1])
            print(f"{name}: {len(best[1])} instructions, {best[0]} lookups:",
                  ", ".join(f"{op} {n}" for op, n in kinds.most_common()))
        whole = collections.Counter(re.findall(r"\b(LDL|STL|UBLKCP|IMMA|IGMMA|LDGSTS|ACQBULK|PREEXIT)\b", section))
        if best:
            print("   whole kernel:", dict(whole))


main()
