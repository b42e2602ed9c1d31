//===-- qlinear_tile.h - tensor core products of quantized linears --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A warp multiplies 16 channels of a packed weight, read and decoded straight from memory, with 8 rows of activations
// at a time. A step is 4 units, 32 inputs; which of its 32 inputs is which does not matter as long as weights and
// activations agree: lane 4 g + q holds channels 2 g and 2 g + 1 of unit q, and of a tile of columns row g, the same
// unit. Of the results it has rows 2 q and 2 q + 1 of channel 2 g, then of channel 2 g + 1. Sums are exact, in any order.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_TILE_H
#define RESQ_KERNELS_NVPTX_QLINEAR_TILE_H

#include "elements.h"
#include "qlinear_trellis.h"

enum { RESQ_QSTEP = RESQ_QSTEP_UNITS, RESQ_QMOST_PLANES = 3 };

/// Steps of a group.
RESQ_INLINE int64_t resq_qgroup_steps(const resq_qshape *b) {
  return (resq_qunits(b) + RESQ_QSTEP - 1) / RESQ_QSTEP;
}

//===-- Weights -----------------------------------------------------------===//

/// What trellis codes of either branch stand for to shared memory at `table`: values of 3 bits by their places,
/// RESQ_QVALUES bytes; behind them the pairs of recoded codes, each line `copies` times, so that fewer lanes meet in a bank. A
/// barrier comes after.
RESQ_INLINE void resq_qtable_fill(uint32_t table, const resq_qshape *a, const resq_qshape *b,
                                  int copies) {
  const bool pairs = resq_qis_recoded(a) || (b->k && resq_qis_recoded(b));
  const bool values = (a->trellis && a->wbits == 3) || (b->k && b->trellis && b->wbits == 3);
  if (values && resq_thread() < RESQ_QVALUES)
    resq_shared_store_u8(table + (uint32_t)resq_thread(),
                         (uint8_t)resq_trellis_values(3)[resq_thread()]);
  for (int i = resq_thread(); pairs && i < RESQ_QPAIR_LINES * copies; i += resq_threads())
    resq_shared_store(table + RESQ_QVALUES + 4 * (uint32_t)i,
                      resq_qpair_line((uint32_t)(i / copies)));
}

/// The codes of a lane as they are stored.
typedef struct resq_qraw {
  resq_u32x2 own, upper; ///< the base of both channels; of codes of 8 bits, of inputs 4 to 7
  resq_u32x2 below,
      farther; ///< of trellis codes: the pair of channels before, and the one before that
  resq_u32x2 planes[RESQ_QMOST_PLANES];
} resq_qraw;

/// Where the base of a pair of channels, 0 to 7, stands in a unit.
RESQ_INLINE int resq_qpair_at(const resq_qshape *b, int pair) {
  return 8 * (resq_packed_base(b->wbits) == 2 ? pair & 3 : pair & 7);
}
/// The first bit of such codes in their bytes, those of inputs 4 `half` on.
RESQ_INLINE int resq_qpair_shift(const resq_qshape *b, int pair, int half) {
  return 4 * half + (resq_packed_base(b->wbits) == 2 ? 2 * (pair >> 2 & 1) : 0);
}

/// Those of the unit at `unit`; of recoded codes resq_qstep_load loads them.
RESQ_INLINE resq_qraw resq_qraw_load(const resq_qshape *b, const uint8_t *unit, int lane) {
  const int g = lane >> 2;
  resq_qraw r = {0};
  r.own = resq_load_constant_x2(unit + resq_qpair_at(b, g));
  if (b->trellis) {
    r.below = resq_load_constant_x2(unit + resq_qpair_at(b, g + 7));
    if (resq_trellis_memory(b->wbits) == 3)
      r.farther = resq_load_constant_x2(unit + resq_qpair_at(b, g + 6));
  } else if (b->wbits == 8) {
    r.upper = resq_load_constant_x2(unit + 64 + 8 * g);
  }
  const uint8_t *plane = unit + resq_packed_planes_at(b->wbits) + 8 * (g & 1);
  RESQ_UNROLL
  for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p)
    r.planes[p] = resq_load_constant_x2(plane + RESQ_PLANE_BYTES * p);
  return r;
}

