# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails where an op of functions gets its definition or its kernel by name (dialect/resq.td) and has none whose arguments are called
as its own, and are of the same kind: by_name.py RESQ.json KERNELS.def DEFINITION.mlir...

RESQ.json is what llvm-tblgen --dump-json makes of resq.td."""
import itertools
import json
import pathlib
import re
import sys

# Ops of functions that no kernel computes, and why.
NO_KERNEL = {"dequantize": "kernels take codes"}
records = json.loads(pathlib.Path(sys.argv[1]).read_text())
kernels = {m[1]: m[2] for m in re.finditer(r"KERNEL(?:_BY_UNITS)?\(resq_(\w+),((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)",
                                           pathlib.Path(sys.argv[2]).read_text())}
definitions = {m[1]: dict(re.findall(r"%(\w+): ([^,]+)", m[2])) for path in sys.argv[3:] for m in re.finditer(
    r"func\.func @resq\.def\.(\w+)\((.*?)\)\s*->", pathlib.Path(path).read_text(), flags=re.S)}
assert len(kernels) > 20 and len(definitions) > 20, "the tables are not found"
wrong, compared = [], 0


def parents(name):
    return records[name]["!superclasses"]


def kind(name):
    """What a name of `arguments` stands for; None for what goes by no name."""
    record = records[name]
    if "TypeConstraint" in parents(name):
        return "operand"
    while record.get("baseAttr"):
        record = records[record["baseAttr"]["def"]]
    if "EnumAttr" in record["!superclasses"]:
        return ["_".join([*re.findall("[A-Z]?[a-z0-9]+", records[e["def"]]["symbol"])]).lower()
                for e in records[record["enum"]["def"]]["enumerants"]]
    value = (record.get("valueType") or {}).get("def")
    return {"I64": "number", "F32": "real", "NoneType": "flag", "I1": "flag"}.get(value)


TYPES = {"operand": r"tensor<.*>", "number": "index", "real": "f32", "flag": "i1"}
ROWS = {"operand": r"READ(?:_OR_NULL)?\(\w+, {}\)", "number": r"CONSTANT\({}\)", "flag": r"CONSTANT\({}\)",
        "real": r"CONSTANT_F32\({}\)", "result": r"(?:WRITE|UPDATE)\(\w+, {}\)"}
for name in records["!instanceof"]["Resq_Op"]:
    op = records[name]
    if {"Resq_RecipeOp", "Resq_LoweredOp"} & set(op["!superclasses"]) or any(t["def"] == "Symbol" for t in op["traits"]):
        continue
    mnemonic = op["opName"]
    named = {argument[1]: kind(argument[0]["def"]) for argument in op["arguments"]["args"]}
    words = itertools.product(*[k for k in named.values() if isinstance(k, list)])
    named = {n: k for n, k in named.items() if isinstance(k, str)}
    for variant in ["_".join([*w, mnemonic]) for w in words]:
        if not op["hasDefinitionRule"]:
            compared += 1
            found = definitions.get(variant)
            if found is None or list(found) != list(named) or not all(re.fullmatch(TYPES[named[n]], t) for n, t in found.items()):
                wrong.append(f"resq.{mnemonic}: @resq.def.{variant} has {found or 'no place'}, allowed: {named}")
        if not op["hasEmitter"] and mnemonic not in NO_KERNEL:
            compared += 1
            row, wanted = kernels.get(variant), {**named, **{a[1]: "result" for a in op["results"]["args"]}}
            if row is None:
                wrong.append(f"resq.{mnemonic}: resq_{variant} is not in kernels.def")
                continue
            wrong += [f"resq.{mnemonic}: resq_{variant} has no {k} '{n}': {' '.join(row.split())}"
                      for n, k in wanted.items() if not re.search(r"\b" + ROWS[k].format(n), row)]
            own = re.findall(r"\b(?:CONSTANT|CONSTANT_F32|CACHE_READ|CACHE_WRITE)\((\w+)\)", row)
            own += re.findall(r"\b(?:READ|READ_OR_NULL|TABLE|TABLE_OR_NULL|WRITE|UPDATE)\(\w+, (\w+)\)", row)
            wrong += [f"resq.{mnemonic}: it has no '{n}', which resq_{variant} takes" for n in own if n not in [*wanted, "width"]]
print("\n".join(wrong) or f"{compared} definitions and kernels are called by the names of their ops")
sys.exit(bool(wrong))
