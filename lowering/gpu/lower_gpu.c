//===-- lower_gpu.c - --resq-lower-gpu ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/gpu/lower_gpu.h"

#include "launch.h"
#include "passes/pass.h"
#include "prepare.h"

bool resq_lower_gpu(MlirOperation module, const resq_gpu_lowering *how, int64_t max_rows,
                    resq_entries *entries) {
  const resq_device device = resq_gpu_device(how);
  const int before = entries->count;
  if (!resq_lower_functions(module, &device, "cuda", max_rows, entries))
    return false;
  for (int i = before; i < entries->count; i++) {
    resq_lowered_entry *e = &entries->items[i];
    e->launches = resq_gpu_launches_of(resq_symbol(module, resq_str(e->symbol)), &entries->memory);
    e->launches.workspace_bytes = e->row.workspace_bytes;
  }
  entries->prepare = resq_prepare_launches(module, how->chip, &entries->memory);
  return true;
}

bool resq_pass_lower_gpu(MlirOperation module, resq_pass *pass) {
  const int64_t rows = resq_pass_int(pass, "rows");
  if (rows < 1 || rows > 4096) {
    resq_emit_error(module, "resq-lower-gpu: rows is %lld, allowed: 1 to 4096", (long long)rows);
    return false;
  }
  const MlirStringRef name = resq_pass_string(pass, "chip");
  resq_gpu_lowering how = {.chip = resq_gpu_target_find(name.data, name.length)};
  if (!how.chip) {
    resq_emit_error(module, "resq-lower-gpu: chip is '%.*s', allowed: %s", (int)name.length,
                    name.data, resq_gpu_target_names());
    return false;
  }
  const MlirStringRef arithmetic = resq_pass_string(pass, "arithmetic");
  if (!resq_gpu_arithmetic_find(arithmetic.data, arithmetic.length, &how.arithmetic)) {
    resq_emit_error(module, "resq-lower-gpu: arithmetic is '%.*s', allowed: %s",
                    (int)arithmetic.length, arithmetic.data, resq_gpu_arithmetic_names());
    return false;
  }
  resq_entries entries = {0};
  bool ok = resq_lower_gpu(module, &how, rows, &entries);
  if (ok)
    resq_entries_describe(&entries, module);
  resq_entries_free(&entries);
  return ok;
}
