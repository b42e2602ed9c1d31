//===-- qlinear.h - quantised linears ---------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of every level: one that includes this has defined
//   void multiply(worker, op, a, b, bias, y, rows, ldy)
// for branches a and b, which has no inputs (k is 0) where there is none.
//===----------------------------------------------------------------------===//
#include "qlinear_shape.h"

void RESQ_KERNEL(resq_qlinear)(resq_worker *w, int32_t op, const int8_t *codes_a,
                               const resq_quant_meta *meta_a, const uint8_t *weight_a,
                               const int8_t *codes_b, const resq_quant_meta *meta_b,
                               const uint8_t *weight_b, const float *bias, float *y, int64_t rows,
                               int64_t ldy, int64_t n, int64_t k_a, int64_t group_a,
                               int64_t wgroup_a, int64_t abits_a, int64_t wbits_a,
                               int64_t trellis_a, int64_t k_b, int64_t group_b, int64_t wgroup_b,
                               int64_t abits_b, int64_t wbits_b, int64_t trellis_b) {
  const resq_qshape a = {codes_a, meta_a,   weight_a, n,       k_a,
                         group_a, wgroup_a, abits_a,  wbits_a, trellis_a};
  const resq_qshape b = {codes_b, meta_b,   weight_b, n,       k_b,
                         group_b, wgroup_b, abits_b,  wbits_b, trellis_b};
  multiply(w, op, a, b, bias, y, rows, ldy);
}
