//===-- add_generic.c - y = a + b -------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise; y may be a or b.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"

void RESQ_KERNEL(resq_add)(resq_worker *w, int32_t op, const float *a, const float *b, float *y,
                           int64_t rows, int64_t lda, int64_t ldb, int64_t ldy, int64_t width) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span))
    for (int64_t r = span.begin; r < span.end; ++r)
      for (int64_t i = span.left; i < span.right; ++i)
        y[r * ldy + i] = a[r * lda + i] + b[r * ldb + i];
}
