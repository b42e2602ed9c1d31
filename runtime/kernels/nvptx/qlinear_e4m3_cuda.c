//===-- qlinear_e4m3_cuda.c - linears of E4M3 codes -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums in f32, inputs rising, then the steps of qlinear_e4m3_generic.c, group by group.
//===----------------------------------------------------------------------===//
#include "float_tile.h"
#include "kernels/templates/qlinear_e4m3_shape.h"

/// A result on its way through the groups.
typedef struct resq_e4m3_result {
  float part, y;
} resq_e4m3_result;

RESQ_INLINE void resq_e4m3_add_group(const resq_e4m3_branch *b, int64_t row, int64_t channel,
                                     int64_t g, float sum, resq_e4m3_result *r) {
  const int64_t groups = b->k / b->group;
  const bool per_row = b->wgroup == b->k;
  const float t = sum * b->scales[row * groups + g];
  const resq_bf16 *scales = resq_e4m3_weight_scales(b, channel / RESQ_TILE_N, per_row ? 0 : g);
  r->part = per_row && g > 0 ? r->part + t : t;
  if (!per_row || g + 1 == groups)
    r->y += resq_f32_from_bf16(scales[channel % RESQ_TILE_N]) * r->part;
}

void RESQ_KERNEL(resq_qlinear_e4m3)(const uint8_t *codes, const float *scales,
                                    const uint8_t *weight, const float *bias, float *y,
                                    int64_t rows, int64_t ldy, int64_t n, int64_t k, int64_t group,
                                    int64_t wgroup, int64_t add, int64_t variant,
                                    uint8_t *scratch) {
  const resq_e4m3_branch b = {codes, scales, weight, n, k, group, wgroup};
  const resq_tile_product p = {RESQ_TILE_E4M3, 0,    codes, resq_code_stride(k, group),
                               weight,         rows, n,     resq_e4m3_padded_k(&b)};
  const int64_t channels = resq_tile_channels(variant), height = resq_tile_rows(variant);
  const int64_t across = (n + channels - 1) / channels, down = (rows + height - 1) / height;
  const int64_t each = variant == RESQ_TILE_FEW ? 1 : RESQ_MANY_EACH;
  const int64_t own_row = variant == RESQ_TILE_FEW ? resq_few_row() : resq_many_row();
  const int64_t own_channel = variant == RESQ_TILE_FEW ? resq_few_channel() : resq_many_channel();
  (void)scratch;
  resq_begin();
  for (int64_t item = resq_block_x(); item < down * across; item += resq_blocks_x()) {
    const int64_t row = item / across * height, channel = item % across * channels;
    resq_e4m3_result results[RESQ_MANY_EACH][RESQ_MANY_EACH];
    float sums[RESQ_MANY_EACH][RESQ_MANY_EACH];
    RESQ_UNROLL
    for (int i = 0; i < each; ++i)
      RESQ_UNROLL
    for (int j = 0; j < each; ++j) {
      const int64_t r = row + own_row + i, c = channel + own_channel + j;
      results[i][j].y = r < rows && c < n ? add ? y[r * ldy + c] : bias ? bias[c] : 0.0f : 0.0f;
    }
    for (int64_t g = 0; g < k / group; ++g) {
      const int64_t begin = g * resq_e4m3_group_k(&b), end = begin + resq_e4m3_group_k(&b);
      if (variant == RESQ_TILE_FEW)
        sums[0][0] = resq_few_sum(&p, row, channel, begin, end);
      else
        resq_many_sum(&p, row, channel, begin, end, sums);
      RESQ_UNROLL
      for (int i = 0; i < each; ++i)
        RESQ_UNROLL
      for (int j = 0; j < each; ++j) {
        const int64_t r = row + own_row + i, c = channel + own_channel + j;
        if (r < rows && c < n)
          resq_e4m3_add_group(&b, r, c, g, sums[i][j], &results[i][j]);
      }
    }
    RESQ_UNROLL
    for (int i = 0; i < each; ++i)
      RESQ_UNROLL
    for (int j = 0; j < each; ++j) {
      const int64_t r = row + own_row + i, c = channel + own_channel + j;
      if (r < rows && c < n)
        y[r * ldy + c] = results[i][j].y;
    }
  }
}
