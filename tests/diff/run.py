#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Differential tests: every op at every ISA level against its definition, over odd sizes. Standard library only.

Writes modules of one-op functions and their parameters, compiles each with resqc at the levels that this CPU has, the definition first,
runs all functions on the same random rows, at once, in threads, row by row and by sevens, and compares: the same bits where the case says so,
else to its bound. Calls are longer than entries hold (4 and 24 rows), so that they are cut into chunks, too.
"""
import argparse
import os
import random
import subprocess
import sys
from array import array

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tools")]
import cases  # noqa: E402
import cpu_levels  # noqa: E402
import make_tiny_gguf  # noqa: E402
import session  # noqa: E402


def write_checkpoint(module, path):
    w = make_tiny_gguf.Writer()
    w.string("general.architecture", "none")
    for name, shape, values, kind in module.tensors:
        w.tensor(name, shape, values, kind)
    with open(path, "wb") as file:
        file.write(w.finish())


def build(module, o):
    base = os.path.join(o.out, module.name)
    write_checkpoint(module, base + ".gguf")
    with open(base + ".mlir", "w") as file:
        file.write(module.text(os.path.abspath(base) + ".gguf"))
    # No pass but packing: caches keep the codes that the module gives them.
    command = [o.resqc, base + ".mlir", "-o", base + ".so", "--emit=shared", "--scheme=none", "--passes=",
               "--levels=" + o.levels, "--prefill-rows=24", "--decode-rows=4"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        return None
    return base + ".so"


def run_case(model, case, level, threads, at_once=0):
    """Results of all calls, one after the other: caches keep what earlier calls wrote. at_once: rows a call, 0: all of it."""
    rng, results = random.Random(case.name), []
    run = session.Session(model, level, threads, case.sequences, case.capacity)
    for call in case.calls:
        rows, inputs = call.result_rows or call.rows, cases.inputs_of(case, call, rng)
        if at_once and not call.result_rows:
            results.append(piece_by_piece(run, case, inputs, call, at_once))
        else:
            results.append(run.call(case.function or case.name, inputs, [(rows, w) for w in case.widths]))
    run.close()
    return results


def piece_by_piece(run, case, inputs, call, at_once):
    """The call's rows in calls of `at_once`, in order: results as of one call."""
    results = [array("f") for _ in case.widths]
    for r in range(0, call.rows, at_once):
        n = min(at_once, call.rows - r)
        piece = [(data[r * (w or 1):(r + n) * (w or 1)], n) for (data, _), w in zip(inputs, case.inputs)]
        for whole, part in zip(results, run.call(case.function or case.name, piece, [(n, w) for w in case.widths])):
            whole.extend(part)
    return results


def supported(model, levels):
    """The levels that this CPU runs, and how many of those asked for it does not: nothing is left out silently."""
    found, missing = [], 0
    for level in levels:
        try:
            session.Session(model, level).close()
            found.append(level)
        except session.Error as error:
            print(f"FAIL: level {level} was asked for: {error}")
            missing += 1
    return found, missing


def worst(expected, found):
    """The largest |a - b| / max |b| of a result; infinity where one is not a number."""
    error = 0.0
    for e_call, f_call in zip(expected, found):
        for e, f in zip(e_call, f_call):
            if e.tobytes() == f.tobytes():
                continue
            # `max` passes over a NaN, so they are looked for first, on both sides.
            if len(e) != len(f) or any(x != x for x in e) or any(x != x for x in f):
                return float("inf")
            largest = max(map(abs, e)) or 1.0
            here = max(abs(a - b) for a, b in zip(e, f)) / largest
            error = max(error, here if here == here else float("inf"))
            error = error or 1e-45  # bits differ: 0.0 and -0.0
    return error


def compare(model, module, o):
    levels, failed = supported(model, o.levels.split(","))
    passed, seen = 0, {}
    if len(levels) < 2:
        print(f"FAIL {module.name}: fewer than two levels to compare")
        return 0, len(module.cases)
    for case in module.cases:
        if o.only and o.only not in case.name:
            continue
        try:
            expected = run_case(model, case, levels[0], 1)
            for level in levels[1:]:
                for how, threads, at_once in (("1 thread", 1, 0), ("3 threads", 3, 0), ("row by row", 1, 1),
                                              ("by 7 rows", 2, 7)):
                    error = worst(expected, run_case(model, case, level, threads, at_once))
                    kind = case.name.split("_")[0]
                    seen[kind, level] = max(seen.get((kind, level), 0.0), error)
                    if error > case.bound:
                        raise session.Error(f"{case.name}: {level}, {how}: off by {error:.3g}, allowed {case.bound:g}")
            passed += 1
        except session.Error as error:
            print(f"FAIL {module.name}: {error}")
            failed += 1
    if o.verbose:
        for (kind, level), error in sorted(seen.items()):
            print(f"  {module.name}: {kind} {level}: worst {error:.3g}")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resqc", default="resqc")
    parser.add_argument("--out", required=True, help="a folder for modules and libraries")
    parser.add_argument("--levels", default=",".join(cpu_levels.levels()), help="the first is what the others must equal")
    parser.add_argument("--modules", default="", help="comma-separated: float, method, quantised, cache; all unless told")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("-v", "--verbose", action="store_true", help="the worst error of each op")
    o = parser.parse_args()
    os.makedirs(o.out, exist_ok=True)
    passed = failed = 0
    for make in cases.MODULES:
        module = make()
        if o.modules and module.name not in o.modules.split(","):
            continue
        library = build(module, o)
        if not library:
            print(f"FAIL {module.name}: does not compile")
            failed += len(module.cases)
            continue
        model = session.Model(library)
        here = compare(model, module, o)
        model.close()
        passed, failed = passed + here[0], failed + here[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
