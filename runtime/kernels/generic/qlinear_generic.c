//===-- qlinear_generic.c - quantised linears, in plain C -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition of resq.qlinear: exact int32 sums, then the f32 steps that
// qlinear_shape.h lists. A chunk is one tile of 16 channels over all rows. The
// tile's weights and each row's codes are widened to int16 in scratch, k contiguous:
// the dot products that every vectoriser knows. Scratch is that of
// resq_qlinear_scratch.
//===----------------------------------------------------------------------===//
#include "kernels/half.h"
#include "kernels/templates/qlinear_shape.h"

/// One chunk's scratch.
typedef struct tile_data {
  int16_t *weights; ///< [16, padded k]
  int16_t *codes;   ///< [padded k], one row
  int32_t *sums;    ///< [groups, 16] sums of weights, where a shift needs them
  int64_t padded_k;
} tile_data;

RESQ_INLINE tile_data lay_out(uint8_t *scratch, const resq_qshape *b) {
  const int64_t k = resq_padded_k(b->k, b->group);
  int16_t *weights = (int16_t *)scratch;
  return (tile_data){weights, weights + 16 * k, (int32_t *)(weights + 17 * k), k};
}

RESQ_INLINE int32_t dot(const int16_t *w, const int16_t *x, int64_t count) {
  int32_t sum = 0;
  for (int64_t k = 0; k < count; ++k)
    sum += (int32_t)w[k] * x[k];
  return sum;
}

enum { RUN = RESQ_PLANE_BYTES, RUNS = 8 /* of neighboring codes, in one field each */ };

/// The codes of a unit as they are stored: 64 of the first four inputs, then of the others.
typedef struct unit_codes {
  uint8_t at[RUNS * RUN];
} unit_codes;

RESQ_INLINE void load_codes(const resq_qshape *b, const uint8_t *packed, unit_codes *codes) {
  const int base = (int)resq_packed_base(b->wbits);
  for (int run = 0; run < RUNS; ++run) {
    const resq_packed_field low = resq_packed_field_of(RUN * run, base);
    for (int i = 0; i < RUN; ++i)
      codes->at[RUN * run + i] = (uint8_t)(packed[low.byte + i] >> low.shift & ((1 << base) - 1));
    const uint8_t *plane = packed + resq_packed_planes_at(b->wbits);
    for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p, plane += RESQ_PLANE_BYTES)
      for (int i = 0; i < RUN; ++i)
        codes->at[RUN * run + i] |= (uint8_t)((plane[i] >> run & 1) << (base + p));
  }
}

/// The place of channel c's code, of the codes of an input, which are 4 bytes apart.
RESQ_INLINE int trellis_place(const resq_qshape *b, const uint8_t *codes, int c) {
  int state = 0;
  for (int before = resq_trellis_memory(b->wbits); before > 0; --before)
    state =
        resq_trellis_next(state, codes[4 * ((c + RESQ_TILE_N - before) % RESQ_TILE_N)], b->wbits);
  return resq_trellis_place(state, codes[4 * c], b->wbits);
}

/// Weights of one unit: 8 inputs of 16 channels, `k` elements from channel to channel.
RESQ_INLINE void unpack_unit(const resq_qshape *b, const uint8_t *packed, int16_t *restrict out,
                             int64_t k) {
  unit_codes codes;
  load_codes(b, packed, &codes);
  for (int c = 0; c < RESQ_TILE_N; ++c)
    for (int j = 0; j < 8; ++j) {
      const uint8_t *input = codes.at + 64 * (j / 4) + j % 4;
      out[c * k + j] =
          (int16_t)(b->trellis ? resq_trellis_values(b->wbits)[trellis_place(b, input, c)]
                               : input[4 * c] - resq_packed_offset(b->wbits));
    }
}

RESQ_INLINE void unpack_tile(const resq_qshape *b, int64_t tile, const tile_data *d) {
  const uint8_t *packed = resq_qweight(b, tile, 0);
  for (int64_t u = 0; u < d->padded_k / 8; ++u)
    unpack_unit(b, packed + u * resq_qunit_bytes(b), d->weights + 8 * u, d->padded_k);
  const int64_t count = resq_qunits(b) * 8;
  for (int64_t i = 0; b->abits == 8 && i < resq_qgroups(b) * 16; ++i) {
    const int16_t *w = d->weights + i % 16 * d->padded_k + i / 16 * count;
    int32_t sum = 0;
    for (int64_t k = 0; k < b->group; ++k) // padding may not be 0
      sum += w[k];
    d->sums[i] = sum;
  }
}

/// t[c] = scale * (float)(exact sum of group g) of the row whose codes stand in d.
RESQ_INLINE void group_product(const resq_qshape *b, resq_quant_meta meta, int64_t g,
                               const tile_data *d, float *restrict t) {
  const int64_t count = resq_qunits(b) * 8, at = g * count;
  for (int c = 0; c < 16; ++c) {
    int32_t sum = dot(d->weights + c * d->padded_k + at, d->codes + at, count);
    if (b->abits == 8)
      sum += meta.shift * d->sums[g * 16 + c];
    t[c] = (float)sum * meta.scale;
  }
}

/// y += the branch's product of one row and tile.
RESQ_INLINE void row_product(const resq_qshape *b, int64_t row, int64_t tile, const tile_data *d,
                             float *restrict y) {
  const int8_t *codes = resq_qcodes(b, row, 0);
  for (int64_t k = 0; k < d->padded_k; ++k)
    d->codes[k] = codes[k];
  float part[16], t[16];
  for (int64_t g = 0; g < resq_qgroups(b); ++g) {
    const int last = g + 1 == resq_qgroups(b);
    group_product(b, b->meta[row * resq_qgroups(b) + g], g, d, t);
    const resq_bf16 *scales = resq_qscales(b, tile, resq_qscale_per_row(b) ? 0 : g);
    for (int c = 0; c < 16; ++c) {
      part[c] = resq_qscale_per_row(b) && g > 0 ? part[c] + t[c] : t[c];
      if (last || !resq_qscale_per_row(b))
        y[c] += resq_f32_from_bf16(scales[c]) * part[c];
    }
  }
}

/// One branch of one tile, all rows: the first branch starts from the bias.
RESQ_INLINE void tile_product(resq_worker *w, const resq_qshape *b, int first, const float *bias,
                              float *y, int64_t rows, int64_t ldy, int64_t tile) {
  const tile_data d = lay_out(w->scratch, b);
  const int64_t channel = tile * RESQ_TILE_N;
  const int64_t count = b->n - channel < RESQ_TILE_N ? b->n - channel : RESQ_TILE_N;
  unpack_tile(b, tile, &d);
  for (int64_t r = 0; r < rows; ++r) {
    float *out = y + r * ldy + channel;
    float total[16] = {0};
    for (int64_t c = 0; c < count; ++c)
      total[c] = !first ? out[c] : bias ? bias[channel + c] : 0.0f;
    row_product(b, r, tile, &d, total);
    for (int64_t c = 0; c < count; ++c)
      out[c] = total[c];
  }
}

RESQ_INLINE void multiply(resq_worker *w, int32_t op, resq_qshape a, resq_qshape b,
                          const float *bias, float *y, int64_t rows, int64_t ldy) {
  for (int64_t tile; (tile = resq_next_chunk(w, op)) < resq_qtiles(a.n);) {
    tile_product(w, &a, 1, bias, y, rows, ldy, tile);
    if (b.k)
      tile_product(w, &b, 0, bias, y, rows, ldy, tile);
  }
}

#include "kernels/templates/qlinear.inc"
