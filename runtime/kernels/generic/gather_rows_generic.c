//===-- gather_rows_generic.c - y[i] = x[index[i]] --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies of whole rows; also how strided rows become dense.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"

void RESQ_KERNEL(resq_gather_rows)(resq_worker *w, int32_t op, const float *x, const int32_t *index,
                                   float *y, int64_t rows, int64_t ldx, int64_t ldy,
                                   int64_t width) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span))
    for (int64_t r = span.begin; r < span.end; ++r)
      __builtin_memcpy(y + r * ldy + span.left, x + (index ? index[r] : r) * ldx + span.left,
                       (size_t)(span.right - span.left) * sizeof(float));
}
