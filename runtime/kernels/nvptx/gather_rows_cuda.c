//===-- gather_rows_cuda.c - y[i] = x[index[i]] -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "elements.h"

void RESQ_KERNEL(resq_gather_rows)(const float *x, const int32_t *index, float *y, int64_t rows,
                                   int64_t ldx, int64_t ldy, int64_t width, int64_t variant,
                                   uint8_t *scratch) {
  (void)variant, (void)scratch;
  const resq_turns turns = resq_element_turns(resq_whole(RESQ_ELEMENT_THREADS), rows, width);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, width, r, i)
  y[r * ldy + i] = x[(index ? index[r] : r) * ldx + i];
}
