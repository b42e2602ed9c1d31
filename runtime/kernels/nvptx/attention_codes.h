//===-- attention_codes.h - words of codes to pairs of f16 ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes of integers less their zero points are small integers, exact in f16; centroids are rounded to f16.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_CODES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_CODES_H

#include "attention_fast_plan.h"
#include "device.h"

/// What makes codes numbers: both halves of a pair have a zero point each, below 256, those of `far` below 16.
typedef struct resq_attention_bias {
  uint32_t near, far; ///< -(1024 + zero), -(64 + zero)
} resq_attention_bias;

/// Of two zero points, a byte each in the halves of `zeros`.
RESQ_INLINE resq_attention_bias resq_attention_bias_of(uint32_t zeros) {
  return (resq_attention_bias){zeros | 0xe400e400, (zeros << 4 & 0x00f000f0) | 0xd400d400};
}
/// Byte i of `zeros` in both halves; byte i of a in the lower half and byte i of b in the upper one.
RESQ_INLINE uint32_t resq_attention_zero_twice(uint32_t zeros, int i) {
  return resq_pick_bytes(zeros, 0, 0x4040 | (uint32_t)i * 0x0101);
}
RESQ_INLINE uint32_t resq_attention_zero_pair(uint32_t a, uint32_t b, int i) {
  return resq_pick_bytes(a, b, (uint32_t)i | (uint32_t)(4 + i) << 8) & 0x00ff00ff;
}

/// Four pairs of a word of int codes: (nibble i, nibble i + 4).
RESQ_INLINE void resq_pairs_int4(uint32_t x, resq_attention_bias bias, uint32_t *to) {
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const uint32_t word = i ? x >> 8 : x;
    to[2 * i] = resq_half2_add((word & 0x000f000f) | 0x64006400, bias.near); // 1024 + c
    to[2 * i + 1] = resq_half2_fma((word & 0x00f000f0) | 0x64006400, 0x2c002c00,
                                   bias.far); // 1024 + 16 c, / 16
  }
}
/// Four pairs by the bytes of a word: entries of the lane's table, pairs of centroids.
RESQ_INLINE void resq_pairs_table(uint32_t x, uint32_t table, uint32_t *to) {
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const uint32_t at = i == 0 ? x << 7 : i == 1 ? x >> 1 : i == 2 ? x >> 9 : x >> 17;
    to[i] = resq_shared_load(table + (at & 0x7f80));
  }
}
/// A pair of 8-bit codes, a byte each in the halves of `bytes`.
RESQ_INLINE uint32_t resq_pair_bytes(uint32_t bytes, resq_attention_bias bias) {
  return resq_half2_add(bytes | 0x64006400, bias.near);
}

/// The table, by all threads of a block, which then has to meet.
RESQ_INLINE void resq_attention_make_table(uint32_t table, int threads) {
  for (int line = resq_thread(); line < 256; line += threads) {
    const uint32_t v = resq_half2(resq_lm_centroid(4, line & 15), resq_lm_centroid(4, line >> 4));
    RESQ_UNROLL
    for (int i = 0; i < 8; ++i)
      resq_shared_store_x4(table + (uint32_t)(line * 128 + ((i + line) & 7) * 16),
                           (resq_u32x4){v, v, v, v});
  }
}

/// Columns of a word of the low part, and words of a vector.
RESQ_INLINE int resq_attention_per_word(resq_kv_format f) {
  return resq_attention_is_coded(f) ? 8 : f.kind == RESQ_KV_F16 ? 2 : 1;
}
RESQ_INLINE int resq_attention_words(resq_kv_format f) {
  return (int)(resq_attention_low(f) / resq_attention_per_word(f));
}

#endif // RESQ_KERNELS_NVPTX_ATTENTION_CODES_H
