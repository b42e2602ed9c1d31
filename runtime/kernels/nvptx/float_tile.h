//===-- float_tile.h - products of rows with weights in generic's order ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block makes tiles of results, rows by channels. Products and sums are rounded apart, and each sum runs over rising
// inputs in one thread, so that results equal level "generic" bit for bit. Inputs come to shared memory in steps,
// decoded to f32 once for the whole tile; the next step's are on their way while this one's are added.
//   few rows:  16 rows by 16 channels, a result for each thread;
//   many rows: 64 by 64, 4 by 4 for each thread.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_FLOAT_TILE_H
#define RESQ_KERNELS_NVPTX_FLOAT_TILE_H

#include "elements.h"
#include "kernels/e4m3.h"
#include "kernels/half.h"

/// How weights stand.
typedef enum resq_tile_weights {
  RESQ_TILE_PANEL,  ///< of kernels.h; elements of the type `as`
  RESQ_TILE_MATRIX, ///< [k, n] row-major, f32
  RESQ_TILE_E4M3,   ///< packed codes of E4M3, and so are the rows
} resq_tile_weights;

/// A product: all but pointers and rows are constants after inlining.
typedef struct resq_tile_product {
  resq_tile_weights kind;
  int as;        ///< RESQ_AS_*, of a panel
  const void *x; ///< f32, or codes of E4M3
  int64_t ldx;   ///< elements
  const void *weights;
  int64_t rows, n, k; ///< k: padded, of E4M3
} resq_tile_product;

RESQ_INLINE float resq_tile_x(const resq_tile_product *p, int64_t row, int64_t k) {
  if (p->kind == RESQ_TILE_E4M3)
    return resq_f32_from_e4m3(((const uint8_t *)p->x)[row * p->ldx + k]);
  return ((const float *)p->x)[row * p->ldx + k];
}

/// Weight of an input and a channel below n, rounded up to whole tiles but for a matrix.
RESQ_INLINE float resq_tile_weight(const resq_tile_product *p, int64_t k, int64_t channel) {
  const int64_t tile = channel / RESQ_TILE_N, c = channel % RESQ_TILE_N;
  if (p->kind == RESQ_TILE_MATRIX)
    return ((const float *)p->weights)[k * p->n + channel];
  if (p->kind == RESQ_TILE_E4M3)
    return resq_f32_from_e4m3(
        ((const uint8_t *)p->weights)[tile * RESQ_TILE_N * p->k + k / 4 * 64 + 4 * c + k % 4]);
  return resq_float_element(p->weights, (tile * p->k + k) * RESQ_TILE_N + c, p->as);
}

/// Channels that weights are stored for.
RESQ_INLINE int64_t resq_tile_stored(const resq_tile_product *p) {
  return p->kind == RESQ_TILE_MATRIX ? p->n : resq_round_up(p->n, RESQ_TILE_N);
}

//===-- Few rows ----------------------------------------------------------===//

enum {
  RESQ_FEW_X_EACH = RESQ_GPU_FEW_ROWS * RESQ_FEW_STEP / RESQ_TILE_THREADS,
  RESQ_FEW_W_EACH = RESQ_TILE_N * RESQ_FEW_STEP / RESQ_TILE_THREADS,
};

/// The result that is a thread's.
RESQ_INLINE int64_t resq_few_row(void) { return resq_thread() / RESQ_TILE_N; }
RESQ_INLINE int64_t resq_few_channel(void) { return resq_thread() % RESQ_TILE_N; }

