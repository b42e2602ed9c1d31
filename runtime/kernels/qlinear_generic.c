//===-- qlinear_generic.c - quantised linears, in plain C -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition of resq.qlinear: exact int32 sums, then the f32 steps that
// qlinear_shape.h lists. A chunk is one tile of 16 channels over all rows; the
// tile's codes are unpacked once into scratch, [padded k, 16] bytes, which bounds
// padded k to 32,768.
//===----------------------------------------------------------------------===//
#include "qlinear_shape.h"

/// Weights of one unit (8 inputs, 16 channels) as signed bytes [8, 16].
RESQ_INLINE void unpack_unit(const uint8_t *packed, int64_t bits, int8_t *restrict out) {
  for (int c = 0; c < RESQ_TILE_N; ++c)
    for (int j = 0; j < 4; ++j) {
      const uint8_t first = packed[4 * c + j];
      out[j * 16 + c] = (int8_t)(bits <= 4 ? (first & 15) - 8 : first - 128);
      out[(4 + j) * 16 + c] =
          (int8_t)(bits <= 4 ? (first >> 4) - 8 : packed[64 + 4 * c + j] - 128);
    }
}

/// All of a tile to w [padded k, 16], and per group the sums of its weights.
RESQ_INLINE void unpack_tile(const resq_qshape *b, int64_t tile, int8_t *restrict w,
                             int32_t *restrict sums) {
  for (int64_t g = 0; g < resq_qgroups(b); ++g, sums += 16) {
    for (int c = 0; c < 16; ++c)
      sums[c] = 0;
    const uint8_t *packed = resq_qweight(b, tile, g);
    for (int64_t u = 0; u < resq_qunits(b); ++u, w += 128) {
      unpack_unit(packed + u * resq_qunit_bytes(b), b->wbits, w);
      for (int j = 0; j < 8; ++j)
        for (int c = 0; c < 16; ++c)
          sums[c] += w[16 * j + c];
    }
  }
}

/// t[c] = scale * (float)(exact sum of group g) of one row.
RESQ_INLINE void group_product(const resq_qshape *b, int64_t row, int64_t g, const int8_t *w,
                               const int32_t *sums, float *restrict t) {
  const int8_t *codes = resq_qcodes(b, row, g);
  const resq_quant_meta meta = b->meta[row * resq_qgroups(b) + g];
  int32_t acc[16];
  for (int c = 0; c < 16; ++c)
    acc[c] = b->abits == 8 ? meta.shift * sums[c] : 0;
  for (int64_t k = 0; k < resq_qunits(b) * 8; ++k)
    for (int c = 0; c < 16; ++c)
      acc[c] += (int32_t)(int16_t)(codes[k] * w[16 * k + c]);
  for (int c = 0; c < 16; ++c)
    t[c] = (float)acc[c] * meta.scale;
}

RESQ_INLINE float widen(resq_bf16 bits) {
  const union {
    uint32_t u;
    float f;
  } v = {(uint32_t)bits << 16};
  return v.f;
}

/// y += the branch's product of one row and tile.
RESQ_INLINE void row_product(const resq_qshape *b, int64_t row, int64_t tile, const int8_t *w,
                             const int32_t *sums, float *restrict y) {
  const int64_t step = resq_qunits(b) * 128;
  float part[16], t[16];
  for (int64_t g = 0; g < resq_qgroups(b); ++g) {
    const int last = g + 1 == resq_qgroups(b);
    group_product(b, row, g, w + g * step, sums + 16 * g, t);
    const resq_bf16 *scales = resq_qscales(b, tile, resq_qscale_per_row(b) ? 0 : g);
    for (int c = 0; c < 16; ++c) {
      part[c] = resq_qscale_per_row(b) && g > 0 ? part[c] + t[c] : t[c];
      if (last || !resq_qscale_per_row(b))
        y[c] += widen(scales[c]) * part[c];
    }
  }
}

/// One branch of one tile, all rows: the first branch starts from the bias.
RESQ_INLINE void tile_product(resq_worker *w, const resq_qshape *b, int first,
                              const float *bias, float *y, int64_t rows, int64_t ldy,
                              int64_t tile) {
  int8_t *codes = (int8_t *)w->scratch;
  int32_t *sums = (int32_t *)(w->scratch + resq_padded_k(b->k, b->group) * 16);
  const int64_t channel = tile * RESQ_TILE_N;
  const int64_t count = b->n - channel < RESQ_TILE_N ? b->n - channel : RESQ_TILE_N;
  unpack_tile(b, tile, codes, sums);
  for (int64_t r = 0; r < rows; ++r) {
    float *out = y + r * ldy + channel;
    float total[16] = {0};
    for (int64_t c = 0; c < count; ++c)
      total[c] = !first ? out[c] : bias ? bias[channel + c] : 0.0f;
    row_product(b, r, tile, codes, sums, total);
    for (int64_t c = 0; c < count; ++c)
      out[c] = total[c];
  }
}

void RESQ_KERNEL(resq_qlinear)(
    resq_worker *w, int32_t op, const int8_t *codes_a, const resq_quant_meta *meta_a,
    const uint8_t *weight_a, const int8_t *codes_b, const resq_quant_meta *meta_b,
    const uint8_t *weight_b, const float *bias, float *y, int64_t rows, int64_t ldy, int64_t n,
    int64_t k_a, int64_t group_a, int64_t wgroup_a, int64_t abits_a, int64_t wbits_a,
    int64_t k_b, int64_t group_b, int64_t wgroup_b, int64_t abits_b, int64_t wbits_b) {
  const resq_qshape a = {codes_a, meta_a, weight_a, n, k_a, group_a, wgroup_a, abits_a, wbits_a};
  const resq_qshape b = {codes_b, meta_b, weight_b, n, k_b, group_b, wgroup_b, abits_b, wbits_b};
  for (int64_t tile; (tile = resq_next_chunk(w, op)) < resq_qtiles(n);) {
    tile_product(w, &a, 1, bias, y, rows, ldy, tile);
    if (k_b)
      tile_product(w, &b, 0, bias, y, rows, ldy, tile);
  }
}
