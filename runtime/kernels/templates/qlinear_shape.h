//===-- qlinear_shape.h - one branch of resq_qlinear as kernels pass it ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The flat arguments of the kernel gathered, so that helpers take one pointer.
// Everything is inlined: after specialisation the shape members are constants.
//
// The f32 steps that every level takes, in this order, rounded one by one:
//   t[g]  = (float)(sum over k in g of (q - z) w) * scale_x[r, g]
//   y     = bias (or 0); then for each branch
//   wgroup == k:      p = t[0]; p = p + t[g] for g = 1 ...; y = y + scale_w * p
//   wgroup == group:  y = y + scale_w[g] * t[g] for g = 0 ...
//===----------------------------------------------------------------------===//
#ifndef RESQ_QLINEAR_SHAPE_H
#define RESQ_QLINEAR_SHAPE_H

#include "kernels/inline.h"
#include "kernels/layout/pack_layout.h"
#include "kernels/layout/trellis_weights.h"

typedef struct resq_qshape {
  const int8_t *codes;
  const resq_quant_meta *meta;
  const uint8_t *weight;
  int64_t n, k, group, wgroup, abits, wbits;
  int64_t trellis; ///< weights are trellis codes
} resq_qshape;

RESQ_INLINE int64_t resq_qgroups(const resq_qshape *b) { return b->k / b->group; }

/// Units of 8 inputs in a group.
RESQ_INLINE int64_t resq_qunits(const resq_qshape *b) { return (b->group + 7) / 8; }

RESQ_INLINE int64_t resq_qtiles(int64_t n) { return (n + RESQ_TILE_N - 1) / RESQ_TILE_N; }

/// Bytes of a unit of 8 inputs by 16 channels.
RESQ_INLINE int64_t resq_qunit_bytes(const resq_qshape *b) {
  return resq_packed_unit_bytes(b->wbits);
}

/// True where a weight scale serves the whole row.
RESQ_INLINE int resq_qscale_per_row(const resq_qshape *b) { return b->wgroup == b->k; }

/// What the weights that pad a group add up to, a channel: no trellis code stands for 0.
RESQ_INLINE int32_t resq_qpadding_sum(const resq_qshape *b) {
  const int32_t padding = (int32_t)(resq_qunits(b) * 8 - b->group);
  return b->trellis ? padding * resq_trellis_values(b->wbits)[resq_trellis_pad(b->wbits)] : 0;
}

RESQ_INLINE const int8_t *resq_qcodes(const resq_qshape *b, int64_t row, int64_t g) {
  return b->codes + row * resq_code_stride(b->k, b->group) + g * resq_qunits(b) * 8;
}

RESQ_INLINE const uint8_t *resq_qweight(const resq_qshape *b, int64_t tile, int64_t g) {
  return b->weight + (tile * resq_qgroups(b) + g) * resq_qunits(b) * resq_qunit_bytes(b);
}

/// bf16 scales of a tile, weight group g.
RESQ_INLINE const resq_bf16 *resq_qscales(const resq_qshape *b, int64_t tile, int64_t g) {
  return (const resq_bf16 *)(b->weight +
                             resq_packed_scales_offset(b->n, b->k, b->group, b->wbits)) +
         (g * resq_qtiles(b->n) + tile) * RESQ_TILE_N;
}

#endif // RESQ_QLINEAR_SHAPE_H
