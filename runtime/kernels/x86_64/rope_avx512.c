//===-- rope_avx512.c - rotary embedding of each head ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// By hand, since it usually runs in place.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "kernels/templates/rows.h"

RESQ_INLINE void turn(const float *x, const float *angles, float *y, int64_t head_size,
                      int64_t size) {
  int64_t half = size / 2;
  for (int64_t i = 0; i < half; i += 16) {
    __mmask16 mask = resq_lanes(half - i);
    __m512 a = _mm512_maskz_loadu_ps(mask, x + i);
    __m512 b = _mm512_maskz_loadu_ps(mask, x + half + i);
    __m512 c = _mm512_maskz_loadu_ps(mask, angles + i);
    __m512 s = _mm512_maskz_loadu_ps(mask, angles + half + i);
    _mm512_mask_storeu_ps(y + i, mask, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
    _mm512_mask_storeu_ps(y + half + i, mask, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
  }
  for (int64_t i = size; i < head_size; i += 16) {
    __mmask16 mask = resq_lanes(head_size - i);
    _mm512_mask_storeu_ps(y + i, mask, _mm512_maskz_loadu_ps(mask, x + i));
  }
}

void RESQ_KERNEL(resq_rope)(resq_worker *w, int32_t op, const float *x, const float *angles,
                            float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t heads,
                            int64_t head_size, int64_t size) {
  resq_span span;
  while (resq_next_rows(w, op, rows, heads * head_size, &span))
    for (int64_t r = span.begin; r < span.end; ++r)
      for (int64_t h = 0; h < heads; ++h)
        turn(x + r * ldx + h * head_size, angles + r * size, y + r * ldy + h * head_size, head_size,
             size);
}
