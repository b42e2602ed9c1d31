//===-- kv_code_avx512.h - a vector coded into a cache ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A vector is turned into its string of units in scratch, then copied (values) or spread
// over its tile (keys). Codes equal the portable kernel's exactly.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_CODE_AVX512_H
#define RESQ_KERNELS_KV_CODE_AVX512_H

#include "kv_decode.h"

/// rne(x / scale) where that matters; beyond it every code saturates anyway.
RESQ_INLINE __m512i steps_of(__m512 x, __m512 scale) {
  __m512 steps = _mm512_div_ps(x, scale);
  steps = _mm512_max_ps(steps, _mm512_set1_ps(-1024.0f)); // NaN gives the second operand
  steps = _mm512_min_ps(steps, _mm512_set1_ps(1024.0f));
  return _mm512_cvtps_epi32(steps);
}

/// Scale and zero point of a part, and its codes a byte each; codes has room for whole
/// vectors, zeros behind the last.
RESQ_INLINE void code_part(const float *x, int64_t count, int64_t bits, uint8_t *codes,
                           uint8_t *scale_at, uint8_t *zero_at) {
  __m512 lowest = _mm512_setzero_ps(), highest = lowest;
  for (int64_t i = 0; i < count; i += 16) {
    __m512 value = _mm512_maskz_loadu_ps(resq_lanes(count - i), x + i);
    lowest = _mm512_min_ps(value, lowest);
    highest = _mm512_max_ps(value, highest);
  }
  float lo = _mm512_reduce_min_ps(lowest), hi = _mm512_reduce_max_ps(highest);
  uint16_t scale_bits = resq_kv_scale_bits(lo, hi, bits);
  const __m512 scale = _mm512_set1_ps(resq_f32_from_f16(scale_bits));
  const __m512i least = _mm512_setzero_si512(), most = _mm512_set1_epi32((1 << bits) - 1);
  __m512i zero = steps_of(_mm512_set1_ps(-lo), scale);
  zero = _mm512_min_epi32(_mm512_max_epi32(zero, least), most);
  for (int64_t i = 0; i < count; i += 16) {
    __mmask16 mask = resq_lanes(count - i);
    __m512i code = steps_of(_mm512_maskz_loadu_ps(mask, x + i), scale);
    code = _mm512_min_epi32(_mm512_max_epi32(_mm512_add_epi32(code, zero), least), most);
    _mm_storeu_si128((__m128i *)(codes + i), _mm512_maskz_cvtepi32_epi8(mask, code));
  }
  __builtin_memcpy(scale_at, &scale_bits, sizeof(scale_bits));
  *zero_at = (uint8_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(zero));
}

/// Partial sums added up as lloyd_max.h says.
RESQ_INLINE float fold_lanes(__m512 x) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// Lanes past the end add zeros.
RESQ_INLINE float sum_squares(const float *x, int64_t count) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += 16) {
    __m512 value = _mm512_maskz_loadu_ps(resq_lanes(count - i), x + i);
    sum = _mm512_add_ps(sum, _mm512_mul_ps(value, value));
  }
  return fold_lanes(sum);
}

/// Lloyd-Max codes a byte each, and their scale; codes as code_part's.
RESQ_INLINE void code_lloyd_max(const float *x, int64_t count, int64_t bits, int is_key,
                                uint8_t *codes, uint8_t *scale_at) {
  const float squares = sum_squares(x, count);
  const float deviation = __builtin_sqrtf(squares / (float)count);
  const int32_t half = 1 << (bits - 1);
  const __m512 table = resq_lm_table(bits);
  const __m512i one = _mm512_set1_epi32(1), above = _mm512_set1_epi32(half);
  __m512 products = _mm512_setzero_ps(), centroids = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += 16) {
    __mmask16 mask = resq_lanes(count - i);
    __m512 value = _mm512_maskz_loadu_ps(mask, x + i), size = _mm512_abs_ps(value);
    __m512i code = above;
#pragma GCC unroll 8
    for (int32_t j = 0; j < half - 1; ++j) {
      __m512 threshold = _mm512_set1_ps(resq_lm_thresholds[bits - 1][j] * deviation);
      code =
          _mm512_mask_add_epi32(code, _mm512_cmp_ps_mask(size, threshold, _CMP_GT_OQ), code, one);
    }
    // Below zero: 2^bits - 1 - code.
    __mmask16 below = _mm512_cmp_ps_mask(value, _mm512_setzero_ps(), _CMP_LT_OQ);
    code = _mm512_mask_sub_epi32(code, below, _mm512_set1_epi32(2 * half - 1), code);
    _mm_storeu_si128((__m128i *)(codes + i), _mm512_maskz_cvtepi32_epi8(mask, code));
    const __m512 c = _mm512_maskz_permutexvar_ps(mask, code, table);
    products = _mm512_add_ps(products, _mm512_mul_ps(value, c));
    centroids = _mm512_add_ps(centroids, _mm512_mul_ps(c, c));
  }
  uint16_t scale_bits =
      resq_lm_scale_bits(is_key, squares, fold_lanes(products), fold_lanes(centroids));
  __builtin_memcpy(scale_at, &scale_bits, sizeof(scale_bits));
}