/// Four entries of the table, one for each byte.
RESQ_INLINE uint32_t resq_qtable_four(uint32_t table, uint32_t places) {
  uint32_t four = 0;
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i)
    four |= resq_shared_load_u8(table + (places >> 8 * i & 63)) << 8 * i;
  return four;
}

/// int8 weights as resq_mma_s8 takes them: inputs 0 to 3 of both channels, then 4 to 7.
typedef struct resq_qints {
  uint32_t a[4];
} resq_qints;

enum { RESQ_QLAST_BITS = 0x01010101 };

/// The places of the pair's codes: their states are last bits of the codes before them.
RESQ_INLINE void resq_qtrellis_places(const resq_qshape *b, const resq_qraw *r, int g, int half,
                                      uint32_t codes[2]) {
  const uint32_t ones = RESQ_QLAST_BITS;
  const int bits = (int)b->wbits, own = resq_qpair_shift(b, g, half),
            below = resq_qpair_shift(b, g + 7, half);
  // Those of one, two and three channels before the even one; before the odd one is the even one.
  const uint32_t even = r->own[0] >> own & ones, one = r->below[1] >> below & ones,
                 two = r->below[0] >> below & ones;
  codes[0] |= one << bits | two << (bits + 1);
  codes[1] |= even << bits | one << (bits + 1);
  if (resq_trellis_memory(bits) == 3) {
    codes[0] |= (r->farther[1] >> resq_qpair_shift(b, g + 6, half) & ones) << (bits + 2);
    codes[1] |= two << (bits + 2);
  }
}

/// table: as resq_qtable_fill fills it.
RESQ_INLINE resq_qints resq_qdecode(const resq_qshape *b, const resq_qraw *r, uint32_t table,
                                    int copies, int lane) {
  const uint32_t ones = RESQ_QLAST_BITS, signs = 0x80808080;
  const int base = (int)resq_packed_base(b->wbits), g = lane >> 2;
  resq_qints v;
  if (base == 8)
    return (resq_qints){
        {r->own[0] ^ signs, r->own[1] ^ signs, r->upper[0] ^ signs, r->upper[1] ^ signs}};
  if (resq_qis_recoded(b)) {
    uint32_t e[8];
    RESQ_UNROLL
    for (uint32_t i = 0; i < 8; ++i) {
      const uint32_t both = resq_qpair_of_input(r->own, r->below, i);
      e[i] = resq_shared_load_u16(table + RESQ_QVALUES,
                                  (both >> 7 & (RESQ_QPAIR_LINES - 1)) * 4 * (uint32_t)copies |
                                      4 * (uint32_t)(lane % copies) | (both & 2));
    }
    resq_qpairs_apart(e, v.a);
    return v;
  }
  RESQ_UNROLL
  for (int half = 0; half < 2; ++half) {
    const uint32_t field = ones * ((1u << base) - 1);
    uint32_t codes[2];
    RESQ_UNROLL
    for (int c = 0; c < 2; ++c) {
      codes[c] = r->own[c] >> resq_qpair_shift(b, g, half) & field;
      RESQ_UNROLL
      for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p)
        codes[c] |= (r->planes[p][c] >> (4 * half + (lane >> 3)) & ones) << (base + p);
    }
    if (b->trellis) {
      resq_qtrellis_places(b, r, g, half, codes);
      v.a[2 * half] = resq_qtable_four(table, codes[0]);
      v.a[2 * half + 1] = resq_qtable_four(table, codes[1]);
      continue;
    }
    const uint32_t offset = (uint32_t)resq_packed_offset(b->wbits) * ones;
    v.a[2 * half] = ((codes[0] | signs) - offset) ^ signs; // no borrow leaves a byte
    v.a[2 * half + 1] = ((codes[1] | signs) - offset) ^ signs;
  }
  return v;
}

