//===-- lower_gpu.c - --resq-lower-gpu ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/gpu/lower_gpu.h"

#include "lowering/gpu/launch.h"
#include "passes/pass.h"

bool resq_lower_gpu(MlirOperation module, int64_t max_rows) {
  return resq_lower_functions(module, &resq_gpu_device, "cuda", max_rows);
}

bool resq_pass_lower_gpu(MlirOperation module, resq_pass *pass) {
  int64_t rows = resq_pass_int(pass, "rows");
  if (rows < 1 || rows > 4096) {
    resq_emit_error(module, "resq-lower-gpu: rows is %lld, allowed: 1 to 4096", (long long)rows);
    return false;
  }
  return resq_lower_gpu(module, rows);
}
