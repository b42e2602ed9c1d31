# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# How lit runs the tests: ninja -C BUILD check-lit, or
#   python3 /usr/lib/llvm-22/bin/lit -v BUILD/tests            (all)
#   python3 /usr/lib/llvm-22/bin/lit -v BUILD/tests/dialect    (a folder)
# On PATH: resq-opt, resqc and the other tools of the build; FileCheck, not, split-file of LLVM 22.
# Substitutions: %mlir_opt (stock mlir-opt with libresq.so as plugin), %llvm_include, %python, %root (the sources),
#   %model (a small checkpoint, where the feature `model` is: --param model=FILE or RESQ_TEST_MODEL).
# Features: a tool's name where it is built (`resqc`), `gpu`, `model`.
import os
import sys

import lit.formats

config.name = "resq"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit", "fuzz", "bench", "gpu", "e2e", "bad"]
config.test_source_root = os.path.join(config.resq_source, "tests")

config.environment["PATH"] = os.pathsep.join([config.resq_bin, config.llvm_bin, os.environ.get("PATH", "")])
for name in ("HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_PRELOAD", "PTXAS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

library = os.path.join(config.resq_lib, "libresq.so")
plugin = f"--load-dialect-plugin={library} --load-pass-plugin={library}"
config.substitutions += [
    ("%mlir_opt", f"{config.llvm_bin}/mlir-opt {plugin}"),
    ("%library", library),
    ("%llvm_include", os.path.join(os.path.dirname(config.llvm_bin), "include")),
    ("%python", sys.executable),
    ("%root", config.resq_source),
]

for tool in sorted(os.listdir(config.resq_bin)) if os.path.isdir(config.resq_bin) else []:
    config.available_features.add(tool)

model = lit_config.params.get("model") or os.environ.get("RESQ_TEST_MODEL")
if model and os.path.exists(model):
    config.available_features.add("model")
    config.substitutions.append(("%model", model))

if os.path.exists("/dev/nvidiactl"):
    config.available_features.add("gpu")
