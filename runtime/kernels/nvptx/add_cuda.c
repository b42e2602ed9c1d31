//===-- add_cuda.c - y = a + b ----------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "row_ops_fast.h"

void RESQ_KERNEL(resq_add)(const float *a, const float *b, float *y, int64_t rows, int64_t lda,
                           int64_t ldb, int64_t ldy, int64_t width, int64_t variant,
                           uint8_t *scratch, int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_add_fast(a, b, y, rows, lda, ldb, ldy, width, part);
}
