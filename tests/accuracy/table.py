# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""results.json as it is published (docs/accuracy-results.json), as a page (docs/accuracy-results.md) and as a plot of perplexity, over the reference's, against real bits (docs/accuracy.svg)."""
import json
import math
import os
import re

import plot
from rows import MODELS, ROWS, SECTIONS


def of_row(row, results):
    return [(s, results[f"{row.key}/{s}"]) for s in row.seeds if f"{row.key}/{s}" in results]


def mean(values):
    return sum(values) / len(values)


def two_digits(value):
    """A half is rounded up: means of figures that are known to three digits meet it, and their binary form lies on either side."""
    return f"{math.floor(100 * value + 0.5 + 1e-6) / 100:.2f}"


def allowed(row, results):
    """The most that a row's mean may be; None: no bar, or what it is measured against isn't measured."""
    if not row.beside:
        return row.most
    beside = next(r for r in ROWS if r.key == row.beside)
    seeds = [s for s, _ in of_row(row, results)]
    values = [r["perplexity"] for s, r in of_row(beside, results) if s in seeds]
    return row.most_ratio * mean(values) if values and len(values) == len(seeds) else None


def judge(rows, results):
    """Prints one line for each row with a bar; counts those that hold, those that do not, and those that were not measured."""
    passed = failed = skipped = 0
    for row in rows:
        found, most = of_row(row, results), allowed(row, results)
        if not found or most is None:
            if row.most is not None or row.beside:
                skipped += 1
                print(f"SKIP: {row.key}: {'what it is compared with' if found else 'it'} was not measured")
            continue
        value = mean([r["perplexity"] for _, r in found])
        good = value <= most and (row.least is None or value >= row.least)
        passed, failed = passed + good, failed + (not good)
        print(f"{'PASS' if good else 'FAIL'}: {row.key}: {value:.4f}, allowed {row.least or 0} to {most:.6g} "
              f"({len(found)} of {len(row.seeds)} seeds)")
    return passed, failed, skipped


def bits(result, part):
    found = result["params"].get(part)
    return f"{found['bits']:.2f}" if found and found.get("elements") else ""


# Behind the name of a row that was measured with other token ids than the text has today: an entry says so by "old_ids".
OLD_IDS = " †"


def named(row, *entries):
    return row.name + (OLD_IDS if any(e.get("old_ids") for e in entries) else "")


def all_bits(model, params):
    """All that is stored, norms and online matrices, too, over the weights that the checkpoint has in linears, embedding and head. A
    tied head that is stored in a form of its own costs bits and is no weight."""
    weights = sum(params[p]["elements"] for p in ("linears", "embedding", "head") if p in params and not (p == "head" and model.tied))
    return 8 * sum(p["bytes"] for p in params.values()) / weights


def line(row, results):
    found = of_row(row, results)
    if not found:
        return None
    values = [r["perplexity"] for _, r in found]
    spread = ", ".join(f"{v:.2f}" for v in values)
    last, most = found[-1][1], allowed(row, results)
    seconds = last.get("compile_seconds")
    cells = [named(row, *(r for _, r in found)) + (f" ({row.note})" if row.note else ""), str(last["windows"]), f"**{two_digits(mean(values))}** ({spread})",
             "" if most is None else f"{most:.4g}", bits(last, "linears"), bits(last, "head"), bits(last, "embedding"),
             f"{last['cache']['bits']:.2f}" if last.get("cache") else "", "" if seconds is None else f"{seconds:.0f}", last["commit"]]
    return "| " + " | ".join(cells) + " |"


HEADER = """| | windows | perplexity, mean (each seed) | allowed | linears, bits a weight | head | embedding | cache, bits | compile, s | commit |
|---|---|---|---|---|---|---|---|---|---|"""


def with_error(e, unit, digits):
    """A mean and its standard error over window means (over tokens for a single window)."""
    error = e["window_error"] if e["window_error"] is not None else e["token_error"]
    return f"{unit * e['mean']:.{digits}f} +- {unit * error:.{digits}f}"


def compared_line(row, results):
    found = [r for _, r in of_row(row, results) if "divergence" in r]
    if not found:
        return None
    r, d = found[0], found[0]["divergence"]
    cells = [named(row, d), f"{d['perplexity']:.2f}", f"{d['perplexity'] / d['reference']:.3f}", with_error(d["kl"], 1, 4),
             with_error(d["agreement"], 100, 2), bits(r, "linears"), f"{all_bits(MODELS[row.model], r['params']):.2f}",
             f"{r['cache']['bits']:.2f}"]
    return "| " + " | ".join(cells) + " |"


