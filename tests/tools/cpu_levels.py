# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The instruction-set levels that tests compile for and run: those rows of runtime/base/levels.def that this CPU has, by what
Linux says of it."""
import os
import platform
import re

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../runtime/base/levels.def")
# What Linux calls a feature, where that is not the word of the table without underscores.
LINUX = {"x86-64-v3": {"f16c", "bmi1", "bmi2", "movbe", "abm"}}


def rows(macro):
    """The columns of each row of a macro, as text without quotes."""
    with open(TABLE, encoding="utf-8") as table:
        found = re.findall(rf"^{macro}\((.*)\)$", table.read(), re.M)
    return [[column.strip('"') for column in re.findall(r'"[^"]*"|[^, "][^,"]*', row)] for row in found]


def names():
    return [row[0] for row in rows("RESQ_LEVEL_ROW")]


def needs():
    """The words of /proc/cpuinfo that each set of features needs."""
    words = {f"RESQ_CPU_{name}": LINUX.get(text, {text}) for name, text in rows("RESQ_CPU_FEATURE")}
    for name, features in rows("RESQ_CPU_SET"):
        words[f"RESQ_CPU_SET_{name}"] = set().union(*(words[word] for word in features.split(" | ") if word != "0"))
    return words


def runnable():
    """Each level that this CPU runs, slowest first, and the level that it takes the other files from."""
    try:
        with open("/proc/cpuinfo") as cpu:
            line = next((line for line in cpu if line.startswith("flags")), "")
    except OSError:
        line = ""
    flags = set(line.replace("_", "").split())
    return {name: fallback for name, kind, architecture, _, _, _, needed, _, fallback, _, _ in rows("RESQ_LEVEL_ROW")
            if kind != "GPU" and architecture == platform.machine() and needs()[f"RESQ_CPU_SET_{needed}"] <= flags}


def levels():
    """Slowest first. Of levels that take most files from another, the better one; tests/unit compares both."""
    found = runnable()
    replaced = set(found.values()) - {"generic", "none"}
    return [name for name in found if name not in replaced]
