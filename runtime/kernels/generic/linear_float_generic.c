//===-- linear_float_generic.c - y = x W^T + b, float weights ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pinned arithmetic: products and sums rounded apart in f32, k ascending, bias last.
//===----------------------------------------------------------------------===//
#include "kernels/half.h"
#include "kernels/kernels.h"

/// sums[c] = x . channel c of a tile.
RESQ_INLINE void dot_tile(const float *x, const void *panel, int64_t at, int64_t k, int as,
                          float *sums) {
  for (int c = 0; c < RESQ_TILE_N; ++c)
    sums[c] = 0.0f;
  for (int64_t i = 0; i < k; ++i)
    for (int c = 0; c < RESQ_TILE_N; ++c)
      sums[c] += x[i] * resq_float_element(panel, at + i * RESQ_TILE_N + c, as);
}

RESQ_INLINE void linear(resq_worker *w, int32_t op, const float *x, const void *panel,
                        const float *bias, float *y, int64_t rows, int64_t ldx, int64_t ldy,
                        int64_t n, int64_t k, int as) {
  int64_t tiles = (n + RESQ_TILE_N - 1) / RESQ_TILE_N, tile;
  while ((tile = resq_next_chunk(w, op)) < tiles) {
    int64_t first = tile * RESQ_TILE_N;
    int64_t channels = n - first < RESQ_TILE_N ? n - first : RESQ_TILE_N;
    for (int64_t r = 0; r < rows; ++r) {
      float sums[RESQ_TILE_N];
      dot_tile(x + r * ldx, panel, first * k, k, as, sums);
      for (int64_t c = 0; c < channels; ++c)
        y[r * ldy + first + c] = bias ? sums[c] + bias[first + c] : sums[c];
    }
  }
}

#include "kernels/templates/linear_float.inc"
