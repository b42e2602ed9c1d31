//===-- lower_cpu.c - --resq-lower-cpu ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cpu_device.h"
#include "lower_cpu.h"
#include "lowering/support/levels.h"
#include "passes/pass.h"

#include <stdio.h>

bool resq_lower_cpu(MlirOperation module, const char *level, int64_t max_rows) {
  return resq_lower_functions(module, &resq_cpu_device, level, max_rows);
}

bool resq_pass_lower_cpu(MlirOperation module, resq_pass *pass) {
  MlirStringRef level = resq_pass_string(pass, "level");
  char text[32];
  snprintf(text, sizeof text, "%.*s", (int)level.length, level.data);
  const resq_level *found = resq_level_find(text);
  if (!found || !found->target.kernels) {
    resq_emit_error(
        module, "resq-lower-cpu: level is '%s', allowed: generic, avx2, avx512, avx512vbmi", text);
    return false;
  }
  int64_t rows = resq_pass_int(pass, "rows");
  if (rows < 1 || rows > 16384) {
    resq_emit_error(module, "resq-lower-cpu: rows is %lld, allowed: 1 to 16384", (long long)rows);
    return false;
  }
  return resq_lower_cpu(module, text, rows);
}
