# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What must hold of a model on a GPU: that it gives level generic's logits, bit for bit or, of fast arithmetic, within a bound,
however its rows are cut into calls.
Standard library only; used on a GPU (suite.py) and on the fake driver (emulated_model_test.py)."""
import ctypes
import os
import random
import sys
from array import array
from ctypes import POINTER, byref, c_bool, c_int64, c_void_p

# Beside this file where make_suite.py has put it, and where it comes from.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "diff"))
import session  # noqa: E402
from session import Error, Message  # noqa: E402

SEQUENCES, CAPACITY = 3, 256


class Variables:
    """Environment variables for the sessions that are begun inside."""

    def __init__(self, **values):
        self.values = values

    def __enter__(self):
        self.before = {name: os.environ.get(name) for name in self.values}
        os.environ.update(self.values)

    def __exit__(self, *_):
        for name, value in self.before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Model(session.Model):
    """A compiled language model as a library."""

    def __init__(self, path):
        super().__init__(path)
        lib = self.library
        lib.resq_session_forward.restype = c_bool
        lib.resq_session_forward.argtypes = [c_void_p] * 4 + [c_int64, c_void_p, c_int64, c_void_p, POINTER(Message)]
        lib.resq_session_vocabulary.restype = c_int64
        lib.resq_session_vocabulary.argtypes = [c_void_p]
        lib.resq_session_level.restype = ctypes.c_char_p
        lib.resq_session_level.argtypes = [c_void_p]

    def start(self, device=None, level=None, threads=2, sequences=SEQUENCES, capacity=CAPACITY, **variables):
        with Variables(**variables):
            return session.Session(self, level, threads, sequences, capacity, device)


def forward(run, tokens, positions, sequences, logit_rows):
    """Logits of one call, as bytes."""
    library = run.model.library
    width = library.resq_session_vocabulary(run.handle)
    lists = [array("i", values) for values in (tokens, positions, sequences, logit_rows)]
    # What is not written shows.
    logits = array("f", [float("nan")]) * (width * len(logit_rows))
    why = Message()
    if not library.resq_session_forward(run.handle, *(l.buffer_info()[0] for l in lists[:3]), len(tokens),
                                        lists[3].buffer_info()[0], len(logit_rows), logits.buffer_info()[0], byref(why)):
        raise Error(why.text.decode())
    return logits


def schedule(vocabulary, rows, sizes):
    """Calls of a model: (tokens, positions, sequences, rows of logits). A prompt in one call; tokens one by one; calls of odd
    sizes, of which some want few logits; several sequences in one call, which then go on apart."""
    rng = random.Random(1)
    at = [0] * SEQUENCES

    def call(counts, logits="all"):
        order = [s for s, n in enumerate(counts) for _ in range(n)]
        rng.shuffle(order)
        positions = []
        for s in order:
            positions.append(at[s])
            at[s] += 1
        n = len(order)
        wanted = list(range(n)) if logits == "all" else [n - 1] if logits == "last" else list(range(0, n, 3))
        return [rng.randrange(vocabulary) for _ in order], positions, order, wanted

    calls = [call([rows, 0, 0])]
    calls += [call([1, 0, 0]) for _ in range(4)]
    calls += [call([n, 0, 0], "last" if n % 2 else "some") for n in sizes]
    calls += [call([0, 5, 0]), call([3, 4, 2])]
    return calls + [call([1, 1, 1]) for _ in range(3)]


def differences(a, b):
    """How many numbers have other bits, but for two that are no numbers, and how far apart the worst are."""
    if a.tobytes() == b.tobytes():
        return 0, 0.0
    x, y = array("I", a.tobytes()), array("I", b.tobytes())
    bad = [i for i in range(len(x)) if x[i] != y[i] and not (a[i] != a[i] and b[i] != b[i])]
    return len(bad), max((abs(a[i] - b[i]) for i in bad), default=0.0)


def distance(a, b):
    """|a - b| / |b|; infinite where a number is none."""
    norm = sum(y * y for y in b)
    apart = sum((x - y) * (x - y) for x, y in zip(a, b))
    ratio = (apart / norm) ** 0.5 if norm else apart ** 0.5
    return ratio if ratio == ratio else float("inf")


class Report:
    """Counts what held, and says what did not."""

    def __init__(self, label):
        self.label, self.passed, self.failed = label, 0, 0
        self.worst = 0.0  # distance of what was near

    def check(self, ok, text):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print(f"FAIL {self.label}: {text}", flush=True)
        return ok

    def equal(self, found, wanted, text):
        """Lists of results, one a call."""
        bad = [(i, *differences(f, w)) for i, (f, w) in enumerate(zip(found, wanted))]
        bad = [entry for entry in bad if entry[1]]
        words = "; ".join(f"call {i}: {n} of {len(wanted[i])} differ, by {far:.3g} at most" for i, n, far in bad[:3])
        return self.check(len(found) == len(wanted) and not bad, f"{text}: {words or 'other calls'}")

    def near(self, found, wanted, bound, text):
        """The same of results that may be apart by `bound`, in norm."""
        far = max((distance(f, w) for f, w in zip(found, wanted)), default=0.0)
        self.worst = max(self.worst, far)
        return self.check(len(found) == len(wanted) and far <= bound, f"{text}: off by {far:.3g} in norm, allowed {bound:g}")

    def attempt(self, text, function):
        """function's result; an error of the library's counts as a failure, and gives None."""
        try:
            return function()
        except Error as error:
            self.check(False, f"{text}: {error}")
            return None


def run_all(run, calls):
    try:
        return [forward(run, *call) for call in calls]
    finally:
        run.close()


WAYS = {"the GPU": {}, "without graphs": {"RESQ_CUDA_GRAPH": "0"}, "waiting after each launch": {"RESQ_CUDA_SYNC": "1"},
        "the image for sm_80": {"RESQ_CUDA_CHIP": "sm_80"}}


def check_model(report, path, ways, rows=70, sizes=(2, 3, 15, 16, 17, 1), passes=2, bound=0):
    """Level cuda of a library against its level generic, in some of WAYS. In later passes sequences begin again, and every kind
    of call is one that was there before. With a bound, logits may be so far apart, but equal calls give equal bits."""
    model = Model(path)
    probe = model.start(level="generic")
    calls = schedule(model.library.resq_session_vocabulary(probe.handle), rows, sizes)
    wanted = run_all(probe, calls)
    report.check(all(x == x for logits in wanted for x in logits), "level generic gives what is no number")
    for way in ways:
        found = report.attempt(way, lambda: run_all(model.start(device="cuda", **WAYS[way]), calls * passes))
        if found is not None and bound:
            report.near(found, wanted * passes, bound, way)
            report.equal(found, found[:len(wanted)] * passes, f"{way}, again")
        elif found is not None:
            report.equal(found, wanted * passes, way)
    model.close()


def check_cases(report, path, module, other_image, is_fast=False):
    """Functions of one op each (tests/diff/cases.py), over odd sizes."""
    import run as diff
    model = session.Model(path)
    for case in module.cases:
        wanted = report.attempt(case.name, lambda: diff.run_case(model, case, "generic", 1))
        if wanted is None:
            continue
        for how, at_once, variables in [("at once", 0, {}), ("row by row", 1, {}), ("by 7 rows", 7, {})] + \
                ([("image sm_80", 0, {"RESQ_CUDA_CHIP": "sm_80"})] if other_image else []):
            with Variables(**variables):
                found = report.attempt(f"{case.name}, {how}", lambda: diff.run_case(model, case, "cuda", 1, at_once))
            if found is None:
                continue
            found, expected, text = [f for call in found for f in call], [w for call in wanted for w in call], f"{case.name}, {how}"
            if is_fast:
                report.near(found, expected, case.bound, text)
            else:
                report.equal(found, expected, text)
    model.close()


def main():
    """checks.py LIBRARY [BOUND]: check_model with few and short calls, for where they take long."""
    report = Report(os.path.basename(sys.argv[1]))
    check_model(report, sys.argv[1], ["the GPU"], rows=7, sizes=(3, 5), passes=1, bound=float(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
