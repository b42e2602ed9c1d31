# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails where a source file breaks a rule of docs/failure-policy.md or of its length.  check_sources.py ROOT

ALLOCATES: compiler files that may call malloc and its siblings themselves, because what they allocate is as large as a file or a
shape says, and they check it. All others use dialect/memory.h, which never returns NULL.
LONG: files that may have more than 500 lines. Tables, definitions in MLIR and tests may always."""
import pathlib
import re
import sys

ALLOCATES = {
    "dialect/generate/records.c",  # a tool of the build, without the compiler's layers
    "dialect/import/gguf/gguf_index.c",
    "dialect/import/gguf/gguf_parse.c",
    "dialect/import/gguf/gguf_value.c",
    "dialect/import/text_scan.c",  # a table that only texts with aliases need
    "dialect/memory.c",
    "lowering/calibrate/calibration_documents.c",
    "lowering/calibrate/calibration_sample.c",
    "lowering/codegen/backend.c",  # the code that LLVM made
    "lowering/recipes/evaluate_matrix.c",
    "lowering/recipes/evaluate_random.c",
    "lowering/recipes/evaluate_rows.c",
    "lowering/recipes/indices.c",
    "lowering/recipes/report.c",
    "lowering/recipes/store.c",
    "lowering/recipes/value.c",
    "lowering/report/bases.c",
    "lowering/report/linears.c",
    "lowering/report/measures.c",
    "lowering/support/stages.c",  # below dialect/
}
ALLOCATING_FOLDERS = ("lowering/numeric/",)  # arrays of numbers; below dialect/
LONG = {
    "dialect/resq.td",
}
MOST_LINES = 500
CALL = re.compile(r"\b(?:malloc|calloc|realloc|strdup|strndup|asprintf)\s*\(")


def code(text):
    """Without comments and literals; lines stay where they are."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', lambda m: "\n" * m[0].count("\n"), text, flags=re.S)


def sources(root, folders, endings):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in endings:
                yield path.relative_to(root).as_posix(), path.read_text()


root = pathlib.Path(sys.argv[1])
wrong, allocating, long = [], set(), set()
for name, text in sources(root, ("dialect", "passes", "lowering", "tools"), (".c", ".h", ".cpp")):
    calls = list(CALL.finditer(code(text)))
    if not calls:
        continue
    allocating.add(name)
    if name in ALLOCATES or name.startswith(ALLOCATING_FOLDERS):
        continue
    for m in calls:
        line = code(text)[:m.start()].count("\n") + 1
        wrong.append(f"{name}:{line}: {m[0]}...) is called here; allowed are resq_new, resq_resize, RESQ_GROW, resq_copy_text, "
                     "resq_copy_part and resq_print_text of dialect/memory.h")
for name, text in sources(root, ("dialect", "passes", "lowering", "runtime", "tools", "cmake"),
                          (".c", ".h", ".cpp", ".inc", ".td", ".cmake", ".py", ".sh")):
    lines = text.count("\n")
    if lines > MOST_LINES:
        long.add(name)
        if name not in LONG:
            wrong.append(f"{name} has {lines} lines, allowed: {MOST_LINES}")
wrong += [f"{name} allocates nothing itself any more: take it out of ALLOCATES" for name in sorted(ALLOCATES - allocating)]
wrong += [f"{name} is no longer than {MOST_LINES} lines: take it out of LONG" for name in sorted(LONG - long)]
assert allocating, f"no sources below {root}"
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
