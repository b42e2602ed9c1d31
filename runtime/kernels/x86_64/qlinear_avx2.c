//===-- qlinear_avx2.c - quantised linears on AVX2 ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bit-equal to the generic level at any shape, row count and number of threads. A chunk is some
// rows, whose codes are paired once, by a run of tiles. Few rows take weights as they are stored,
// straight from memory; many have each tile unpacked first. Scratch must hold, for each input
// (padded), 16 bytes and 2 for each row of a block: padded k up to 37,000.
//===----------------------------------------------------------------------===//
#include "qlinear_block_avx2.h"

/// Up to so many rows take weights as they are stored.
#define FEW_ROWS 4
/// Rows of a chunk at most: unpacking a tile is little beside them.
#define MOST_ROWS 48

typedef struct qcall {
  resq_qwork a, b;
  const float *bias;
  float *y;
  int64_t ldy, most_rows;
} qcall;

RESQ_INLINE int64_t all_units(const qcall *c) {
  return resq_all_units(&c->a.b) + (c->b.b.k ? resq_all_units(&c->b.b) : 0);
}

RESQ_INLINE uint8_t *lay_out_tile(resq_qwork *w, uint8_t *at) {
  w->sums = (int32_t *)at;
  w->unpacked = at + resq_qgroups(&w->b) * RESQ_TILE_N * (int64_t)sizeof(int32_t);
  return w->unpacked + resq_all_units(&w->b) * RESQ_UNPACKED_UNIT;
}

/// Divides the scratch: tiles, then pairs of as many rows as it holds.
RESQ_INLINE void lay_out(qcall *c, uint8_t *scratch) {
  const int64_t row_bytes = all_units(c) * RESQ_UNIT_PAIRS * (int64_t)sizeof(int32_t);
  uint8_t *at = lay_out_tile(&c->a, scratch);
  if (c->b.b.k)
    at = lay_out_tile(&c->b, at);
  const int64_t rows = (RESQ_SCRATCH_BYTES - (at - scratch)) / row_bytes;
  c->most_rows = rows > MOST_ROWS ? MOST_ROWS : rows < 1 ? 1 : rows;
  c->a.pairs = (int32_t *)at;
  c->b.pairs = c->a.pairs + c->most_rows * resq_all_units(&c->a.b) * RESQ_UNIT_PAIRS;
}

/// `rows` rows, the `at`th of the chunk first, by one tile.
RESQ_INLINE void block(const qcall *c, int64_t row, int64_t at, int rows, int64_t tile,
                       int unpacked) {
  const int64_t channel = tile * RESQ_TILE_N, left = c->a.b.n - channel;
  const int64_t count = left < RESQ_TILE_N ? left : RESQ_TILE_N;
  float bias[RESQ_TILE_N] = {0};
  __m256 total[RESQ_BLOCK_ROWS][2];
  for (int64_t i = 0; c->bias && i < count; ++i)
    bias[i] = c->bias[channel + i];
  RESQ_UNROLL for (int r = 0; r < rows; ++r) {
    total[r][0] = _mm256_loadu_ps(bias);
    total[r][1] = _mm256_loadu_ps(bias + 8);
  }
  resq_qblock_product(&c->a, row, at, rows, tile, unpacked, total);
  if (c->b.b.k)
    resq_qblock_product(&c->b, row, at, rows, tile, unpacked, total);
  RESQ_UNROLL for (int r = 0; r < rows; ++r) {
    float *y = c->y + (row + at + r) * c->ldy + channel;
    if (count == RESQ_TILE_N) {
      _mm256_storeu_ps(y, total[r][0]);
      _mm256_storeu_ps(y + 8, total[r][1]);
      continue;
    }
    float out[RESQ_TILE_N];
    _mm256_storeu_ps(out, total[r][0]);
    _mm256_storeu_ps(out + 8, total[r][1]);
    for (int64_t i = 0; i < count; ++i)
      y[i] = out[i];
  }
}

/// The rows of a chunk by one tile.
RESQ_INLINE void tile_rows(const qcall *c, int64_t row, int64_t rows, int64_t tile) {
  int64_t at = 0;
  if (rows > FEW_ROWS) {
    unpack_tile(&c->a, tile);
    if (c->b.b.k)
      unpack_tile(&c->b, tile);
    for (; at + RESQ_BLOCK_ROWS <= rows; at += RESQ_BLOCK_ROWS)
      block(c, row, at, RESQ_BLOCK_ROWS, tile, 1);
    for (; at + 2 <= rows; at += 2)
      block(c, row, at, 2, tile, 1);
    if (at < rows)
      block(c, row, at, 1, tile, 1);
    return;
  }
  if (rows == 4) {
    block(c, row, 0, 4, tile, 0);
    return;
  }
  if (rows >= 2)
    block(c, row, 0, 2, tile, 0);
  if (rows % 2)
    block(c, row, rows - 1, 1, tile, 0);
}

RESQ_INLINE void multiply(resq_worker *w, int32_t op, resq_qshape a, resq_qshape b,
                          const float *bias, float *y, int64_t rows, int64_t ldy) {
  qcall c = {.a.b = a, .b.b = b, .bias = bias, .y = y, .ldy = ldy};
  lay_out(&c, w->scratch);
  // Cuts of rows, and enough runs of tiles for the threads. Runs slowest: a run's weights are read
  // from memory once.
  const int64_t tiles = resq_qtiles(a.n), cuts = (rows + c.most_rows - 1) / c.most_rows;
  const int64_t wanted = w->count == 1 || cuts == 0 ? 1 : (4 * w->count + cuts - 1) / cuts;
  const int64_t runs = wanted < tiles ? wanted : tiles;
  for (int64_t i; (i = resq_next_chunk(w, op)) < cuts * runs;) {
    const int64_t row = i % cuts * c.most_rows, run = i / cuts;
    const int64_t count = rows - row < c.most_rows ? rows - row : c.most_rows;
    pair_codes(&c.a, row, count);
    if (b.k)
      pair_codes(&c.b, row, count);
    for (int64_t tile = run * tiles / runs; tile < (run + 1) * tiles / runs; ++tile)
      tile_rows(&c, row, count, tile);
  }
}

#include "kernels/templates/qlinear.inc"
