//===-- linear_float_wide.h - y = x W^T + b, float weights ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of the levels with vec16.h. A chunk is the channels of a register block (their
// weights stay in L2) by up to 96 rows, 6 at a time: single rows stream the weights once, prefill
// reuses them. Where that gives too few chunks for the threads, a chunk is one tile.
//===----------------------------------------------------------------------===//
#include "kernels.h"
#include "panel.h"

enum { CHUNK_ROWS = 96, AHEAD_BYTES = 1024 };

typedef struct problem {
  const float *x;
  const void *panel;
  const float *bias;
  float *y;
  int64_t ldx, ldy, n, k;
  int as;
} problem;

/// Rows [row, row + rows) of the channels of `tiles` tiles from tile `first` on.
RESQ_INLINE void do_block(const problem *p, int64_t row, int rows, int64_t first, int tiles,
                          int64_t ahead) {
  resq_block block;
  resq_block_clear(&block, rows, tiles);
  int64_t stride = RESQ_TILE_N * p->k;
  const char *panel = (const char *)p->panel + first * stride * (p->as == RESQ_AS_F32 ? 4 : 2);
  resq_block_multiply(&block, rows, tiles, p->x + row * p->ldx, p->ldx, panel, stride, p->k, p->as,
                      ahead);
#pragma GCC unroll 4
  for (int t = 0; t < tiles; ++t) {
    int64_t channel = (first + t) * RESQ_TILE_N;
    v16m mask = v16_lanes(p->n - channel);
    v16f bias = p->bias ? v16_load_some(mask, p->bias + channel) : v16_zero();
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r)
      v16_store_some(p->y + (row + r) * p->ldy + channel, mask, v16_add(block.sum[r][t], bias));
  }
}

RESQ_INLINE void do_rows(const problem *p, int64_t begin, int64_t end, int64_t first, int tiles) {
  // The first block brings the weights from memory, the others find them in L2.
  int64_t ahead = AHEAD_BYTES / (p->as == RESQ_AS_F32 ? 4 : 2);
  for (int64_t row = begin; row < end; row += RESQ_BLOCK_ROWS)
    RESQ_WITH_ROWS(end - row, ROWS, do_block(p, row, ROWS, first, tiles, ROWS == 1 ? ahead : 0))
}

RESQ_INLINE void linear(resq_worker *w, int32_t op, const float *x, const void *panel,
                        const float *bias, float *y, int64_t rows, int64_t ldx, int64_t ldy,
                        int64_t n, int64_t k, int as) {
  const problem p = {x, panel, bias, y, ldx, ldy, n, k, as};
  int64_t tiles = (n + RESQ_TILE_N - 1) / RESQ_TILE_N;
  int64_t cuts = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
  int64_t whole = tiles / RESQ_BLOCK_TILES;
  if (whole * cuts < 2 * w->count)
    whole = 0;
  int64_t chunks = (whole + tiles - whole * RESQ_BLOCK_TILES) * cuts, chunk;
  while ((chunk = resq_next_chunk(w, op)) < chunks) {
    int64_t part = chunk / cuts, begin = chunk % cuts * CHUNK_ROWS;
    int64_t end = begin + CHUNK_ROWS < rows ? begin + CHUNK_ROWS : rows;
    if (RESQ_BLOCK_TILES > 1 && part < whole)
      do_rows(&p, begin, end, part * RESQ_BLOCK_TILES, RESQ_BLOCK_TILES);
    else
      do_rows(&p, begin, end, whole * RESQ_BLOCK_TILES + part - whole, 1);
  }
}

#include "linear_float.h"