/// Signs of `tiles` tiles of sketch rows from the one at `panel` on, in bits.
RESQ_INLINE void sign_tiles(const float *x, int64_t count, const float *panel, int tiles,
                            uint16_t *bits) {
  __m512 sums[8];
#pragma GCC unroll 8
  for (int t = 0; t < tiles; ++t)
    sums[t] = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; ++i) {
    __m512 value = _mm512_set1_ps(x[i]);
#pragma GCC unroll 8
    for (int t = 0; t < tiles; ++t)
      sums[t] = _mm512_add_ps(
          sums[t], _mm512_mul_ps(_mm512_loadu_ps(panel + (t * count + i) * RESQ_TILE_N), value));
  }
#pragma GCC unroll 8
  for (int t = 0; t < tiles; ++t)
    bits[t] = _mm512_cmp_ps_mask(sums[t], _mm512_setzero_ps(), _CMP_GT_OQ);
}

/// Signs of the sketched low part as a string of bits (the padding rows of S are zeros, and so are
/// their bits), and its norm.
RESQ_INLINE void code_signs(const float *x, int64_t count, const float *sketch, int64_t rows,
                            uint8_t *string, uint8_t *norm_at) {
  uint16_t bits[8];
  const int64_t tiles = (rows + RESQ_TILE_N - 1) / RESQ_TILE_N, rest = tiles % 8;
  const int64_t tile_floats = count * RESQ_TILE_N;
  for (int64_t t = 0; t + 8 <= tiles; t += 8) {
    sign_tiles(x, count, sketch + t * tile_floats, 8, bits);
    __builtin_memcpy(string + 2 * t, bits, sizeof(bits));
  }
  for (int64_t t = tiles - rest; t < tiles; t += 4) {
    if (tiles - t >= 4) {
      sign_tiles(x, count, sketch + t * tile_floats, 4, bits);
      __builtin_memcpy(string + 2 * t, bits, 4 * sizeof(*bits));
      continue;
    }
    for (int64_t u = t; u < tiles; ++u) {
      sign_tiles(x, count, sketch + u * tile_floats, 1, bits);
      __builtin_memcpy(string + 2 * u, bits, sizeof(*bits));
    }
  }
  uint16_t norm = resq_finite_half(__builtin_sqrtf(sum_squares(x, count)));
  __builtin_memcpy(norm_at, &norm, sizeof(norm));
}

/// Codes, a byte each, to a stream of bits.
RESQ_INLINE void pack_stream(const uint8_t *codes, int64_t count, int64_t bits, uint8_t *string) {
  const uint64_t fields = 0x0101010101010101u * ((1u << bits) - 1);
  for (int64_t i = 0; i < count; i += 8) {
    uint64_t eight;
    __builtin_memcpy(&eight, codes + i, sizeof(eight));
    eight = _pext_u64(eight, fields);
    __builtin_memcpy(string + i / 8 * bits, &eight, sizeof(eight));
  }
}

RESQ_INLINE void make_float_string(const resq_kv_view *v, const float *x, uint8_t *string) {
  for (int64_t i = 0; i < v->size; i += 16) {
    __m512 value = _mm512_maskz_loadu_ps(resq_lanes(v->size - i), x + i);
    if (v->kind == RESQ_KV_F32)
      _mm512_storeu_ps((float *)string + i, value);
    else
      _mm256_storeu_si256((__m256i *)((uint16_t *)string + i), _mm512_cvtps_ph(value, 0));
  }
}

/// The vector's units in `string`, which has 64 bytes of slack; `codes` likewise.
RESQ_INLINE void make_string(const resq_kv_view *v, const float *x, const float *sketch,
                             int64_t position, uint8_t *string, uint8_t *codes) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    make_float_string(v, x, string);
    return;
  }
  uint8_t *scale = v->scales[0] + 2 * position;
  if (v->kind == RESQ_KV_QJL) {
    code_signs(x, v->elements, sketch, v->low, string, scale);
  } else {
    if (v->kind == RESQ_KV_LM)
      code_lloyd_max(x, v->low, v->bits, v->is_key, codes, scale);
    else
      code_part(x, v->low, v->bits, codes, scale, v->zeros[0] + position);
    pack_stream(codes, v->low, v->bits, string);
  }
  if (v->high > 0)
    code_part(x + v->elements, v->high, 8, string + v->low_bytes, v->scales[1] + 2 * position,
              v->zeros[1] + position);
}

/// x to the vector of `position`.
RESQ_INLINE void resq_kv_store(const resq_kv_view *v, const float *x, const float *sketch,
                               int64_t position, uint8_t *scratch) {
  uint8_t *codes = scratch + resq_round_up(4 * v->size, 64) + 64;
  make_string(v, x, sketch, position, scratch, codes);
  uint8_t *to = resq_kv_unit(v, position, 0);
  if (!v->is_key)
    __builtin_memcpy(to, scratch, (size_t)(v->units * v->unit));
  else if (v->kind == RESQ_KV_F32)
    for (int64_t u = 0; u < v->units; ++u)
      ((float *)to)[u * RESQ_KV_TILE] = ((const float *)scratch)[u];
  else if (v->kind == RESQ_KV_F16)
    for (int64_t u = 0; u < v->units; ++u)
      ((uint16_t *)to)[u * RESQ_KV_TILE] = ((const uint16_t *)scratch)[u];
  else
    for (int64_t u = 0; u < v->units; ++u)
      to[u * RESQ_KV_TILE] = scratch[u];
}

#endif // RESQ_KERNELS_KV_CODE_AVX512_H
