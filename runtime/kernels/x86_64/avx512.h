//===-- avx512.h - vectors of 16 floats ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masked ends and widening loads. Everything is always inlined: shapes
// are constants once the compiler has specialised a kernel.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_AVX512_H
#define RESQ_KERNELS_AVX512_H

#include "kernels/half.h"
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

#endif // RESQ_KERNELS_AVX512_H
