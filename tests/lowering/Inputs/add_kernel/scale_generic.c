//===-- scale_generic.c - y = factor * x ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernels/templates/rows.h"

void RESQ_KERNEL(resq_scale)(resq_worker *w, int32_t op, const float *x, float *y, int64_t rows,
                             int64_t ldx, int64_t ldy, int64_t width, float factor) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span))
    for (int64_t r = span.begin; r < span.end; ++r)
      for (int64_t i = span.left; i < span.right; ++i)
        y[r * ldy + i] = factor * x[r * ldx + i];
}
