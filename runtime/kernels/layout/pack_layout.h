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

#include "kernels/kernels.h"
#include "quant_codes.h"

_Static_assert(RESQ_UNIT_CHANNELS == RESQ_TILE_N, "a unit is as wide as a tile of kernels");

/// Bits of a code that stand in planes of their own, its lowest 4 being a nibble: 0 for codes that
/// are nibbles or bytes.
static inline int64_t resq_packed_planes(int64_t bits) { return resq_packing_of(0, bits).planes; }

/// Bytes of a unit, 8 inputs by 16 channels: 64 of nibbles with the planes behind, or 128.
static inline int64_t resq_packed_unit_bytes(int64_t bits) {
  return resq_packing_unit_bytes(resq_packing_of(0, bits));
}

/// What is added to a weight to store it unsigned.
static inline int32_t resq_packed_offset(int64_t bits) { return bits <= 4 ? 8 : 1 << (bits - 1); }

/// Bytes of the codes of one tile of 16 channels.
static inline int64_t resq_packed_tile_bytes(int64_t k, int64_t group, int64_t bits) {
  return resq_packing_tile_bytes(resq_packing_of(group, bits), k);
}

/// Byte offset of the bf16 scales [k / wgroup, n padded to 16]: behind all codes.
static inline int64_t resq_packed_scales_offset(int64_t n, int64_t k, int64_t group, int64_t bits) {
  return resq_packing_code_bytes(resq_packing_of(group, bits), n, k);
}

/// Bytes of the whole packed weight, scales included.
static inline int64_t resq_packed_weight_size(int64_t n, int64_t k, int64_t group, int64_t wgroup,
                                              int64_t bits) {
  return resq_packing_weight_bytes(resq_packing_of(group, bits), n, k, wgroup);
}

/// Byte `at` of codes that are all zero weights: those of a tile or of more.
static inline uint8_t resq_packed_zero(int64_t at, int64_t bits) {
  if (!resq_packed_planes(bits))
    return bits <= 4 ? 0x88 : 0x80;
  const int64_t unit = resq_packed_unit_bytes(bits); // the offset is the bit of the last plane
  return at % unit >= unit - RESQ_PLANE_BYTES ? 0xff : 0;
}

/// Every weight zero, every scale zero.
static inline void resq_pack_clear(uint8_t *packed, int64_t n, int64_t k, int64_t group,
                                   int64_t wgroup, int64_t bits) {
  const int64_t codes = resq_packed_scales_offset(n, k, group, bits);
  const int64_t size = resq_packed_weight_size(n, k, group, wgroup, bits);
  for (int64_t i = 0; i < codes; ++i)
    packed[i] = resq_packed_zero(i, bits);
  for (int64_t i = codes; i < size; ++i)
    packed[i] = 0;
}

/// Where the code of a weight stands.
typedef struct resq_packed_place {
  int64_t byte;    ///< of its nibble or byte
  int64_t plane;   ///< of its bit in the first plane; others follow RESQ_PLANE_BYTES apart
  int shift;       ///< the bit where its nibble begins, 0 or 4; 0 of bytes
  int plane_shift; ///< its bit in the plane's byte
} resq_packed_place;

static inline resq_packed_place resq_packed_code_place(int64_t channel, int64_t column, int64_t k,
                                                       int64_t group, int64_t bits) {
  const int64_t at = column / group * resq_round_up(group, 8) + column % group;
  const int64_t unit = channel / RESQ_TILE_N * resq_packed_tile_bytes(k, group, bits) +
                       at / 8 * resq_packed_unit_bytes(bits);
  const int64_t half = at % 8 / 4, step = channel % RESQ_TILE_N * 4 + at % 4;
  return (resq_packed_place){.byte = unit + step + (bits == 8 ? 64 * half : 0),
                             .plane = unit + 64 + step % RESQ_PLANE_BYTES,
                             .shift = bits == 8 ? 0 : (int)(4 * half),
                             .plane_shift = (int)(4 * half + step / RESQ_PLANE_BYTES)};
}

/// Stores weight (channel, column): code in -2^(bits-1) .. 2^(bits-1) - 1.
static inline void resq_pack_weight_code(uint8_t *packed, int64_t channel, int64_t column,
                                         int32_t code, int64_t k, int64_t group, int64_t bits) {
  const resq_packed_place to = resq_packed_code_place(channel, column, k, group, bits);
  const uint32_t stored = (uint32_t)(code + resq_packed_offset(bits));
  const uint32_t mask = bits == 8 ? 0xffu : 0xfu << to.shift;
  packed[to.byte] = (uint8_t)((packed[to.byte] & ~mask) | (stored << to.shift & mask));
  for (int64_t p = 0; p < resq_packed_planes(bits); ++p) {
    uint8_t *plane = packed + to.plane + RESQ_PLANE_BYTES * p;
    const uint32_t bit = stored >> (4 + p) & 1u;
    *plane = (uint8_t)((*plane & ~(1u << to.plane_shift)) | bit << to.plane_shift);
  }
}

/// The inverse of resq_pack_weight_code.
static inline int32_t resq_unpack_weight_code(const uint8_t *packed, int64_t channel,
                                              int64_t column, int64_t k, int64_t group,
                                              int64_t bits) {
  const resq_packed_place from = resq_packed_code_place(channel, column, k, group, bits);
  int32_t stored = bits == 8 ? packed[from.byte] : packed[from.byte] >> from.shift & 0xf;
  for (int64_t p = 0; p < resq_packed_planes(bits); ++p)
    stored |= (packed[from.plane + RESQ_PLANE_BYTES * p] >> from.plane_shift & 1) << (4 + p);
  return stored - resq_packed_offset(bits);
}

/// Scale of (channel, group `index` of wgroup columns), as bf16 bits, to read or to write.
static inline resq_bf16 *resq_packed_scale(uint8_t *packed, int64_t channel, int64_t index,
                                           int64_t n, int64_t k, int64_t group, int64_t bits) {
  return (resq_bf16 *)(packed + resq_packed_scales_offset(n, k, group, bits)) +
         index * resq_round_up(n, RESQ_TILE_N) + channel;
}

#endif // RESQ_PACK_LAYOUT_H
