# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the end-to-end tests share: where things are, compiling, and asking a compiled model for its numbers."""
import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests", "tools"))
import cpu_levels  # noqa: E402

BUILD = os.environ.get("RESQ_BUILD", os.path.join(ROOT, "build"))
RESQC = os.path.join(BUILD, "bin", "resqc")
WORK = tempfile.mkdtemp(prefix="resq-e2e-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)

TINY = bool(os.environ.get("RESQ_TEST_TINY"))
MODEL = None if TINY else os.environ.get("RESQ_TEST_MODEL")
QWEN = None if TINY else os.environ.get("RESQ_TEST_MODEL_QWEN")
DATA = os.environ.get("RESQ_DATA", os.path.join(ROOT, "..", "shared", "data"))
HAS_DATA = os.path.isdir(os.path.join(DATA, "reference"))

LEVELS = cpu_levels.levels()
BEST = LEVELS[-1]


def path(name):
    return os.path.join(WORK, name)


def run(command, timeout=600, **options):
    """stdout of a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options)
    if done.returncode:
        words = " ".join(map(str, command))
        raise AssertionError(f"{words}: status {done.returncode}: {done.stderr.decode(errors='replace')[-1000:]}")
    return done.stdout


_compiled = {}


def compile_model(source, *options, emit="exe"):
    """The artifact of these options, made once."""
    key = (source, options, emit)
    if key not in _compiled:
        out = path(f"artifact{len(_compiled)}")
        # The statistics of one compile serve the next.
        run([RESQC, source, "-o", out, f"--emit={emit}", f"--cache={path('cache')}", *options], timeout=900)
        _compiled[key] = out
    return _compiled[key]


def make_tiny(name="tiny.gguf", *options):
    """A small random checkpoint, made once."""
    out = path(name)
    if not os.path.exists(out):
        run([sys.executable, os.path.join(ROOT, "tests/tools/make_tiny_gguf.py"), out, *options])
    return out


def write_ids(ids, name="ids.u32"):
    out = path(name)
    np.asarray(ids, dtype="<u4").tofile(out)
    return out


def logits(artifact, ids, *options):
    """Logits of every token of ids: an array [tokens, vocabulary]."""
    out = path("logits.f32")
    run([artifact, "logits", "--ids", write_ids(ids), "--all", "-o", out, *options])
    values = np.fromfile(out, dtype="<f4").reshape(len(ids), -1)
    os.unlink(out)
    return values


def log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def perplexity(artifact, text, *options):
    out = run([artifact, "perplexity", text, *options], timeout=3600).decode()
    found = re.match(r"perplexity ([0-9.]+) ", out)
    if not found:
        raise AssertionError(f"no perplexity in: {out[:200]}")
    return float(found.group(1))
