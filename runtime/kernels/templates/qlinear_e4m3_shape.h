//===-- qlinear_e4m3_shape.h - the branch of resq_qlinear_e4m3 ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The flat arguments of the kernel gathered, and where things stand: codes as those of 8-bit
// integers (pack_layout.h), but the bytes are the codes themselves. Everything is inlined.
//===----------------------------------------------------------------------===//
#ifndef RESQ_QLINEAR_E4M3_SHAPE_H
#define RESQ_QLINEAR_E4M3_SHAPE_H

#include "kernels/e4m3.h"
#include "kernels/layout/pack_layout.h"

typedef struct resq_e4m3_branch {
  const uint8_t *codes; ///< of activations
  const float *scales;  ///< of activations, [rows, k / group]
  const uint8_t *weight;
  int64_t n, k, group, wgroup;
} resq_e4m3_branch;

RESQ_INLINE int64_t resq_e4m3_padded_k(const resq_e4m3_branch *b) {
  return resq_padded_k(b->k, b->group);
}

/// Padded inputs of a group.
RESQ_INLINE int64_t resq_e4m3_group_k(const resq_e4m3_branch *b) {
  return resq_round_up(b->group, 8);
}

RESQ_INLINE const uint8_t *resq_e4m3_codes(const resq_e4m3_branch *b, int64_t row) {
  return b->codes + row * resq_code_stride(b->k, b->group);
}

/// Steps of 64 bytes, 16 channels by 4 inputs.
RESQ_INLINE const uint8_t *resq_e4m3_weight(const resq_e4m3_branch *b, int64_t tile) {
  return b->weight + tile * resq_packed_tile_bytes(b->k, b->group, 8);
}

/// bf16 scales of a tile, weight group g.
RESQ_INLINE const resq_bf16 *resq_e4m3_weight_scales(const resq_e4m3_branch *b, int64_t tile,
                                                     int64_t g) {
  return (const resq_bf16 *)(b->weight + resq_packed_scales_offset(b->n, b->k, b->group, 8)) +
         g * resq_round_up(b->n, RESQ_TILE_N) + tile * RESQ_TILE_N;
}

#endif // RESQ_QLINEAR_E4M3_SHAPE_H
