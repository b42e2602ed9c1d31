//===-- loss.c - losses on 64-bit Arm -------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/loss_row.h"

double resq_row_loss(const float *row, int64_t n, int32_t target) {
  return row_loss(row, n, target);
}

void resq_row_compare(const float *row, const float *reference, int64_t n, int32_t target,
                      resq_row_comparison *out) {
  row_compare(row, reference, n, target, out);
}
