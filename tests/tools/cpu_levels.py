# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The instruction-set levels that tests compile for and run: what this CPU has."""

NEEDED = {"avx2": {"avx2", "fma", "f16c", "bmi2", "movbe"}, "avx512": {"avx512f", "avx512bw", "avx512_vnni"},
          "avx512vbmi": {"avx512f", "avx512bw", "avx512_vnni", "avx512vbmi"}}


def levels():
    """Slowest first. Of the two of AVX-512, which are the same files, the better one; tests/unit compares both."""
    try:
        with open("/proc/cpuinfo") as cpu:
            flags = set(next((line for line in cpu if line.startswith("flags")), "").split())
    except OSError:
        flags = set()
    found = ["definition", "generic"] + [level for level, needs in NEEDED.items() if needs <= flags]
    return [level for level in found if level != "avx512" or "avx512vbmi" not in found]
