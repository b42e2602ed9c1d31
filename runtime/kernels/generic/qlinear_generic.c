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

/// The weight that a stored nibble or byte is.
RESQ_INLINE int16_t weight_of(const resq_qshape *b, int32_t stored) {
  return (int16_t)(stored - resq_packed_offset(b->wbits));
}

/// The weight of channel c, of trellis codes; packed holds an input's nibbles 4 bytes apart.
RESQ_INLINE int16_t trellis_weight(const uint8_t *packed, int c, int shift) {
  const int code = packed[4 * c] >> shift & 15;
  const int one = packed[4 * ((c + 15) % 16)] >> shift, two = packed[4 * ((c + 14) % 16)] >> shift;
  return resq_trellis_weights[resq_trellis_state(one, two) * RESQ_TRELLIS_CODES + code];
}

/// What stands in the planes of a unit of the weight at byte `step` of its half.
RESQ_INLINE int32_t high_bits(const resq_qshape *b, const uint8_t *packed, int half, int step) {
  int32_t bits = 0;
  for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p) {
    const uint8_t plane = packed[64 + RESQ_PLANE_BYTES * p + step % RESQ_PLANE_BYTES];
    bits |= (plane >> (4 * half + step / RESQ_PLANE_BYTES) & 1) << (4 + p);
  }
  return bits;
}

/// Weights of one unit: 8 inputs of 16 channels, `k` elements from channel to channel.
RESQ_INLINE void unpack_unit(const resq_qshape *b, const uint8_t *packed, int16_t *restrict out,
                             int64_t k) {
  for (int c = 0; c < RESQ_TILE_N; ++c)
    for (int j = 0; j < 4; ++j) {
      const int step = 4 * c + j;
      const uint8_t first = packed[step];
      if (b->trellis) {
        out[c * k + j] = trellis_weight(packed + j, c, 0);
        out[c * k + 4 + j] = trellis_weight(packed + j, c, 4);
        continue;
      }
      if (b->wbits == 8) {
        out[c * k + j] = weight_of(b, first);
        out[c * k + 4 + j] = weight_of(b, packed[64 + step]);
        continue;
      }
      out[c * k + j] = weight_of(b, (first & 15) | high_bits(b, packed, 0, step));
      out[c * k + 4 + j] = weight_of(b, first >> 4 | high_bits(b, packed, 1, step));
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