/// A step's weights on their way to registers: of E4M3 four inputs of a channel are neighbors, else the
/// channels of an input.
RESQ_INLINE void resq_few_load_weights(const resq_tile_product *p, int64_t channel, int64_t from,
                                       int64_t end, float *w) {
  RESQ_UNROLL
  for (int j = 0; j < RESQ_FEW_W_EACH; ++j) {
    const int64_t i = resq_thread() + (int64_t)j * RESQ_TILE_THREADS;
    const int64_t k = from + (p->kind == RESQ_TILE_E4M3 ? i / 64 * 4 + i % 4 : i / RESQ_TILE_N);
    const int64_t c = channel + (p->kind == RESQ_TILE_E4M3 ? i / 4 : i) % RESQ_TILE_N;
    w[j] = k < end && c < resq_tile_stored(p) ? resq_tile_weight(p, k, c) : 0.0f;
  }
}
RESQ_INLINE void resq_few_store_weights(const resq_tile_product *p, uint32_t to, const float *w) {
  RESQ_UNROLL
  for (int j = 0; j < RESQ_FEW_W_EACH; ++j) {
    const uint32_t i = (uint32_t)(resq_thread() + j * RESQ_TILE_THREADS);
    const uint32_t k = p->kind == RESQ_TILE_E4M3 ? i / 64 * 4 + i % 4 : i / RESQ_TILE_N;
    const uint32_t c = (p->kind == RESQ_TILE_E4M3 ? i / 4 : i) % RESQ_TILE_N;
    resq_shared_store_f32(to + 4 * (k * RESQ_TILE_N + c), w[j]);
  }
}
RESQ_INLINE void resq_few_load_rows(const resq_tile_product *p, int64_t row, int64_t from,
                                    int64_t end, float *x) {
  RESQ_UNROLL
  for (int j = 0; j < RESQ_FEW_X_EACH; ++j) {
    const int64_t i = resq_thread() + (int64_t)j * RESQ_TILE_THREADS;
    const int64_t r = row + i / RESQ_FEW_STEP, k = from + i % RESQ_FEW_STEP;
    x[j] = r < p->rows && k < end ? resq_tile_x(p, r, k) : 0.0f;
  }
}
RESQ_INLINE void resq_few_store_rows(uint32_t to, const float *x) {
  RESQ_UNROLL
  for (int j = 0; j < RESQ_FEW_X_EACH; ++j) {
    const uint32_t i = (uint32_t)(resq_thread() + j * RESQ_TILE_THREADS);
    resq_shared_store_f32(to + 4 * (i / RESQ_FEW_STEP * RESQ_FEW_LINE + i % RESQ_FEW_STEP), x[j]);
  }
}

/// The sum over inputs [begin, end) of the thread's result of the tile that begins at (row, channel).
RESQ_INLINE float resq_few_sum(const resq_tile_product *p, int64_t row, int64_t channel,
                               int64_t begin, int64_t end) {
  const uint32_t rows_at = resq_dynamic_shared();
  const uint32_t weights_at = rows_at + 4 * RESQ_GPU_FEW_ROWS * RESQ_FEW_LINE;
  const uint32_t own_x = rows_at + 4 * (uint32_t)(resq_few_row() * RESQ_FEW_LINE);
  const uint32_t own_w = weights_at + 4 * (uint32_t)resq_few_channel();
  float w[RESQ_FEW_W_EACH], x[RESQ_FEW_X_EACH], sum = 0.0f;
  resq_few_load_weights(p, channel, begin, end, w);
  resq_few_load_rows(p, row, begin, end, x);
  for (int64_t from = begin; from < end; from += RESQ_FEW_STEP) {
    resq_few_store_weights(p, weights_at, w);
    resq_few_store_rows(rows_at, x);
    resq_sync_block();
    if (from + RESQ_FEW_STEP < end) {
      resq_few_load_weights(p, channel, from + RESQ_FEW_STEP, end, w);
      resq_few_load_rows(p, row, from + RESQ_FEW_STEP, end, x);
    }
    if (row + resq_few_row() < p->rows) {
      const int count = (int)(end - from < RESQ_FEW_STEP ? end - from : RESQ_FEW_STEP);
      RESQ_UNROLL_BY(16)
      for (int k = 0; k < count; ++k)
        sum += resq_shared_load_f32(own_x + 4 * (uint32_t)k) *
               resq_shared_load_f32(own_w + 4 * RESQ_TILE_N * (uint32_t)k);
    }
    resq_sync_block();
  }
  return sum;
}

