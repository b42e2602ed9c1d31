//===-- wrapper.c - what wrappers of all devices have in common -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernel_call.h"

#include "mlir-c/Dialect/LLVM.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void resq_wrapper_name(const resq_kernel_call *k, char *out, size_t size) {
  int n = snprintf(out, size, "%s_%s_", k->kernel->name, k->frame->level);
  for (int i = 0; i < k->kernel->n_formals && n < (int)size; i++) {
    const resq_actual *a = &k->actuals[i];
    if (!resq_actual_is_constant(a))
      continue;
    uint32_t bits;
    memcpy(&bits, &a->f, sizeof bits);
    n += a->kind == RESQ_ACTUAL_F32 ? snprintf(out + n, size - (size_t)n, "_f%08" PRIx32, bits)
                                    : snprintf(out + n, size - (size_t)n, "_%" PRId64, a->i);
  }
}

MlirType resq_formal_type(MlirContext ctx, const resq_formal *f) {
  if (f->kind == RESQ_FORMAL_CONSTANT_F32)
    return mlirF32TypeGet(ctx);
  return resq_formal_is_number(f) ? mlirIntegerTypeGet(ctx, 64) : mlirLLVMPointerTypeGet(ctx, 0);
}

static MlirValue build_constant(const resq_builder *b, MlirAttribute value, MlirType type) {
  MlirNamedAttribute attr = resq_attr(b->ctx, "value", value);
  return resq_build_value(b, "arith.constant", 0, NULL, type, 1, &attr);
}

MlirValue resq_build_i64(const resq_builder *b, int64_t value) {
  MlirType i64 = mlirIntegerTypeGet(b->ctx, 64);
  return build_constant(b, mlirIntegerAttrGet(i64, value), i64);
}

MlirValue resq_build_null(const resq_builder *b) {
  return resq_build_value(b, "llvm.mlir.zero", 0, NULL, mlirLLVMPointerTypeGet(b->ctx, 0), 0, NULL);
}

MlirValue resq_build_constant(const resq_builder *b, const resq_actual *a) {
  if (a->kind == RESQ_ACTUAL_I64)
    return resq_build_i64(b, a->i);
  MlirType f32 = mlirF32TypeGet(b->ctx);
  return build_constant(b, mlirFloatAttrDoubleGet(b->ctx, f32, (double)a->f), f32);
}
