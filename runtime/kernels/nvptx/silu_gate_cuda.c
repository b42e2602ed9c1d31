//===-- silu_gate_cuda.c - y = gate / (1 + exp(-gate)) * up -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "row_ops_fast.h"

void RESQ_KERNEL(resq_silu_gate)(const float *gate, const float *up, float *y, int64_t rows,
                                 int64_t ldg, int64_t ldu, int64_t ldy, int64_t width,
                                 int64_t variant, uint8_t *scratch, int64_t threads, int64_t unit,
                                 int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_silu_gate_fast(gate, up, y, rows, ldg, ldu, ldy, width, part);
}
