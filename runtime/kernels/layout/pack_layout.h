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

/// Bits of a code that stand together: 2, 4 or 8.
static inline int64_t resq_packed_base(int64_t bits) { return resq_packing_of(0, bits).base; }

/// Bits of a code that stand in planes of their own behind those.
static inline int64_t resq_packed_planes(int64_t bits) { return resq_packing_of(0, bits).planes; }

/// Where the planes of a unit begin.
static inline int64_t resq_packed_planes_at(int64_t bits) {
  return RESQ_PLANE_BYTES * resq_packed_base(bits);
}

/// Bytes of a unit, 8 inputs by 16 channels: 16 for each bit of a code.
static inline int64_t resq_packed_unit_bytes(int64_t bits) {
  return resq_packing_unit_bytes(resq_packing_of(0, bits));
}

/// What is added to a weight to store it unsigned.
static inline int32_t resq_packed_offset(int64_t bits) { return 1 << (bits - 1); }

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

/// Byte `at` of codes that are all zero weights: those of a tile or of more. Only the highest bit of
/// each stored code is set.
static inline uint8_t resq_packed_zero(int64_t at, int64_t bits) {
  if (!resq_packed_planes(bits))
    return bits == 2 ? 0xaa : bits == 4 ? 0x88 : 0x80;
  const int64_t unit = resq_packed_unit_bytes(bits);
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

/// The place of a code among the 128 of its unit: 64 for the upper 4 of its 8 inputs, then 4 for each
/// channel before its own, then 1 for each input before it.
static inline int64_t resq_packed_index(int64_t channel, int64_t at) {
  return at % 8 / 4 * 64 + channel % RESQ_TILE_N * 4 + at % 4;
}

/// A field of `bits` bits for each code of a unit, in 16 * bits bytes.
typedef struct resq_packed_field {
  int64_t byte;
  int shift; ///< where the field begins in its byte
} resq_packed_field;

/// Code `index`'s: bytes hold the fields of codes that are 16 * bits apart, so that a mask and a
/// shift bring neighboring codes to neighboring bytes.
static inline resq_packed_field resq_packed_field_of(int64_t index, int64_t bits) {
  const int64_t bytes = RESQ_PLANE_BYTES * bits;
  return (resq_packed_field){index % bytes, (int)(index / bytes * bits)};
}

/// Stores code `index` of a unit, offset added.
static inline void resq_pack_stored(uint8_t *unit, int64_t index, uint32_t stored, int64_t bits) {
  const int64_t base = resq_packed_base(bits);
  const resq_packed_field low = resq_packed_field_of(index, base);
  const resq_packed_field high = resq_packed_field_of(index, 1);
  const uint32_t mask = ((1u << base) - 1) << low.shift;
  unit[low.byte] = (uint8_t)((unit[low.byte] & ~mask) | (stored << low.shift & mask));
  uint8_t *plane = unit + resq_packed_planes_at(bits) + high.byte;
  for (int64_t p = 0; p < resq_packed_planes(bits); ++p, plane += RESQ_PLANE_BYTES)
    *plane = (uint8_t)((*plane & ~(1u << high.shift)) | (stored >> (base + p) & 1u) << high.shift);
}

/// The inverse of resq_pack_stored.
static inline int32_t resq_unpack_stored(const uint8_t *unit, int64_t index, int64_t bits) {
  const int64_t base = resq_packed_base(bits);
  const resq_packed_field low = resq_packed_field_of(index, base);
  const resq_packed_field high = resq_packed_field_of(index, 1);
  int32_t stored = unit[low.byte] >> low.shift & ((1 << base) - 1);
  const uint8_t *plane = unit + resq_packed_planes_at(bits) + high.byte;
  for (int64_t p = 0; p < resq_packed_planes(bits); ++p, plane += RESQ_PLANE_BYTES)
    stored |= (*plane >> high.shift & 1) << (base + p);
  return stored;
}

/// Where a column stands when each group is padded to a multiple of 8.
static inline int64_t resq_packed_column(int64_t column, int64_t group) {
  return column / group * resq_round_up(group, 8) + column % group;
}

/// Byte offset of the unit of a weight.
static inline int64_t resq_packed_unit_at(int64_t channel, int64_t column, int64_t k, int64_t group,
                                          int64_t bits) {
  return channel / RESQ_TILE_N * resq_packed_tile_bytes(k, group, bits) +
         resq_packed_column(column, group) / 8 * resq_packed_unit_bytes(bits);
}

/// Stores weight (channel, column): code in -2^(bits-1) .. 2^(bits-1) - 1.
static inline void resq_pack_weight_code(uint8_t *packed, int64_t channel, int64_t column,
                                         int32_t code, int64_t k, int64_t group, int64_t bits) {
  resq_pack_stored(packed + resq_packed_unit_at(channel, column, k, group, bits),
                   resq_packed_index(channel, resq_packed_column(column, group)),
                   (uint32_t)(code + resq_packed_offset(bits)), bits);
}

/// The inverse of resq_pack_weight_code.
static inline int32_t resq_unpack_weight_code(const uint8_t *packed, int64_t channel,
                                              int64_t column, int64_t k, int64_t group,
                                              int64_t bits) {
  return resq_unpack_stored(packed + resq_packed_unit_at(channel, column, k, group, bits),
                            resq_packed_index(channel, resq_packed_column(column, group)), bits) -
         resq_packed_offset(bits);
}

/// Scale of (channel, group `index` of wgroup columns), as bf16 bits, to read or to write.
static inline resq_bf16 *resq_packed_scale(uint8_t *packed, int64_t channel, int64_t index,
                                           int64_t n, int64_t k, int64_t group, int64_t bits) {
  return (resq_bf16 *)(packed + resq_packed_scales_offset(n, k, group, bits)) +
         index * resq_round_up(n, RESQ_TILE_N) + channel;
}

#endif // RESQ_PACK_LAYOUT_H
