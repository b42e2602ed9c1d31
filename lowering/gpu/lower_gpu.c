//===-- lower_gpu.c - --resq-lower-gpu ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/gpu/lower_gpu.h"

#include "lowering/gpu/launch.h"
#include "passes/pass.h"

bool resq_lower_gpu(MlirOperation module, int64_t max_rows, resq_entries *entries) {
  return lower_functions(module, &gpu_device, "cuda", max_rows, entries);
}

bool resq_pass_lower_gpu(MlirOperation module, resq_pass *pass) {
  int64_t rows = resq_pass_int(pass, "rows");
  if (rows < 1 || rows > 4096) {
    resq_emit_error(module, "resq-lower-gpu: rows is %lld, allowed: 1 to 4096", (long long)rows);
    return false;
  }
  resq_entries entries = {0};
  bool ok = resq_lower_gpu(module, rows, &entries);
  if (ok)
    resq_entries_describe(&entries, module);
  resq_entries_free(&entries);
  return ok;
}
