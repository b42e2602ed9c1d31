# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is measured for docs/accuracy.md: models, and rows of (how to compile, how many windows, what is allowed)."""
import os
import re
from dataclasses import dataclass, replace

SCHEMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lowering/driver/schemes.def")


@dataclass(frozen=True)
class Model:
    label: str
    variable: str  # environment variable that names the checkpoint
    fetch: tuple  # arguments of tools/dev/fetch_model.sh
    calibration_windows: int
    tied: bool  # the checkpoint's head is its embedding
    came_as: str  # the format of the checkpoint's file, which the reference is dequantised from


@dataclass(frozen=True)
class Row:
    section: str
    model: str
    name: str
    options: tuple
    windows: int  # of 2,048 tokens; 0: all
    seeds: tuple = (1, 2, 3)
    most: float = None  # the bar that an issue sets for the mean of the seeds
    least: float = None
    calibrated: bool = True
    sampled: bool = False  # calibrated on text that the model samples, not on the validation text
    kl_windows: int = 0  # of the first seed, compared with the reference's predictions over so many windows
    beside: str = None  # the key of another row, of the same windows and seeds ...
    most_ratio: float = None  # ... and how many times its perplexity is allowed
    note: str = ""

    @property
    def key(self):
        return f"{self.model}/{self.section}/{self.name}"

    @property
    def binary(self):
        """What decides how the binary is made, but for the seed."""
        return (self.model, self.options, self.calibrated, self.sampled)


@dataclass(frozen=True)
class Peer:
    """A file that llama.cpp quantises from the checkpoint and measures itself; compared with the reference over all its windows."""
    model: str
    kind: str  # of llama_model_quantize
    windows: int
    section = "peers"
    seeds = (1,)  # nothing is random
    most = least = beside = None
    note = ""

    @property
    def name(self):
        return "llama.cpp " + self.kind

    @property
    def key(self):
        return f"{self.model}/{self.section}/{self.name}"


MODELS = {
    "smollm2": Model("SmolLM2-135M-Instruct", "RESQ_TEST_MODEL", (), 64, tied=True, came_as="Q4_1"),
    "qwen": Model("Qwen2.5-Coder-0.5B-Instruct", "RESQ_TEST_MODEL_QWEN", ("qwen",), 64, tied=False,
                  came_as="Q4_K_M"),
}

# Sections of the table, in order.
SECTIONS = {
    "reference": "Unquantised, and passes that must change nothing",
    "whole": "Weights, activations and cache",
    "curve": "More bits: the curve",
    "keys": "Keys alone (weights, activations and values unquantised)",
    "parts": "One thing at a time",
}
# Windows that ours are compared over with the reference, prediction by prediction, and llama.cpp's files too.
COMPARED = {"smollm2": 10, "qwen": 5}


# Sections whose rows are compared with the reference's predictions.
DIVERGING = ("whole", "curve")


def scheme(name, *more):
    return ("--scheme=" + name,) + more


def keys(code):
    return ("--scheme=none", f"--kv=keys={code},values=f32")


def passes(pipeline):
    return ("--scheme=none", f"--passes={pipeline}resq-kv{{keys=f32 values=f32}}")


def changed(name, before, after):
    """A scheme's own passes with one option changed; run.py puts a row's seed in the place of $seed."""
    method = re.search(rf'RESQ_SCHEME\("{name}",\s*"[^"]*",\s*((?:"[^"]*"\s*)+),', open(SCHEMES).read()).group(1)
    pipeline = "".join(re.findall(r'"([^"]*)"', method)).replace("$kv", "resq-kv")
    pipeline = re.sub(r"\$\w+\{(\w+)\}", r"\1", pipeline)
    assert before in pipeline and "$" not in pipeline.replace("$seed", ""), pipeline
    return ("--scheme=" + name, "--passes=" + pipeline.replace(before, after))


def sampled(model, name, windows):
    """A scheme calibrated on text that the model samples itself: at most 3% more than on the validation text."""
    return Row("parts", model, name + ", calibrated on sampled text", scheme(name), windows, sampled=True,
               beside=f"{model}/parts/{name}", most_ratio=1.03)


def published_qjl(rows, outlier_rows, outliers, simulated):
    """QJL as published with the smallest exact buffer, allowed 15% above what was simulated without one, and with the authors' 128."""
    code = f"qjl:rows={rows}d:outlier-rows={outlier_rows}d:outliers={outliers}"
    name = f"QJL as published, {rows} x d, {outliers} outliers of {outlier_rows} x d"
    least = Row("keys", "smollm2", name + ", 32 keys exact", keys(code + ":buffer=32"), 60, (1,), round(1.15 * simulated, 1))
    return [least, Row("keys", "smollm2", name + ", 128 keys exact", keys(code), 60, (1,), beside=least.key, most_ratio=1)]


