//===-- linear_float.h - y = x W^T + b, float weights -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels of every level, one an element type: one that includes this has defined
//   void linear(w, op, x, panel, bias, y, rows, ldx, ldy, n, k, as)     as: RESQ_AS_*
//===----------------------------------------------------------------------===//
#include "half.h"
#include "kernels.h"

RESQ_DECLARE_LINEAR(float, f32) {
  linear(w, op, x, panel, bias, y, rows, ldx, ldy, n, k, RESQ_AS_F32);
}

RESQ_DECLARE_LINEAR(resq_bf16, bf16) {
  linear(w, op, x, panel, bias, y, rows, ldx, ldy, n, k, RESQ_AS_BF16);
}

RESQ_DECLARE_LINEAR(resq_f16, f16) {
  linear(w, op, x, panel, bias, y, rows, ldx, ldy, n, k, RESQ_AS_F16);
}