//===-- Many rows ---------------------------------------------------------===//

enum {
  RESQ_MANY_EACH = 4, ///< rows, and channels, of a thread
  RESQ_MANY_HELD = RESQ_MANY_ROWS * RESQ_MANY_STEP / RESQ_TILE_THREADS,
};

/// The first row and channel of a thread, in its tile.
RESQ_INLINE int64_t resq_many_row(void) {
  return resq_thread() / (RESQ_MANY_ROWS / RESQ_MANY_EACH) * RESQ_MANY_EACH;
}
RESQ_INLINE int64_t resq_many_channel(void) {
  return resq_thread() % (RESQ_MANY_ROWS / RESQ_MANY_EACH) * RESQ_MANY_EACH;
}

/// Where the element that a thread brings as its j'th stands in a step: (input, row or channel). Rows come 8 inputs by
/// 4 rows for each warp, which is a whole sector of memory, and as many banks; weights as they are stored. Written so
/// that what depends on the thread is the same for all j.
typedef struct resq_many_place {
  int k, at;
} resq_many_place;
RESQ_INLINE resq_many_place resq_many_row_place(int j) {
  const int thread = resq_thread(), warp = thread / RESQ_WARP, lane = thread % RESQ_WARP;
  return (resq_many_place){warp % 4 * 8 + lane % 8, warp / 4 * 4 + lane / 8 + 8 * j};
}
RESQ_INLINE resq_many_place resq_many_weight_place(resq_tile_weights kind, int j) {
  const int thread = resq_thread();
  if (kind == RESQ_TILE_MATRIX)
    return (resq_many_place){thread / RESQ_MANY_ROWS + 4 * j, thread % RESQ_MANY_ROWS};
  if (kind == RESQ_TILE_E4M3)
    return (resq_many_place){thread / 64 * 4 + thread % 4 + 16 * (j % 2),
                             thread / 4 % RESQ_TILE_N + j / 2 * RESQ_TILE_N};
  return (resq_many_place){thread / RESQ_TILE_N + 16 * (j % 2),
                           thread % RESQ_TILE_N + j / 2 * RESQ_TILE_N};
}
_Static_assert(RESQ_TILE_THREADS == 256 && RESQ_MANY_STEP == 32 && RESQ_MANY_ROWS == 64,
               "the places of a step's elements");

/// A step's elements to registers.
RESQ_INLINE void resq_many_load(const resq_tile_product *p, int64_t row, int64_t channel,
                                int64_t from, int64_t end, float *x, float *w) {
  RESQ_UNROLL
  for (int j = 0; j < RESQ_MANY_HELD; ++j) {
    const resq_many_place a = resq_many_row_place(j), b = resq_many_weight_place(p->kind, j);
    x[j] = row + a.at < p->rows && from + a.k < end ? resq_tile_x(p, row + a.at, from + a.k) : 0.0f;
    w[j] = channel + b.at < resq_tile_stored(p) && from + b.k < end
               ? resq_tile_weight(p, from + b.k, channel + b.at)
               : 0.0f;
  }
}
RESQ_INLINE void resq_many_store(const resq_tile_product *p, uint32_t x_at, uint32_t w_at,
                                 const float *x, const float *w) {
  RESQ_UNROLL
  for (int j = 0; j < RESQ_MANY_HELD; ++j) {
    const resq_many_place a = resq_many_row_place(j), b = resq_many_weight_place(p->kind, j);
    resq_shared_store_f32(x_at + 4 * (uint32_t)(a.k * RESQ_MANY_X_LINE + a.at), x[j]);
    resq_shared_store_f32(w_at + 4 * (uint32_t)(b.k * RESQ_MANY_W_LINE + b.at), w[j]);
  }
}

