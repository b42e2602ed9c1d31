//===-- permute_cuda.c - y[r, i] = x[r, order[i]] ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "elements.h"

void RESQ_KERNEL(resq_permute)(const float *x, const int32_t *order, float *y, int64_t rows,
                               int64_t ldx, int64_t ldy, int64_t width, int64_t variant,
                               uint8_t *scratch) {
  (void)variant, (void)scratch;
  resq_begin();
  RESQ_EACH_ELEMENT(rows, width, r, i)
  y[r * ldy + i] = x[r * ldx + order[i]];
}
