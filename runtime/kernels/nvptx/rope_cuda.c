//===-- rope_cuda.c - rotary embedding of each head -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "row_ops_fast.h"

void RESQ_KERNEL(resq_rope)(const float *x, const float *angles, float *y, int64_t rows,
                            int64_t ldx, int64_t ldy, int64_t heads, int64_t head_size,
                            int64_t size, int64_t variant, uint8_t *scratch, int64_t threads,
                            int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_rope_fast(x, angles, y, rows, ldx, ldy, heads, head_size, size, part);
}
