//===-- rms_norm_avx512.c - y = x / sqrt(mean(x^2) + eps) * gain -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One reciprocal a row; the sum of squares in two vectors of partial sums.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "kernels/templates/rows.h"

RESQ_INLINE float sum_of_squares(const float *x, int64_t width) {
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t i = 0;
  for (; i + 32 <= width; i += 32) {
    __m512 a = _mm512_loadu_ps(x + i), b = _mm512_loadu_ps(x + i + 16);
    even = _mm512_fmadd_ps(a, a, even);
    odd = _mm512_fmadd_ps(b, b, odd);
  }
  for (; i < width; i += 16) {
    __m512 a = _mm512_maskz_loadu_ps(resq_lanes(width - i), x + i);
    even = _mm512_fmadd_ps(a, a, even);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

void RESQ_KERNEL(resq_rms_norm)(resq_worker *w, int32_t op, const float *x, const float *gain,
                                float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width,
                                float eps) {
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      const float *in = x + r * ldx;
      float mean = sum_of_squares(in, width) / (float)width;
      __m512 factor = _mm512_set1_ps(1.0f / __builtin_sqrtf(mean + eps));
      for (int64_t i = 0; i < width; i += 16) {
        __mmask16 mask = resq_lanes(width - i);
        __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, in + i), factor);
        if (gain)
          value = _mm512_mul_ps(value, _mm512_maskz_loadu_ps(mask, gain + i));
        _mm512_mask_storeu_ps(y + r * ldy + i, mask, value);
      }
    }
  }
}
