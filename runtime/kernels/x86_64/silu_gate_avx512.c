//===-- silu_gate_avx512.c - y = gate / (1 + exp(-gate)) * up --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise, 16 at a time.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"
#include "vec16.h"

RESQ_INLINE __m512 silu_times(__m512 gate, __m512 up) {
  __m512 power = v16_exp(_mm512_sub_ps(_mm512_setzero_ps(), gate));
  return _mm512_mul_ps(_mm512_div_ps(gate, _mm512_add_ps(_mm512_set1_ps(1.0f), power)), up);
}

void RESQ_KERNEL(resq_silu_gate)(resq_worker *w, int32_t op, const float *gate, const float *up,
                                 float *y, int64_t rows, int64_t ldg, int64_t ldu, int64_t ldy,
                                 int64_t width) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      for (int64_t i = span.left; i < span.right; i += 16) {
        __mmask16 mask = resq_lanes(span.right - i);
        __m512 g = _mm512_maskz_loadu_ps(mask, gate + r * ldg + i);
        __m512 u = _mm512_maskz_loadu_ps(mask, up + r * ldu + i);
        _mm512_mask_storeu_ps(y + r * ldy + i, mask, silu_times(g, u));
      }
    }
  }
}
