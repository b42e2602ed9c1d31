//===-- qlinear_e4m3_generic.c - linears of E4M3 codes, in plain C --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition of an E4M3 branch of resq.qlinear: sums in f32, inputs rising. A chunk is one tile
// of 16 channels over all rows; its weights and each row's codes are widened to f32 in scratch,
// channels side by side, so that a sum is a lane and keeps its order. Scratch must hold 68 bytes
// for each input (padded): padded k up to 15,420.
//===----------------------------------------------------------------------===//
#include "kernels/templates/qlinear_e4m3_shape.h"

/// A tile's weights as [padded k, 16].
RESQ_INLINE void unpack_tile(const resq_e4m3_branch *b, int64_t tile, float *out) {
  const uint8_t *packed = resq_e4m3_weight(b, tile);
  for (int64_t quad = 0; quad < resq_e4m3_padded_k(b) / 4; ++quad)
    for (int64_t c = 0; c < RESQ_TILE_N; ++c)
      for (int64_t j = 0; j < 4; ++j)
        out[(quad * 4 + j) * RESQ_TILE_N + c] = resq_f32_from_e4m3(packed[quad * 64 + c * 4 + j]);
}

/// t[c] = scale * (sum over group g of x w).
RESQ_INLINE void group_product(const resq_e4m3_branch *b, const float *x, const float *weights,
                               float scale, int64_t g, float *restrict t) {
  const int64_t count = resq_e4m3_group_k(b);
  float sums[RESQ_TILE_N] = {0};
  for (int64_t k = g * count; k < (g + 1) * count; ++k)
    for (int c = 0; c < RESQ_TILE_N; ++c)
      sums[c] += x[k] * weights[k * RESQ_TILE_N + c];
  for (int c = 0; c < RESQ_TILE_N; ++c)
    t[c] = sums[c] * scale;
}

/// y += the branch's product of one row and tile; x: room for the row's inputs.
RESQ_INLINE void row_product(const resq_e4m3_branch *b, int64_t row, int64_t tile,
                             const float *weights, float *x, float *restrict y) {
  const int per_row = b->wgroup == b->k;
  const int64_t groups = b->k / b->group;
  float part[RESQ_TILE_N], t[RESQ_TILE_N];
  for (int64_t k = 0; k < resq_e4m3_padded_k(b); ++k)
    x[k] = resq_f32_from_e4m3(resq_e4m3_codes(b, row)[k]);
  for (int64_t g = 0; g < groups; ++g) {
    group_product(b, x, weights, b->scales[row * groups + g], g, t);
    const resq_bf16 *scales = resq_e4m3_weight_scales(b, tile, per_row ? 0 : g);
    for (int c = 0; c < RESQ_TILE_N; ++c) {
      part[c] = per_row && g > 0 ? part[c] + t[c] : t[c];
      if (!per_row || g + 1 == groups)
        y[c] += resq_f32_from_bf16(scales[c]) * part[c];
    }
  }
}

void RESQ_KERNEL(resq_qlinear_e4m3)(resq_worker *w, int32_t op, const uint8_t *codes,
                                    const float *scales, const uint8_t *weight, const float *bias,
                                    float *y, int64_t rows, int64_t ldy, int64_t n, int64_t k,
                                    int64_t group, int64_t wgroup, int64_t add) {
  const resq_e4m3_branch b = {codes, scales, weight, n, k, group, wgroup};
  float *weights = (float *)w->scratch, *x = weights + resq_e4m3_padded_k(&b) * RESQ_TILE_N;
  for (int64_t tile; (tile = resq_next_chunk(w, op)) < (n + RESQ_TILE_N - 1) / RESQ_TILE_N;) {
    const int64_t channel = tile * RESQ_TILE_N, left = n - channel;
    const int64_t count = left < RESQ_TILE_N ? left : RESQ_TILE_N;
    unpack_tile(&b, tile, weights);
    for (int64_t r = 0; r < rows; ++r) {
      float *out = y + r * ldy + channel, total[RESQ_TILE_N] = {0};
      for (int64_t c = 0; c < count; ++c)
        total[c] = add ? out[c] : bias ? bias[channel + c] : 0.0f;
      row_product(&b, r, tile, weights, x, total);
      for (int64_t c = 0; c < count; ++c)
        out[c] = total[c];
    }
  }
}
