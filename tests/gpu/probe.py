# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The GPU probe: level cuda of libprobe.so against its CPU levels and a float64 reference.

  resqc --scheme=none --levels=generic,avx512,cuda --emit=shared tests/gpu/probe.mlir -o libprobe.so
  resqc ... tests/gpu/odd.mlir -o libodd.so
  python3 tests/gpu/probe.py libprobe.so libodd.so     [--quick]: few rows, no timing

The program `reseal` of the build's bin folder must lie beside libprobe.so: copies with changed code get right hashes.

Needs numpy and a GPU; compares with PyTorch, too, where there is one. Exit code 1 when a result is off.
"""
import ctypes
import os
import statistics
import struct
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "diff"))
from session import Error, Message, Model, Session  # noqa: E402

INPUTS, OUTPUTS, EPS = 576, 1536, 1e-5
# Sums of 576 products of f32: a few units of 2^-24 of the vector's norm; far below TF32's 3e-4.
BOUND = 2e-6
failures = 0


def check(ok, text):
    global failures
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {text}", flush=True)


def read_params(path):
    """gain [576] and weight [1536, 576] out of the artifact's parameter section (exec/artifact.h, kernels.h)."""
    data = open(path, "rb").read()
    magic, _, count, table, _ = struct.unpack("<8sIIQQ", data[-32:])
    assert magic == b"RESQART1"
    sections = [struct.unpack_from("<IIQQQ", data, table + 32 * i) for i in range(count)]
    offset, size = next((s[2], s[3]) for s in sections if s[0] == 1)
    params = np.frombuffer(data, np.float32, size // 4, offset)
    panels = OUTPUTS * INPUTS
    # Which comes first is the compiler's choice: the gain is 576 values in 0.5 .. 1.5.
    first = bool(np.all((params[:INPUTS] >= 0.5) & (params[:INPUTS] < 1.5)))
    gain = params[:INPUTS] if first else params[panels:panels + INPUTS]
    weight = params[INPUTS:INPUTS + panels] if first else params[:panels]
    return gain, weight.reshape(OUTPUTS // 16, INPUTS, 16).transpose(0, 2, 1).reshape(OUTPUTS, INPUTS)


def call(session, x, function=b"probe", width=OUTPUTS):
    y = np.full((len(x), width), np.nan, np.float32)  # what is not written shows
    pointers = (ctypes.c_void_p * 2)(x.ctypes.data, y.ctypes.data)
    why = Message()
    if not session.model.library.resq_session_call(session.handle, function, pointers,
                                                   (ctypes.c_int64 * 2)(len(x), len(x)), 2, ctypes.byref(why)):
        raise Error(why.text.decode())
    return y


def reference(x, gain, weight):
    x = x.astype(np.float64)
    n = x / np.sqrt((x * x).mean(1, keepdims=True) + EPS) * gain
    return n @ weight.T.astype(np.float64)


def apart(a, b):
    """Relative error in norm; NaN counts as infinite."""
    e = float(np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(b))
    return e if np.isfinite(e) else float("inf")


def compare(sessions, gain, weight, row_counts, random):
    for rows in row_counts:
        x = random.standard_normal((rows, INPUTS)).astype(np.float32) * np.float32(3)
        want = reference(x, gain, weight)
        got = {level: call(s, x) for level, s in sessions.items()}
        for level, y in got.items():
            check(apart(y, want) < BOUND, f"rows {rows:4}: {level:8} vs float64: {apart(y, want):.2e} in norm, "
                                          f"max abs {np.abs(y - want).max():.2e} of {np.abs(want).max():.2f}")
        for level in got:
            if level != "cuda":
                difference = np.abs(got["cuda"] - got[level]).max()
                check(apart(got["cuda"], got[level]) < BOUND, f"rows {rows:4}: cuda vs {level}: max abs {difference:.2e}")
        check(np.array_equal(call(sessions["cuda"], x), got["cuda"]), f"rows {rows:4}: cuda twice gives the same bits")


def compare_torch(session, gain, weight, random):
    try:
        import torch
    except ImportError:
        return
    if not torch.cuda.is_available():
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    x = random.standard_normal((64, INPUTS)).astype(np.float32)
    on = lambda a: torch.from_numpy(a.copy()).cuda()  # noqa: E731
    n = torch.nn.functional.rms_norm(on(x), (INPUTS,), on(gain), EPS)
    want = (n @ on(weight).T).cpu().numpy()
    e = apart(call(session, x), want)
    check(e < BOUND, f"rows   64: cuda vs torch {torch.__version__} on {torch.cuda.get_device_name()}: {e:.2e} in norm")


def compare_odd(path, row_counts, random):
    """Shapes that fit no block: cuda against the generic level alone."""
    model = Model(path)
    generic, cuda = Session(model, "generic"), Session(model, "cuda")
    for rows in row_counts:
        x = random.standard_normal((rows, 50)).astype(np.float32)
        want, got = (call(s, x, b"odd", 70) for s in (generic, cuda))
        check(apart(got, want) < BOUND, f"rows {rows:4}: odd shapes: cuda vs generic: {apart(got, want):.2e} in norm")
    generic.close()
    cuda.close()
    model.close()


def measure(sessions, random):
    for rows in (1, 16, 128):
        x = random.standard_normal((rows, INPUTS)).astype(np.float32)
        for level, s in sessions.items():
            times = []
            for _ in range(300):
                start = time.perf_counter()
                call(s, x)
                times.append(time.perf_counter() - start)
            print(f"time rows {rows:4}: {level:8} {statistics.median(times[50:]) * 1e6:8.1f} us a call, copies included")


def refusals(path):
    """The messages of a real driver. Sessions in child processes: the environment is read once."""
    program = ("import sys; sys.path.insert(0, sys.argv[1])\n"
               "from session import *\n"
               "try:\n"
               "  s = Session(Model(sys.argv[2]), 'cuda'); s.call('probe', [(array('f', bytes(2304)), 1)], [(1, 1536)])\n"
               "  print('worked')\n"
               "except Error as e: print(e)\n")
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "diff")

    def attempt(library, **environment):
        done = subprocess.run([sys.executable, "-c", program, folder, library], env={**os.environ, **environment},
                              capture_output=True, text=True)
        return done.stdout.strip() + done.stderr.strip()

    def write(name, changed):
        with open(name, "wb") as file:
            file.write(changed)
        subprocess.run([os.path.join(os.path.dirname(path), "reseal"), name], check=True)

    data = open(path, "rb").read()
    damaged, small, other = path + ".damaged.so", path + ".small.so", path + ".sm80.so"
    write(small, data.replace(b".maxntid 256, 1, 1", b".maxntid 224, 1, 1"))
    write(damaged, data.replace(b"fma.rn.f32", b"fma.xx.f32"))
    for environment, library, words in (
            ({"CUDA_VISIBLE_DEVICES": ""}, path, "CUDA_ERROR_NO_DEVICE"),
            ({"RESQ_LIBCUDA": "/nonexistent.so"}, path, "device 'cuda': NVIDIA's driver does not load"),
            ({}, damaged, "the driver refuses the PTX"),
            ({}, small, "op 'linear: linear_f32' (kernel resq_linear_f32_cuda__576_1536_1536_576_null2): cuLaunchKernel"),
            ({}, path, "worked")):
        text = attempt(os.path.abspath(library), **environment)
        check(words in text, f"told: {text}")
    # The image for 9.0 exactly taken away: the one for 8.0 and later is compiled by the driver instead.
    image = struct.pack("<ii", 90, 1)
    assert data.count(image) >= 1
    write(other, data.replace(image, struct.pack("<ii", 37, 1)))
    return os.path.abspath(other)


def main():
    path, odd = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    quick = "--quick" in sys.argv
    random = np.random.default_rng()
    gain, weight = read_params(path)
    check(abs(float(np.linalg.norm(weight[:, 0])) - 1) < 1e-5, "weight read: its columns have norm 1")
    model = Model(path)
    sessions = {}
    for level in ("generic", "avx512", "cuda"):
        try:
            sessions[level] = Session(model, level, threads=4)
        except Error as e:
            print(f"level {level}: {e}")
    if "cuda" not in sessions:
        sys.exit(1)
    compare(sessions, gain, weight, (1, 5, 16) if quick else (1, 2, 5, 16, 17, 64, 128, 300), random)
    compare_odd(odd, (1, 3, 16) if quick else (1, 3, 16, 33, 100, 300), random)
    if not quick:
        compare_torch(sessions["cuda"], gain, weight, random)
        model_80 = Model(refusals(path))
        compare({"cuda": Session(model_80, "cuda")}, gain, weight, (16, 128), random)
        measure(sessions, random)
        sessions["cuda"].model.library.resq_session_profile(ctypes.c_void_p(sessions["cuda"].handle), ctypes.c_bool(True))
        for _ in range(100):
            call(sessions["cuda"], random.standard_normal((16, INPUTS)).astype(np.float32))
        stderr = ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stderr")
        sessions["cuda"].model.library.resq_session_profile_print(ctypes.c_void_p(sessions["cuda"].handle), stderr)
    for s in sessions.values():
        s.close()
    print(f"{failures} failures")
    sys.exit(failures > 0)


main()
