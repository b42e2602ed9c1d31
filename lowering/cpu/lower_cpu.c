//===-- lower_cpu.c - --resq-lower-cpu ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/calls/emit.h"
#include "base/levels.h"
#include "passes/pass.h"

#include <stdio.h>

bool resq_lower_cpu(MlirOperation module, const char *level, int64_t max_rows,
                    resq_entries *entries) {
  return lower_functions(module, &cpu_device, level, max_rows, entries);
}

bool resq_pass_lower_cpu(MlirOperation module, resq_pass *pass) {
  MlirStringRef level = resq_pass_string(pass, "level");
  char text[32];
  snprintf(text, sizeof text, "%.*s", (int)level.length, level.data);
  const resq_level_row *row = resq_level_row_find(text);
  if (!row || row->kind != RESQ_LEVEL_KERNELS) {
    resq_error err;
    resq_level_unknown(&err, text, RESQ_LEVEL_KERNELS);
    resq_emit_error(module, "resq-lower-cpu: %s", err.message);
    return false;
  }
  int64_t rows = resq_pass_int(pass, "rows");
  if (rows < 1 || rows > 16384) {
    resq_emit_error(module, "resq-lower-cpu: rows is %lld, allowed: 1 to 16384", (long long)rows);
    return false;
  }
  resq_entries entries = {0};
  bool ok = resq_lower_cpu(module, text, rows, &entries);
  if (ok)
    resq_entries_describe(&entries, module);
  resq_entries_free(&entries);
  return ok;
}
