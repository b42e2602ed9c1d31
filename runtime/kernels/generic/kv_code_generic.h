//===-- kv_code_generic.h - a vector coded into a cache --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The quantisers of kernels.h, element by element; kv_layout.h says where bytes go.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_CODE_GENERIC_H
#define RESQ_KERNELS_KV_CODE_GENERIC_H

#include "kernels/layout/kv_layout.h"
#include "kernels/scalar_math.h"
#include "kernels/templates/kv_code.h"

/// Scale and zero point of a part, and its codes a byte each.
RESQ_INLINE void code_part(const float *x, int64_t count, int64_t bits, uint8_t *codes,
                           uint8_t *scale_at, uint8_t *zero_at) {
  float lo = 0.0f, hi = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    lo = x[i] < lo ? x[i] : lo;
    hi = x[i] > hi ? x[i] : hi;
  }
  uint16_t scale_bits = resq_kv_scale_bits(lo, hi, bits);
  float scale = resq_f32_from_f16(scale_bits);
  int32_t most = (1 << bits) - 1, zero = resq_kv_clamp(resq_kv_steps(-lo, scale), most);
  for (int64_t i = 0; i < count; ++i)
    codes[i] = (uint8_t)resq_kv_clamp(resq_kv_steps(x[i], scale) + zero, most);
  __builtin_memcpy(scale_at, &scale_bits, sizeof(scale_bits));
  *zero_at = (uint8_t)zero;
}

/// Byte `byte` of the bit stream of `count` codes.
RESQ_INLINE uint8_t packed_byte(const uint8_t *codes, int64_t count, int64_t bits, int64_t byte) {
  uint32_t word = 0;
  for (int64_t i = byte * 8 / bits; i < count && i * bits < byte * 8 + 8; ++i) {
    int64_t shift = i * bits - byte * 8;
    word |= shift < 0 ? (uint32_t)codes[i] >> -shift : (uint32_t)codes[i] << shift;
  }
  return (uint8_t)word;
}

/// Lloyd-Max codes of the low part, a byte each, and their scale.
RESQ_INLINE void code_lloyd_max(const float *x, int64_t count, int64_t bits, int is_key,
                                uint8_t *codes, uint8_t *scale_at) {
  float squares = resq_sum_squares(x, count), deviation = __builtin_sqrtf(squares / (float)count);
  float products[RESQ_SUM_LANES] = {0}, centroids[RESQ_SUM_LANES] = {0};
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = (uint8_t)resq_kv_lloyd_max_code(x[i], bits, deviation);
    const float c = resq_lm_centroid(bits, codes[i]);
    products[i % RESQ_SUM_LANES] += x[i] * c;
    centroids[i % RESQ_SUM_LANES] += c * c;
  }
  uint16_t scale_bits =
      resq_lm_scale_bits(is_key, squares, resq_fold_lanes(products), resq_fold_lanes(centroids));
  __builtin_memcpy(scale_at, &scale_bits, sizeof(scale_bits));
}

/// Signs of the sketched low part, a byte each, and its norm.
RESQ_INLINE void code_signs(const float *x, int64_t count, const float *sketch, int64_t rows,
                            uint8_t *codes, uint8_t *norm_at) {
  for (int64_t tile = 0; tile < rows; tile += RESQ_TILE_N) {
    float sums[RESQ_TILE_N] = {0};
    const float *panel = sketch + tile * count;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < RESQ_TILE_N; ++j)
        sums[j] += panel[i * RESQ_TILE_N + j] * x[i];
    for (int64_t j = 0; j < RESQ_TILE_N && tile + j < rows; ++j)
      codes[tile + j] = sums[j] > 0.0f;
  }
  uint16_t norm = resq_finite_half(__builtin_sqrtf(resq_sum_squares(x, count)));
  __builtin_memcpy(norm_at, &norm, sizeof(norm));
}

RESQ_INLINE void store_floats(const resq_kv_view *v, const float *x, int64_t position) {
  for (int64_t i = 0; i < v->size; ++i) {
    uint16_t half = resq_f16_from_f32(x[i]);
    if (v->kind == RESQ_KV_F16)
      __builtin_memcpy(resq_kv_unit(v, position, i), &half, sizeof(half));
    else
      __builtin_memcpy(resq_kv_unit(v, position, i), x + i, sizeof(float));
  }
}

/// x, `elements` and high ones, to the vector of `position`; codes: room for a byte an element or
/// sign.
RESQ_INLINE void resq_kv_store(const resq_kv_view *v, const float *x, const float *sketch,
                               int64_t position, uint8_t *codes) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    store_floats(v, x, position);
    return;
  }
  uint8_t *scale = v->scales[0] + 2 * position;
  if (v->kind == RESQ_KV_LM)
    code_lloyd_max(x, v->low, v->bits, v->is_key, codes, scale);
  else if (v->kind == RESQ_KV_QJL)
    code_signs(x, v->elements, sketch, v->low, codes, scale);
  else
    code_part(x, v->low, v->bits, codes, scale, v->zeros[0] + position);
  for (int64_t j = 0; j < v->low_bytes; ++j)
    *resq_kv_unit(v, position, j) = packed_byte(codes, v->low, v->bits, j);
  if (v->high > 0)
    code_part(x + v->elements, v->high, 8, codes, v->scales[1] + 2 * position,
              v->zeros[1] + position);
  for (int64_t j = 0; j < v->high; ++j)
    *resq_kv_unit(v, position, v->low_bytes + j) = codes[j];
}

#endif // RESQ_KERNELS_KV_CODE_GENERIC_H