/// The weights of step `step` of a group whose units begin at `group`.
RESQ_INLINE resq_qraw resq_qstep_load(const resq_qshape *b, const uint8_t *group, int64_t step,
                                      int lane) {
  const int64_t wanted = step * RESQ_QSTEP + (lane & 3), units = resq_qunits(b);
  const int64_t unit = wanted < units ? wanted : units - 1; // its activations are 0
  if (resq_qis_recoded(b)) { // units of a step side by side, pair by pair
    const int64_t first = step * RESQ_QSTEP, left = units - first;
    const int64_t count = left < RESQ_QSTEP ? left : RESQ_QSTEP, g = lane >> 2;
    const uint8_t *at = group + 64 * first + 8 * (unit - first);
    const resq_u32x2 own = resq_load_constant_x2(at + 8 * count * g);
    const resq_u32x2 below = resq_load_constant_x2(at + 8 * count * ((g + 7) & 7));
    return (resq_qraw){.own = own, .below = below};
  }
  return resq_qraw_load(b, group + unit * resq_qunit_bytes(b), lane);
}

//===-- Activations -------------------------------------------------------===//

/// What a lane feeds of rows `first` to first + 7: its unit of the step of group g, 0 where there is none.
RESQ_INLINE resq_u32x2 resq_qactivations(const resq_qshape *b, int64_t first, int64_t rows,
                                         int64_t g, int64_t step, int lane) {
  const int64_t row = first + (lane >> 2), unit = step * RESQ_QSTEP + (lane & 3);
  resq_u32x2 x = {0, 0};
  if (row < rows && unit < resq_qunits(b))
    x = resq_load_x2(resq_qcodes(b, row, g) + 8 * unit);
  return x;
}

/// Ones where the lane's unit of a step has inputs: products with them are sums of weights.
RESQ_INLINE resq_u32x2 resq_qsum_of_weights(const resq_qshape *b, int64_t step, int lane) {
  const int64_t left = b->group - 8 * (step * RESQ_QSTEP + (lane & 3));
  const uint64_t all = 0x0101010101010101u;
  const uint64_t ones = left >= 8 ? all : left > 0 ? all & (((uint64_t)1 << 8 * left) - 1) : 0;
  return (resq_u32x2){(uint32_t)ones, (uint32_t)(ones >> 32)};
}

RESQ_INLINE void resq_qproduct(int32_t *c, const resq_qints *v, resq_u32x2 x) {
  resq_mma_s8(c, v->a[0], v->a[1], v->a[2], v->a[3], x[0], x[1]);
}

//===-- The f32 steps of qlinear_shape.h ----------------------------------===//

typedef struct resq_qresult {
  float part, y;
} resq_qresult;

/// What group g of a row is scaled by.
typedef struct resq_qscaling {
  float scale;
  int32_t shift;
} resq_qscaling;

RESQ_INLINE resq_qscaling resq_qscaling_of(const resq_qshape *b, int64_t row, int64_t g) {
  const resq_quant_meta *meta = b->meta + row * resq_qgroups(b) + g;
  return (resq_qscaling){resq_float_of(resq_load(&meta->scale)),
                         b->abits == 8 ? (int32_t)resq_load(&meta->shift) : 0};
}

/// Group g of a row is in: its exact sum of products, and of weights where activations have a zero point.
RESQ_INLINE void resq_qadd_group(const resq_qshape *b, int64_t g, resq_qscaling by, int32_t sum,
                                 int32_t weights, float weight_scale, resq_qresult *r) {
  const int per_row = resq_qscale_per_row(b);
  if (b->abits == 8)
    sum += by.shift * weights;
  const float t = (float)sum * by.scale;
  r->part = per_row && g > 0 ? r->part + t : t;
  if (!per_row || g + 1 == resq_qgroups(b))
    r->y += weight_scale * r->part;
}

/// The scale that group g of a channel is added with, if any.
RESQ_INLINE float resq_qweight_scale(const resq_qshape *b, int64_t channel, int64_t g) {
  const int64_t index = resq_qscale_per_row(b) ? 0 : g;
  return resq_f32_from_bf16(resq_qscales(b, channel / RESQ_TILE_N, index)[channel % RESQ_TILE_N]);
}

#endif // RESQ_KERNELS_NVPTX_QLINEAR_TILE_H
