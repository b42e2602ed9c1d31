//===-- kv_append_avx512.c - keys and values coded into a cache ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A vector is turned into its string of units in scratch, then copied (values) or spread
// over its tile (keys). Codes equal the portable kernel's exactly.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "kv_layout.h"

enum { ROWS_A_CHUNK = 16 };

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

/// The vector's units in `string`, which has 64 bytes of slack; `codes` likewise.
RESQ_INLINE void make_string(const resq_kv_view *v, const float *x, int64_t position,
                             uint8_t *string, uint8_t *codes) {
  if (v->kind == RESQ_KV_INT) {
    code_part(x, v->low, v->bits, codes, v->scales[0] + 2 * position, v->zeros[0] + position);
    const uint64_t fields = 0x0101010101010101u * ((1u << v->bits) - 1);
    for (int64_t i = 0; i < v->low; i += 8) {
      uint64_t eight;
      __builtin_memcpy(&eight, codes + i, sizeof(eight));
      eight = _pext_u64(eight, fields);
      __builtin_memcpy(string + i / 8 * v->bits, &eight, sizeof(eight));
    }
    if (v->high > 0)
      code_part(x + v->low, v->high, 8, string + v->low_bytes, v->scales[1] + 2 * position,
                v->zeros[1] + position);
    return;
  }
  for (int64_t i = 0; i < v->size; i += 16) {
    __m512 value = _mm512_maskz_loadu_ps(resq_lanes(v->size - i), x + i);
    if (v->kind == RESQ_KV_F32)
      _mm512_storeu_ps((float *)string + i, value);
    else
      _mm256_storeu_si256((__m256i *)((uint16_t *)string + i), _mm512_cvtps_ph(value, 0));
  }
}

RESQ_INLINE void store(const resq_kv_view *v, const float *x, int64_t position, uint8_t *scratch) {
  uint8_t *codes = scratch + resq_round_up(4 * v->size, 64) + 64;
  make_string(v, x, position, scratch, codes);
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

void RESQ_KERNEL(resq_kv_append)(resq_worker *w, int32_t op, const float *k, const float *v,
                                 const int32_t *positions, const int32_t *sequences,
                                 uint8_t *cache, int64_t rows, int64_t ldk, int64_t ldv,
                                 int64_t capacity, int64_t heads, int64_t head_size,
                                 int64_t k_kind, int64_t k_bits, int64_t k_high, int64_t v_kind,
                                 int64_t v_bits, int64_t v_high) {
  resq_kv_format keys = {head_size, k_kind, k_bits, k_high};
  resq_kv_format values = {head_size, v_kind, v_bits, v_high};
  int64_t chunks = (rows + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK, chunk;
  while ((chunk = resq_next_chunk(w, op)) < chunks) {
    for (int64_t r = chunk * ROWS_A_CHUNK; r < rows && r < (chunk + 1) * ROWS_A_CHUNK; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        resq_kv_view key =
            resq_kv_head(cache, keys, values, capacity, heads, sequences[r], h, 1);
        resq_kv_view value =
            resq_kv_head(cache, keys, values, capacity, heads, sequences[r], h, 0);
        store(&key, k + r * ldk + h * head_size, positions[r], w->scratch);
        store(&value, v + r * ldv + h * head_size, positions[r], w->scratch);
      }
    }
  }
}