/// The sums over inputs [begin, end) of the thread's results of the tile that begins at (row, channel).
RESQ_INLINE void resq_many_sum(const resq_tile_product *p, int64_t row, int64_t channel,
                               int64_t begin, int64_t end, float (*sums)[RESQ_MANY_EACH]) {
  const uint32_t x_at = resq_dynamic_shared();
  const uint32_t w_at = x_at + 4 * RESQ_MANY_STEP * RESQ_MANY_X_LINE;
  const uint32_t own_x = x_at + 4 * (uint32_t)resq_many_row();
  const uint32_t own_w = w_at + 4 * (uint32_t)resq_many_channel();
  float x[RESQ_MANY_HELD], w[RESQ_MANY_HELD];
  RESQ_UNROLL
  for (int r = 0; r < RESQ_MANY_EACH; ++r)
    RESQ_UNROLL
  for (int c = 0; c < RESQ_MANY_EACH; ++c)
    sums[r][c] = 0.0f;
  resq_many_load(p, row, channel, begin, end, x, w);
  for (int64_t from = begin; from < end; from += RESQ_MANY_STEP) {
    const int count = (int)(end - from < RESQ_MANY_STEP ? end - from : RESQ_MANY_STEP);
    resq_many_store(p, x_at, w_at, x, w);
    resq_sync_block();
    if (from + RESQ_MANY_STEP < end)
      resq_many_load(p, row, channel, from + RESQ_MANY_STEP, end, x, w);
    RESQ_UNROLL_BY(4)
    for (int k = 0; k < count; ++k) {
      const resq_u32x4 a = resq_shared_load_x4(own_x + 4 * RESQ_MANY_X_LINE * (uint32_t)k);
      const resq_u32x4 b = resq_shared_load_x4(own_w + 4 * RESQ_MANY_W_LINE * (uint32_t)k);
      RESQ_UNROLL
      for (int r = 0; r < RESQ_MANY_EACH; ++r)
        RESQ_UNROLL
      for (int c = 0; c < RESQ_MANY_EACH; ++c)
        sums[r][c] += resq_float_of(a[r]) * resq_float_of(b[c]);
    }
    resq_sync_block();
  }
}

//===-- Whole products ----------------------------------------------------===//

/// Rows and channels of a tile.
RESQ_INLINE int64_t resq_tile_rows(int64_t variant) {
  return variant == RESQ_TILE_FEW ? RESQ_GPU_FEW_ROWS : RESQ_MANY_ROWS;
}
RESQ_INLINE int64_t resq_tile_channels(int64_t variant) {
  return variant == RESQ_TILE_FEW ? RESQ_TILE_N : RESQ_MANY_ROWS;
}

/// y = bias (NULL: none) behind the product's sums, of the tile that begins at (row, channel).
RESQ_INLINE void resq_tile_multiply(const resq_tile_product *p, const float *bias, float *y,
                                    int64_t ldy, int64_t row, int64_t channel, int64_t variant) {
  float sums[RESQ_MANY_EACH][RESQ_MANY_EACH];
  if (variant == RESQ_TILE_FEW) {
    const float sum = resq_few_sum(p, row, channel, 0, p->k);
    const int64_t r = row + resq_few_row(), c = channel + resq_few_channel();
    if (r < p->rows && c < p->n)
      y[r * ldy + c] = bias ? sum + bias[c] : sum;
    return;
  }
  resq_many_sum(p, row, channel, 0, p->k, sums);
  RESQ_UNROLL
  for (int i = 0; i < RESQ_MANY_EACH; ++i)
    RESQ_UNROLL
  for (int j = 0; j < RESQ_MANY_EACH; ++j) {
    const int64_t r = row + resq_many_row() + i, c = channel + resq_many_channel() + j;
    if (r < p->rows && c < p->n)
      y[r * ldy + c] = bias ? sums[i][j] + bias[c] : sums[i][j];
  }
}

#endif // RESQ_KERNELS_NVPTX_FLOAT_TILE_H
