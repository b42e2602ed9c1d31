//===-- linear_float_cuda.c - y = x W^T + b, f32 panels -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block computes 16 rows by 64 channels in steps of 32 inputs that all its threads stage in
// shared memory. Of a panel tile, 32 inputs are 512 floats in a row: loads coalesce as they
// lie. A thread holds one channel of four rows. Sums are FMA, k ascending.
//===----------------------------------------------------------------------===//
#include "device.h"

enum {
  THREADS = resq_linear_f32_threads,
  BLOCK_ROWS = resq_linear_f32_rows,
  CHANNELS = resq_linear_f32_columns,
  STEP = 32, ///< inputs a step
  TILES = CHANNELS / RESQ_TILE_N,
  THREAD_ROWS = BLOCK_ROWS * CHANNELS / THREADS,
};

RESQ_SHARED float x_step[BLOCK_ROWS][STEP];
RESQ_SHARED float w_step[TILES][STEP * RESQ_TILE_N];

/// Inputs [begin, begin + STEP) of the block's rows; zeros past the end.
static inline void stage_rows(const float *x, int64_t first_row, int64_t rows, int64_t ldx,
                              int64_t begin, int64_t k) {
  for (int i = resq_thread(); i < BLOCK_ROWS * STEP; i += THREADS) {
    const int64_t r = first_row + i / STEP, column = begin + i % STEP;
    x_step[i / STEP][i % STEP] = r < rows && column < k ? x[r * ldx + column] : 0.0f;
  }
}

static inline void stage_panel(const float *panel, int64_t first_channel, int64_t n, int64_t begin,
                               int64_t k) {
  for (int i = resq_thread(); i < TILES * STEP * RESQ_TILE_N; i += THREADS) {
    const int tile = i / (STEP * RESQ_TILE_N), at = i % (STEP * RESQ_TILE_N);
    const int64_t channel = first_channel + tile * RESQ_TILE_N;
    const bool inside = channel < n && begin + at / RESQ_TILE_N < k;
    w_step[tile][at] = inside ? panel[channel * k + begin * RESQ_TILE_N + at] : 0.0f;
  }
}

void RESQ_KERNEL(resq_linear_f32)(const float *x, const float *panel, const float *bias, float *y,
                                  int64_t rows, int64_t ldx, int64_t ldy, int64_t n, int64_t k) {
  const int64_t first_row = resq_block_x() * BLOCK_ROWS;
  const int64_t first_channel = resq_block_y() * CHANNELS;
  const int c = resq_thread() % CHANNELS;
  const int own_row = resq_thread() / CHANNELS * THREAD_ROWS;
  float sums[THREAD_ROWS] = {0};
  for (int64_t begin = 0; begin < k; begin += STEP) {
    stage_rows(x, first_row, rows, ldx, begin, k);
    stage_panel(panel, first_channel, n, begin, k);
    resq_sync_block();
    for (int i = 0; i < STEP; ++i) {
      const float weight = w_step[c / RESQ_TILE_N][i * RESQ_TILE_N + c % RESQ_TILE_N];
      for (int r = 0; r < THREAD_ROWS; ++r)
        sums[r] += x_step[own_row + r][i] * weight;
    }
    resq_sync_block();
  }
  const int64_t channel = first_channel + c;
  for (int r = 0; r < THREAD_ROWS; ++r) {
    const int64_t row = first_row + own_row + r;
    if (row < rows && channel < n)
      y[row * ldy + channel] = bias ? sums[r] + bias[channel] : sums[r];
  }
}
