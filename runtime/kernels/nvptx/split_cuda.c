//===-- split_cuda.c - low and high parts of each block, and back -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is behind the last whole block of a row belongs to no part.
//===----------------------------------------------------------------------===//
#include "row_ops_fast.h"

void RESQ_KERNEL(resq_split)(const float *x, float *low, float *high_part, int64_t rows,
                             int64_t ldx, int64_t ld_low, int64_t ld_high, int64_t width,
                             int64_t block, int64_t high, int64_t variant, uint8_t *scratch,
                             int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_split_fast(x, low, high_part, rows, ldx, ld_low, ld_high, width / block * block, block, high,
                  part);
}

void RESQ_KERNEL(resq_join)(const float *low, const float *high_part, float *y, int64_t rows,
                            int64_t ld_low, int64_t ld_high, int64_t ldy, int64_t width,
                            int64_t block, int64_t high, int64_t variant, uint8_t *scratch,
                            int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  const int64_t kept = block - high;
  (void)variant, (void)scratch;
  const resq_turns turns = resq_element_turns(part, rows, width / block * block);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, width / block * block, r, i) {
    const int64_t b = i / block, j = i % block;
    y[r * ldy + i] =
        j < kept ? low[r * ld_low + b * kept + j] : high_part[r * ld_high + b * high + j - kept];
  }
}
