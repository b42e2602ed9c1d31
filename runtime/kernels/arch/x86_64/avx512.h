//===-- avx512.h - vectors of 16 floats ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masked ends, widening loads, the exponential. Everything is always inlined: shapes
// are constants once the compiler has specialised a kernel.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_AVX512_H
#define RESQ_KERNELS_AVX512_H

#include "half.h"
#include <immintrin.h>

/// The first min(n, 16) lanes; n >= 0.
RESQ_INLINE __mmask16 resq_lanes(int64_t n) {
  return n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
}

/// 16 elements of p from element i on, widened.
RESQ_INLINE __m512 resq_load16(const void *p, int64_t i, int as) {
  if (as == RESQ_AS_F32)
    return _mm512_loadu_ps((const float *)p + i);
  __m256i half = _mm256_loadu_si256((const __m256i *)((const uint16_t *)p + i));
  if (as == RESQ_AS_F16)
    return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/// e^x for x <= 0: within 2 ulp, e^-104 (next to 0) below, NaN kept.
RESQ_INLINE __m512 resq_exp16_down(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-104.0f), x); // NaN in the second operand wins
  __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

/// e^x as resq_exp.
RESQ_INLINE __m512 resq_exp16(__m512 x) {
  return resq_exp16_down(_mm512_min_ps(_mm512_set1_ps(89.0f), x));
}

#endif // RESQ_KERNELS_AVX512_H
