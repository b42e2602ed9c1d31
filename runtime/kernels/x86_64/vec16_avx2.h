//===-- vec16_avx2.h - vec16.h on AVX2: two registers ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_KERNELS_VEC16_AVX2_H
#define RESQ_KERNELS_VEC16_AVX2_H

#include "kernels/half.h"
#include <immintrin.h>

typedef struct v16f {
  __m256 a, b;
} v16f;
typedef struct v16i {
  __m256i a, b;
} v16i;
typedef v16i v16m; ///< all bits of a lane, or none

/// 16 registers: 12 accumulators, 2 weights, one broadcast.
enum { RESQ_BLOCK_ROWS = 6, RESQ_BLOCK_TILES = 1 };

RESQ_INLINE v16i v16i_set(int32_t x) { return (v16i){_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
RESQ_INLINE v16i v16i_load(const int32_t *p) {
  return (v16i){_mm256_loadu_si256((const __m256i *)p),
                _mm256_loadu_si256((const __m256i *)(p + 8))};
}

RESQ_INLINE v16m v16_lanes_from(int64_t first, int64_t end) {
  const int32_t f = first < 0 ? 0 : first > 16 ? 16 : (int32_t)first;
  const int32_t e = end < 0 ? 0 : end > 16 ? 16 : (int32_t)end;
  const __m256i low = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i high = _mm256_add_epi32(low, _mm256_set1_epi32(8));
  const __m256i from = _mm256_set1_epi32(f), to = _mm256_set1_epi32(e);
  return (v16m){_mm256_andnot_si256(_mm256_cmpgt_epi32(from, low), _mm256_cmpgt_epi32(to, low)),
                _mm256_andnot_si256(_mm256_cmpgt_epi32(from, high), _mm256_cmpgt_epi32(to, high))};
}
RESQ_INLINE v16m v16_lanes(int64_t n) { return v16_lanes_from(0, n); }

RESQ_INLINE v16f v16_zero(void) { return (v16f){_mm256_setzero_ps(), _mm256_setzero_ps()}; }
RESQ_INLINE v16f v16_set(float x) { return (v16f){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
RESQ_INLINE v16f v16_load(const float *p) {
  return (v16f){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
RESQ_INLINE v16f v16_load_some(v16m m, const float *p) {
  return (v16f){_mm256_maskload_ps(p, m.a), _mm256_maskload_ps(p + 8, m.b)};
}
RESQ_INLINE v16f v16_load_halves(const void *p) {
  const __m128i *half = (const __m128i *)p;
  return (v16f){_mm256_cvtph_ps(_mm_loadu_si128(half)), _mm256_cvtph_ps(_mm_loadu_si128(half + 1))};
}
RESQ_INLINE v16f v16_load_some_halves(int64_t n, const void *p) {
  uint16_t all[16] = {0};
  __builtin_memcpy(all, p, (size_t)(n > 16 ? 16 : n) * sizeof(uint16_t));
  return v16_load_halves(all);
}
RESQ_INLINE __m256 v16_widen(__m128i bf16) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bf16), 16));
}
RESQ_INLINE v16f v16_load_as(const void *p, int64_t i, int as) {
  if (as == RESQ_AS_F32)
    return v16_load((const float *)p + i);
  const __m128i *half = (const __m128i *)((const uint16_t *)p + i);
  if (as == RESQ_AS_F16)
    return v16_load_halves(half);
  return (v16f){v16_widen(_mm_loadu_si128(half)), v16_widen(_mm_loadu_si128(half + 1))};
}
RESQ_INLINE void v16_store(float *p, v16f v) {
  _mm256_storeu_ps(p, v.a);
  _mm256_storeu_ps(p + 8, v.b);
}
RESQ_INLINE void v16_store_some(float *p, v16m m, v16f v) {
  _mm256_maskstore_ps(p, m.a, v.a);
  _mm256_maskstore_ps(p + 8, m.b, v.b);
}

RESQ_INLINE v16f v16_add(v16f x, v16f y) {
  return (v16f){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
RESQ_INLINE v16f v16_sub(v16f x, v16f y) {
  return (v16f){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
RESQ_INLINE v16f v16_mul(v16f x, v16f y) {
  return (v16f){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
RESQ_INLINE v16f v16_div(v16f x, v16f y) {
  return (v16f){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
RESQ_INLINE v16f v16_fma(v16f x, v16f y, v16f z) {
  return (v16f){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
RESQ_INLINE v16f v16_fma_minus(v16f x, v16f y, v16f z) {
  return (v16f){_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
RESQ_INLINE v16f v16_min(v16f x, v16f y) {
  return (v16f){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
RESQ_INLINE v16f v16_max(v16f x, v16f y) {
  return (v16f){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
RESQ_INLINE v16f v16_round(v16f v) {
  enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
  return (v16f){_mm256_round_ps(v.a, NEAREST), _mm256_round_ps(v.b, NEAREST)};
}
RESQ_INLINE v16f v16_choose(v16m m, v16f yes, v16f no) {
  return (v16f){_mm256_blendv_ps(no.a, yes.a, _mm256_castsi256_ps(m.a)),
                _mm256_blendv_ps(no.b, yes.b, _mm256_castsi256_ps(m.b))};
}
RESQ_INLINE v16f v16_keep(v16m m, v16f v) {
  return (v16f){_mm256_and_ps(v.a, _mm256_castsi256_ps(m.a)),
                _mm256_and_ps(v.b, _mm256_castsi256_ps(m.b))};
}
RESQ_INLINE v16f v16_max_some(v16m m, v16f x, v16f y) { return v16_choose(m, v16_max(x, y), x); }
RESQ_INLINE float v16_largest(v16f v) {
  const __m256 eight = _mm256_max_ps(v.a, v.b);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
RESQ_INLINE float v16_sum(v16f v) {
  const __m256 eight = _mm256_add_ps(v.a, v.b);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// 2^n for integers n in [-126, 127].
RESQ_INLINE __m256 v16_power(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
/// In two steps, so that the result may be subnormal.
RESQ_INLINE __m256 v16_scale8(__m256 v, __m256 n) {
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  return _mm256_mul_ps(_mm256_mul_ps(v, v16_power(half)), v16_power(_mm256_sub_epi32(whole, half)));
}
RESQ_INLINE v16f v16_scale(v16f v, v16f n) {
  return (v16f){v16_scale8(v.a, n.a), v16_scale8(v.b, n.b)};
}

RESQ_INLINE v16i v16i_load_bytes(const uint8_t *p) {
  const __m128i bytes = _mm_loadu_si128((const __m128i *)p);
  return (v16i){_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
RESQ_INLINE v16i v16i_load_bytes_from(const uint8_t *p, int64_t first, int64_t end) {
  uint8_t all[16] = {0};
  for (int64_t i = first > 0 ? first : 0; i < 16 && i < end; ++i)
    all[i] = p[i];
  return v16i_load_bytes(all);
}
RESQ_INLINE v16i v16i_and(v16i x, v16i y) {
  return (v16i){_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
RESQ_INLINE v16i v16i_or(v16i x, v16i y) {
  return (v16i){_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
RESQ_INLINE v16i v16i_xor(v16i x, v16i y) {
  return (v16i){_mm256_xor_si256(x.a, y.a), _mm256_xor_si256(x.b, y.b)};
}
RESQ_INLINE v16i v16i_left(v16i v, unsigned n) {
  return (v16i){_mm256_slli_epi32(v.a, (int)n), _mm256_slli_epi32(v.b, (int)n)};
}
RESQ_INLINE v16i v16i_right(v16i v, unsigned n) {
  return (v16i){_mm256_srli_epi32(v.a, (int)n), _mm256_srli_epi32(v.b, (int)n)};
}
RESQ_INLINE v16i v16i_fields(__m128i from, v16i bytes, v16i shifts) {
  const __m256i both = _mm256_broadcastsi128_si256(from);
  return (v16i){_mm256_srlv_epi32(_mm256_shuffle_epi8(both, bytes.a), shifts.a),
                _mm256_srlv_epi32(_mm256_shuffle_epi8(both, bytes.b), shifts.b)};
}
RESQ_INLINE v16f v16_of(v16i v) { return (v16f){_mm256_cvtepi32_ps(v.a), _mm256_cvtepi32_ps(v.b)}; }
RESQ_INLINE v16f v16_from_bits(v16i v) {
  return (v16f){_mm256_castsi256_ps(v.a), _mm256_castsi256_ps(v.b)};
}
RESQ_INLINE v16i v16_bits(v16f v) {
  return (v16i){_mm256_castps_si256(v.a), _mm256_castps_si256(v.b)};
}
/// Bit 3 of the index, moved to the sign, chooses between the table's halves.
RESQ_INLINE __m256 v16_look_up8(__m256i index, v16f table) {
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(table.a, index),
                          _mm256_permutevar8x32_ps(table.b, index),
                          _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}
RESQ_INLINE v16f v16_look_up(v16i index, v16f table) {
  return (v16f){v16_look_up8(index.a, table), v16_look_up8(index.b, table)};
}

#endif // RESQ_KERNELS_VEC16_AVX2_H
