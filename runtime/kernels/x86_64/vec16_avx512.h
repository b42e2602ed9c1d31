//===-- vec16_avx512.h - vec16.h on AVX-512: one register -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_KERNELS_VEC16_AVX512_H
#define RESQ_KERNELS_VEC16_AVX512_H

#include "avx512.h"

typedef __m512 v16f;
typedef __m512i v16i;
typedef __mmask16 v16m;

/// 32 registers: 24 accumulators, 4 weights, one broadcast.
enum { RESQ_BLOCK_ROWS = 6, RESQ_BLOCK_TILES = 4 };

RESQ_INLINE v16m v16_lanes(int64_t n) { return n > 0 ? resq_lanes(n) : 0; }
RESQ_INLINE v16m v16_lanes_from(int64_t first, int64_t end) {
  return (v16m)(v16_lanes(end) & ~v16_lanes(first));
}

RESQ_INLINE v16f v16_zero(void) { return _mm512_setzero_ps(); }
RESQ_INLINE v16f v16_set(float x) { return _mm512_set1_ps(x); }
RESQ_INLINE v16f v16_load(const float *p) { return _mm512_loadu_ps(p); }
RESQ_INLINE v16f v16_load_some(v16m m, const float *p) { return _mm512_maskz_loadu_ps(m, p); }
RESQ_INLINE v16f v16_load_as(const void *p, int64_t i, int as) { return resq_load16(p, i, as); }
RESQ_INLINE v16f v16_load_halves(const void *p) { return resq_load16(p, 0, RESQ_AS_F16); }
RESQ_INLINE v16f v16_load_some_halves(int64_t n, const void *p) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(v16_lanes(n), p));
}
RESQ_INLINE void v16_store(float *p, v16f v) { _mm512_storeu_ps(p, v); }
RESQ_INLINE void v16_store_some(float *p, v16m m, v16f v) { _mm512_mask_storeu_ps(p, m, v); }

RESQ_INLINE v16f v16_add(v16f a, v16f b) { return _mm512_add_ps(a, b); }
RESQ_INLINE v16f v16_sub(v16f a, v16f b) { return _mm512_sub_ps(a, b); }
RESQ_INLINE v16f v16_mul(v16f a, v16f b) { return _mm512_mul_ps(a, b); }
RESQ_INLINE v16f v16_div(v16f a, v16f b) { return _mm512_div_ps(a, b); }
RESQ_INLINE v16f v16_fma(v16f a, v16f b, v16f c) { return _mm512_fmadd_ps(a, b, c); }
RESQ_INLINE v16f v16_fma_minus(v16f a, v16f b, v16f c) { return _mm512_fnmadd_ps(a, b, c); }
RESQ_INLINE v16f v16_min(v16f a, v16f b) { return _mm512_min_ps(a, b); }
RESQ_INLINE v16f v16_max(v16f a, v16f b) { return _mm512_max_ps(a, b); }
RESQ_INLINE v16f v16_round(v16f v) { return _mm512_roundscale_ps(v, 0); }
RESQ_INLINE v16f v16_max_some(v16m m, v16f a, v16f b) { return _mm512_mask_max_ps(a, m, a, b); }
RESQ_INLINE v16f v16_keep(v16m m, v16f v) { return _mm512_maskz_mov_ps(m, v); }
RESQ_INLINE v16f v16_choose(v16m m, v16f yes, v16f no) { return _mm512_mask_mov_ps(no, m, yes); }
RESQ_INLINE float v16_largest(v16f v) { return _mm512_reduce_max_ps(v); }
RESQ_INLINE float v16_sum(v16f v) { return _mm512_reduce_add_ps(v); }
RESQ_INLINE v16f v16_scale(v16f v, v16f n) { return _mm512_scalef_ps(v, n); }

RESQ_INLINE v16i v16i_set(int32_t x) { return _mm512_set1_epi32(x); }
RESQ_INLINE v16i v16i_load(const int32_t *p) { return _mm512_loadu_si512(p); }
RESQ_INLINE v16i v16i_load_bytes(const uint8_t *p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
RESQ_INLINE v16i v16i_load_bytes_from(const uint8_t *p, int64_t first, int64_t end) {
  return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(v16_lanes_from(first, end), p));
}
RESQ_INLINE v16i v16i_and(v16i a, v16i b) { return _mm512_and_si512(a, b); }
RESQ_INLINE v16i v16i_or(v16i a, v16i b) { return _mm512_or_si512(a, b); }
RESQ_INLINE v16i v16i_xor(v16i a, v16i b) { return _mm512_xor_si512(a, b); }
RESQ_INLINE v16i v16i_left(v16i v, unsigned n) { return _mm512_slli_epi32(v, n); }
RESQ_INLINE v16i v16i_right(v16i v, unsigned n) { return _mm512_srli_epi32(v, n); }
RESQ_INLINE v16i v16i_fields(__m128i from, v16i bytes, v16i shifts) {
  return _mm512_srlv_epi32(_mm512_shuffle_epi8(_mm512_broadcast_i32x4(from), bytes), shifts);
}
RESQ_INLINE v16f v16_of(v16i v) { return _mm512_cvtepi32_ps(v); }
RESQ_INLINE v16f v16_from_bits(v16i v) { return _mm512_castsi512_ps(v); }
RESQ_INLINE v16i v16_bits(v16f v) { return _mm512_castps_si512(v); }
RESQ_INLINE v16f v16_look_up(v16i index, v16f table) { return _mm512_permutexvar_ps(index, table); }

#endif // RESQ_KERNELS_VEC16_AVX512_H
