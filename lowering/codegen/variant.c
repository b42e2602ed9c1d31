//===-- variant.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "variant.h"

#include "definition.h"
#include "dialect/diagnostics.h"
#include "lowering/cpu/lower_cpu.h"
#include "lowering/gpu/lower_gpu.h"
#include "passes/pipeline.h"

#include <assert.h>

void resq_variant_free(resq_variant *v) {
  mlirOperationDestroy(v->module);
  resq_entries_free(&v->entries);
}

static bool lower(resq_variant *v, const resq_level *level, const resq_gpu_lowering *gpu,
                  int64_t rows, resq_error *err) {
  resq_error said = {.code = RESQ_OK};
  resq_listener listener;
  resq_listen_begin(&listener, mlirOperationGetContext(v->module), &said);
  bool ok = level->gpu              ? resq_lower_gpu(v->module, gpu, rows, &v->entries)
            : level->target.kernels ? resq_lower_cpu(v->module, level->name, rows, &v->entries)
                                    : resq_entries_add(&v->entries, v->module, level->name, rows);
  bool silent = resq_listen_end(&listener);
  if (ok && silent)
    return level->gpu || level->target.kernels ||
           (resq_run_pipeline(mlirModuleFromOperation(v->module), "resq-lower-generic", NULL, NULL,
                              err) &&
            resq_lower_definition(v->module, &v->entries, err));
  assert(!silent); // a lowering that fails says why
  return resq_fail(err, said.code, "%s", said.message);
}

bool resq_variant_lower(MlirOperation module, const resq_level *level, const resq_gpu_lowering *gpu,
                        int64_t rows, resq_variant *out, resq_error *err) {
  *out = (resq_variant){.module = mlirOperationClone(module)};
  bool ok = lower(out, level, gpu, rows, err);
  if (!ok)
    resq_variant_free(out);
  return ok;
}
