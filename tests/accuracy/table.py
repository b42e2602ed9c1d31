# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""results.json as a page (docs/accuracy-results.md) and a plot of perplexity against real bits (docs/accuracy.svg)."""
import os

import plot
from rows import MODELS, ROWS, SECTIONS


def of_row(row, results):
    return [(s, results[f"{row.key}/{s}"]) for s in row.seeds if f"{row.key}/{s}" in results]


def mean(values):
    return sum(values) / len(values)


def judge(rows, results):
    """Prints a line a row with a bar; counts those that hold and those that don't."""
    passed = failed = 0
    for row in rows:
        found = of_row(row, results)
        if not found or row.most is None:
            continue
        value = mean([r["perplexity"] for _, r in found])
        good = value <= row.most and (row.least is None or value >= row.least)
        passed, failed = passed + good, failed + (not good)
        print(f"{'PASS' if good else 'FAIL'}: {row.key}: {value:.4f}, allowed {row.least or 0} to {row.most} "
              f"({len(found)} of {len(row.seeds)} seeds)")
    return passed, failed


def bits(result, part):
    found = result["params"].get(part)
    return f"{found['bits']:.2f}" if found and found.get("elements") else ""


def line(row, results):
    found = of_row(row, results)
    if not found:
        return None
    values = [r["perplexity"] for _, r in found]
    spread = ", ".join(f"{v:.2f}" for v in values)
    last = found[-1][1]
    cells = [row.name + (f" ({row.note})" if row.note else ""), str(last["windows"]), f"**{mean(values):.2f}** ({spread})",
             "" if row.most is None else f"{row.most:g}", bits(last, "linears"), bits(last, "head"), bits(last, "embedding"),
             f"{last['cache']['bits']:.2f}" if last.get("cache") else "", f"{last['compile_seconds']:.0f}", last["commit"]]
    return "| " + " | ".join(cells) + " |"


HEADER = """| | windows | perplexity, mean (each seed) | allowed | linears, bits a weight | head | embedding | cache, bits | compile, s | commit |
|---|---|---|---|---|---|---|---|---|---|"""


def page(results):
    out = ["# Accuracy: results", "",
           "Made by `tests/accuracy/run.py` from the binaries' own `perplexity`; the protocol is in [accuracy.md](accuracy.md). "
           "Bits are `info`'s: scales and zero points included.", ""]
    for name, model in MODELS.items():
        lines = {s: [t for t in (line(r, results) for r in ROWS if r.model == name and r.section == s) if t] for s in SECTIONS}
        if not any(lines.values()):
            continue
        out += [f"## {model.label}", ""]
        for section, title in SECTIONS.items():
            if lines[section]:
                out += [f"### {title}", "", HEADER, *lines[section], ""]
    if points(results):
        out += ["![Perplexity against bits a weight](accuracy.svg)", ""]
    return "\n".join(out)


def points(results):
    """(model, name, bits a weight of the linears, mean perplexity) of rows that quantise the model."""
    out = []
    for row in ROWS:
        found = of_row(row, results)
        if found and row.section in ("whole", "curve", "peers") and "linears" in found[0][1]["params"]:
            out.append((row.model, row.name, found[0][1]["params"]["linears"]["bits"], mean([r["perplexity"] for _, r in found])))
    return out


def write(results, folder):
    with open(os.path.join(folder, "accuracy-results.md"), "w") as out:
        out.write(page(results))
    with open(os.path.join(folder, "accuracy.svg"), "w") as out:
        out.write(plot.scatter({m: MODELS[m].label for m in MODELS}, points(results)))
