//===-- pack_layout.h - where a packed weight's codes and scales stand ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index functions for the packed weights of resq_qlinear, as kernels.h lays them
// out: one place for the compiler's packer, the kernels' tests and dumping tools.
// A packer fills the buffer with resq_pack_clear, then stores every code and scale;
// what it never stores (padding of n and of k) stays a zero weight of scale zero.
//
// Weight [n, k], `bits` 2..8 wide, cut along k into the ACTIVATION's groups of
// `group` (each padded to a multiple of 8) and scaled in groups of `wgroup`, which
// is k or `group`. Sizes are the caller's to check: n * k must fit int64_t.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PACK_LAYOUT_H
#define RESQ_PACK_LAYOUT_H

#include "kernels.h"

/// Inputs a 64-byte step of 16 channels holds: nibbles for bits <= 4, bytes above.
static inline int64_t resq_packed_step_k(int64_t bits) { return bits <= 4 ? 8 : 4; }

/// What is added to a weight to store it unsigned.
static inline int32_t resq_packed_offset(int64_t bits) { return bits <= 4 ? 8 : 128; }

/// Bytes of the codes of one tile of 16 channels.
static inline int64_t resq_packed_tile_bytes(int64_t k, int64_t group, int64_t bits) {
  return resq_padded_k(k, group) / resq_packed_step_k(bits) * 64;
}

/// Byte offset of the bf16 scales [k / wgroup, n padded to 16]: behind all codes.
static inline int64_t resq_packed_scales_offset(int64_t n, int64_t k, int64_t group,
                                                int64_t bits) {
  return resq_round_up(n, RESQ_TILE_N) / RESQ_TILE_N * resq_packed_tile_bytes(k, group, bits);
}

/// Bytes of the whole packed weight, scales included.
static inline int64_t resq_packed_weight_size(int64_t n, int64_t k, int64_t group,
                                              int64_t wgroup, int64_t bits) {
  return resq_packed_scales_offset(n, k, group, bits) +
         k / wgroup * resq_round_up(n, RESQ_TILE_N) * (int64_t)sizeof(resq_bf16);
}

/// Every weight zero, every scale zero.
static inline void resq_pack_clear(uint8_t *packed, int64_t n, int64_t k, int64_t group,
                                   int64_t wgroup, int64_t bits) {
  const int64_t codes = resq_packed_scales_offset(n, k, group, bits);
  const int64_t size = resq_packed_weight_size(n, k, group, wgroup, bits);
  for (int64_t i = 0; i < codes; ++i)
    packed[i] = bits <= 4 ? 0x88 : 0x80;
  for (int64_t i = codes; i < size; ++i)
    packed[i] = 0;
}

/// Byte of weight (channel, column); *shift: the bit where it begins in the byte, 0 or 4.
static inline int64_t resq_packed_code_offset(int64_t channel, int64_t column, int64_t k,
                                              int64_t group, int64_t bits, int *shift) {
  const int64_t at = column / group * resq_round_up(group, 8) + column % group;
  const int64_t step_k = resq_packed_step_k(bits);
  *shift = at % step_k / 4 * 4;
  return channel / RESQ_TILE_N * resq_packed_tile_bytes(k, group, bits) + at / step_k * 64 +
         channel % RESQ_TILE_N * 4 + at % 4;
}

/// Stores weight (channel, column): code in -2^(bits-1) .. 2^(bits-1) - 1.
static inline void resq_pack_weight_code(uint8_t *packed, int64_t channel, int64_t column,
                                         int32_t code, int64_t k, int64_t group, int64_t bits) {
  int shift;
  uint8_t *byte =
      packed + resq_packed_code_offset(channel, column, k, group, bits, &shift);
  const uint32_t mask = bits <= 4 ? 0xfu << shift : 0xffu;
  const uint32_t stored = (uint32_t)(code + resq_packed_offset(bits)) << shift;
  *byte = (uint8_t)((*byte & ~mask) | (stored & mask));
}

/// The inverse of resq_pack_weight_code.
static inline int32_t resq_unpack_weight_code(const uint8_t *packed, int64_t channel,
                                              int64_t column, int64_t k, int64_t group,
                                              int64_t bits) {
  int shift;
  const uint8_t byte =
      packed[resq_packed_code_offset(channel, column, k, group, bits, &shift)];
  return (bits <= 4 ? byte >> shift & 0xf : byte) - resq_packed_offset(bits);
}

/// Scale of (channel, group `index` of wgroup columns), as bf16 bits, to read or to write.
static inline resq_bf16 *resq_packed_scale(uint8_t *packed, int64_t channel, int64_t index,
                                           int64_t n, int64_t k, int64_t group, int64_t bits) {
  return (resq_bf16 *)(packed + resq_packed_scales_offset(n, k, group, bits)) +
         index * resq_round_up(n, RESQ_TILE_N) + channel;
}

#endif // RESQ_PACK_LAYOUT_H
