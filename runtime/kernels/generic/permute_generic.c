//===-- permute_generic.c - y[r, i] = x[r, order[i]] ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One permutation of the last dimension for all rows.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"

void RESQ_KERNEL(resq_permute)(resq_worker *w, int32_t op, const float *x, const int32_t *order,
                               float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      const float *in = x + r * ldx;
      float *restrict out = y + r * ldy;
      for (int64_t i = span.left; i < span.right; ++i)
        out[i] = in[order[i]];
    }
  }
}