MEASURED = [
    # Issue 3's bars, then issue 4's.
    Row("reference", "smollm2", "none", scheme("none"), 10, (1,), 19.94, 19.90, calibrated=False),
    Row("reference", "smollm2", "none, all windows", scheme("none"), 0, (1,), calibrated=False),
    Row("reference", "smollm2", "fold-norm", passes("resq-fold-norm,"), 10, (1,), 19.94, 19.90),
    Row("reference", "smollm2", "split", passes("resq-split,"), 10, (1,), 19.94, 19.90),
    Row("reference", "smollm2", "insert-hadamard", passes("resq-insert-hadamard,"), 10, (1,), 19.94, 19.90),
    Row("reference", "smollm2", "all together",
        passes("resq-fold-norm,resq-split{channels=true},resq-fold-rotations,resq-insert-hadamard,"), 10, (1,), 19.94, 19.90),
    Row("reference", "qwen", "none", scheme("none"), 40, (1,), 30.85, 30.73, calibrated=False),

    Row("whole", "smollm2", "quarot-w4a4kv4, round to nearest", scheme("quarot-w4a4kv4", "--method=rtn"), 0, most=120),
    Row("whole", "smollm2", "resq-w4a4kv4, round to nearest", scheme("resq-w4a4kv4", "--method=rtn"), 0, most=36.0),
    Row("whole", "smollm2", "quarot-w4a4kv4", scheme("quarot-w4a4kv4", "--method=gptq"), 0, most=49),
    Row("whole", "smollm2", "resq-w4a4kv4", scheme("resq-w4a4kv4", "--method=gptq"), 0, most=30.2),
    Row("whole", "smollm2", "best-w4a4kv4", scheme("best-w4a4kv4"), 0, most=26.4),
    Row("whole", "smollm2", "best-w4a8kv4", scheme("best-w4a8kv4"), 0, most=24.0),
    Row("whole", "smollm2", "best-w4a8kv3", scheme("best-w4a8kv3"), 0, most=24.3),
    Row("whole", "qwen", "resq-w4a4kv4", scheme("resq-w4a4kv4", "--method=gptq"), 40, most=39.3),
    Row("whole", "qwen", "best-w4a4kv4", scheme("best-w4a4kv4"), 40, most=33.6),
    Row("whole", "qwen", "best-w4a8kv4", scheme("best-w4a8kv4"), 40, most=32.2),
    Row("whole", "qwen", "best-w4a8kv3", scheme("best-w4a8kv3"), 40, most=32.9),

    Row("curve", "smollm2", "w5", scheme("w5"), 0, (1,)),
    Row("curve", "smollm2", "w6", scheme("w6"), 0, (1,)),
    Row("curve", "smollm2", "w8a8", scheme("w8a8"), 0, (1,)),
    Row("curve", "qwen", "w8a8", scheme("w8a8"), 40, (1,)),

    Row("keys", "smollm2", "f32 (the reference)", keys("f32"), 60, (1,), calibrated=False),
    Row("keys", "smollm2", "ResQ: PCA a layer, int4, values the same", ("--scheme=none", "--kv=resq"), 60, (1,), 21.05),
    Row("keys", "smollm2", "balanced a head, lm3", keys("resq:lm3:basis=balanced:per=head"), 60, most=21.1),
    Row("keys", "smollm2", "balanced a head, lm2", keys("resq:lm2:basis=balanced:per=head"), 60, most=22.4),
    Row("keys", "smollm2", "balanced a head, int2", keys("resq:int2:basis=balanced:per=head"), 60, most=24.6),
    Row("keys", "smollm2", "balanced a head, QJL 3 x d", keys("resq:qjl3:basis=balanced:per=head"), 60, most=23.9),
    Row("keys", "qwen", "balanced a head, int3", keys("resq:int3:basis=balanced:per=head"), 40, most=31.8),
    Row("keys", "qwen", "balanced a head, int2", keys("resq:int2:basis=balanced:per=head"), 40, most=36.0),

    # One choice of the schemes at a time: the low weights' codes, the 8-bit type of the high branches, the bits of the table that head and
    # embedding share (which may cost 0.05).
    Row("parts", "smollm2", "best-w4a8kv4", scheme("best-w4a8kv4"), 40,
        beside="smollm2/parts/best-w4a8kv4, head and embedding in f16", most_ratio=1.0022),
    Row("parts", "smollm2", "best-w4a8kv4, head and embedding in f16",
        changed("best-w4a8kv4", " head=8 embedding=8 head-group=128", ""), 40),
    Row("parts", "smollm2", "best-w4a8kv4, embedding in f16", changed("best-w4a8kv4", " embedding=8", ""), 40,
        beside="smollm2/parts/best-w4a8kv4, head and embedding in f16", most_ratio=1.0022),
    Row("parts", "smollm2", "best-w4a8kv4, weights in integers", changed("best-w4a8kv4", "weights=tcq4", "weights=4"), 40, (1,)),
    Row("parts", "smollm2", "best-w4a8kv4, high branch e4m3", scheme("best-w4a8kv4", "--high=e4m3"), 40, (1,)),
    Row("parts", "smollm2", "best-w4a4kv4", scheme("best-w4a4kv4"), 40),
    Row("parts", "smollm2", "best-w4a4kv4, weights in integers", changed("best-w4a4kv4", "weights=tcq4", "weights=4"), 40, (1,)),
    Row("parts", "smollm2", "best-w4a4kv4, high branch e4m3", scheme("best-w4a4kv4", "--high=e4m3"), 40, (1,)),

    *published_qjl(2, 1, 4, 65.1),
    *published_qjl(3, 2, 8, 40.7),

    Row("parts", "qwen", "best-w4a8kv4", scheme("best-w4a8kv4"), 10),
    Row("parts", "qwen", "best-w4a4kv4", scheme("best-w4a4kv4"), 10),
    sampled("smollm2", "best-w4a8kv4", 40),
    sampled("smollm2", "best-w4a4kv4", 40),
    sampled("qwen", "best-w4a8kv4", 10),
    sampled("qwen", "best-w4a4kv4", 10),
]
ROWS = [replace(r, kl_windows=COMPARED[r.model]) if r.section in DIVERGING else r for r in MEASURED]
ROWS += [Peer(model, kind, windows) for model, windows in COMPARED.items() for kind in ("Q4_0", "Q4_K_M", "Q8_0")]