COMPARED_HEADER = """| seed 1 | perplexity | times the reference's | KL divergence, nats | same most likely token, % | linears, bits a weight | all weights | cache, bits |
|---|---|---|---|---|---|---|---|"""


def compared(name, results):
    """Ours and llama.cpp's files over the same windows, prediction by prediction against the reference."""
    rows = [r for r in ROWS if r.model == name]
    lines = [t for t in (compared_line(r, results) for r in rows) if t]
    if not lines:
        return []
    first = next(r["divergence"] for row in rows for _, r in of_row(row, results) if "divergence" in r)
    version = next((r["version"] for row in rows for _, r in of_row(row, results) if "version" in r), None)
    out = [f"### Against the reference's predictions: the first {first['windows']} windows", "",
           f"The reference, `--scheme=none`, has perplexity {first['reference']:.2f} there. Errors are standard errors over window means. All weights: "
           "linears, embedding and head as stored, with norms and online matrices.", "", COMPARED_HEADER, *lines, ""]
    if version:
        out += [f"Files of llama.cpp are quantised from the same checkpoint and measured by llama.cpp itself (llama-cpp-python {version}) on the "
                "same tokens, in windows without overlap or BOS, with an f16 cache. The checkpoint is itself a dequantised "
                f"{MODELS[name].came_as} file: a tensor that keeps its format loses nothing against this reference, and one that goes to another 4-bit "
                "format, as in Q4_0, loses more than it would from an fp16 original.", ""]
    return out


def page(results):
    out = ["# Accuracy: results", "",
           "Made by `tests/accuracy/run.py` from the binaries' own `perplexity`; the protocol is in [accuracy.md](accuracy.md). "
           "Bits are `info`'s: scales and zero points included. "
           f"Rows marked{OLD_IDS} were measured with the token ids that SmolLM2's text had until 30 November 2026, which differ in 8 of 304,982 "
           "tokens: [why](accuracy.md#protocol).", ""]
    for name, model in MODELS.items():
        lines = {s: [t for t in (line(r, results) for r in ROWS if r.model == name and r.section == s) if t] for s in SECTIONS}
        against = compared(name, results)
        if not any(lines.values()) and not against:
            continue
        out += [f"## {model.label}", ""]
        for section, title in SECTIONS.items():
            if lines[section]:
                out += [f"### {title}", "", HEADER, *lines[section], ""]
        out += against
    if points(results):
        out += ["![Perplexity over the reference's, against bits a weight](accuracy.svg)", ""]
    return "\n".join(out)


def reference(model, windows, results):
    """The unquantised model's perplexity over so many windows, by whatever row has it; None where none has."""
    for row in ROWS:
        for _, r in of_row(row, results) if row.model == model else ():
            if row.section == "reference" and row.options == ("--scheme=none",) and r["windows"] == windows:
                return r["perplexity"]
            if r.get("divergence", {}).get("windows") == windows:
                return r["divergence"]["reference"]
    return None


def points(results):
    """(model, name, bits a weight of the linears, perplexity over the reference's of the same windows, whether it is ours) of rows that
    quantise the model."""
    out = []
    for row in ROWS:
        found = of_row(row, results)
        if not found or row.section not in ("whole", "curve", "peers") or "linears" not in found[0][1]["params"]:
            continue
        # A row of older token ids keeps the reference of those.
        base = found[0][1].get("reference") or reference(row.model, found[0][1]["windows"], results)
        if base:
            out.append((row.model, row.name, found[0][1]["params"]["linears"]["bits"], mean([r["perplexity"] for _, r in found]) / base,
                        row.section != "peers"))
    return out


def published(folder):
    """The results behind the page in a folder."""
    file = os.path.join(folder, "accuracy-results.json")
    return json.load(open(file)) if os.path.exists(file) else {}


def write(results, folder):
    # Losses by window, a long list, in one line.
    text = json.dumps(results, indent=1, sort_keys=True)
    text = re.sub(r"\[[^][{}]*\]", lambda m: re.sub(r"\s+", " ", m.group()), text)
    with open(os.path.join(folder, "accuracy-results.json"), "w") as out:
        out.write(text + "\n")
    with open(os.path.join(folder, "accuracy-results.md"), "w") as out:
        out.write(page(results))
    if points(results):
        with open(os.path.join(folder, "accuracy.svg"), "w") as out:
            out.write(plot.scatter({m: MODELS[m].label for m in MODELS}, points(results)))
