//===-- permute_cuda.c - y[r, i] = x[r, order[i]] ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "elements.h"

void RESQ_KERNEL(resq_permute)(const float *x, const int32_t *order, float *y, int64_t rows,
                               int64_t ldx, int64_t ldy, int64_t width, int64_t variant,
                               uint8_t *scratch, int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  const resq_turns turns = resq_element_turns(part, rows, width);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, width, r, i)
  y[r * ldy + i] = x[r * ldx + order[i]];
}
