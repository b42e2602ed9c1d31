//===-- silu_gate_generic.c - y = gate / (1 + exp(-gate)) * up --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise in f32; see resq_exp for the exponential.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"
#include "kernels/scalar_math.h"

void RESQ_KERNEL(resq_silu_gate)(resq_worker *w, int32_t op, const float *gate, const float *up,
                                 float *y, int64_t rows, int64_t ldg, int64_t ldu, int64_t ldy,
                                 int64_t width) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      for (int64_t i = span.left; i < span.right; ++i) {
        float g = gate[r * ldg + i];
        y[r * ldy + i] = g / (1.0f + resq_exp(-g)) * up[r * ldu + i];
      }
    }
  }
}
