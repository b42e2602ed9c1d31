//===-- panel.h - a block of rows times some tiles of a panel --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one float matrix kernel: linear uses it on weights, attention on decoded keys and
// values. Each (row, channel) is one chain of FMAs, k ascending, whatever the block's
// shape: results depend neither on the batch nor on the number of threads.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_PANEL_H
#define RESQ_KERNELS_PANEL_H

#include "vec16.h"

/// Of `tiles` tiles, as many as a block takes.
RESQ_INLINE int resq_block_tiles(int tiles) {
  return tiles < RESQ_BLOCK_TILES ? tiles : RESQ_BLOCK_TILES;
}

typedef struct resq_block {
  v16f sum[RESQ_BLOCK_ROWS][RESQ_BLOCK_TILES];
} resq_block;

RESQ_INLINE void resq_block_clear(resq_block *block, int rows, int tiles) {
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t)
      block->sum[r][t] = v16_zero();
}

/// block += x[0..rows, 0..k) times `tiles` tiles of a panel, `stride` elements apart, widened
/// from `as`. rows and tiles are constants where this is inlined. `ahead`: how many elements
/// further the panel is asked of memory, 0: not.
RESQ_INLINE void resq_block_multiply(resq_block *block, int rows, int tiles, const float *x,
                                     int64_t ldx, const void *panel, int64_t stride, int64_t k,
                                     int as, int64_t ahead) {
  for (int64_t i = 0; i < k; ++i) {
    v16f weight[RESQ_BLOCK_TILES];
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t) {
      int64_t at = t * stride + i * 16;
      weight[t] = v16_load_as(panel, at, as);
      if (ahead)
        _mm_prefetch((const char *)panel + (at + ahead) * (as == RESQ_AS_F32 ? 4 : 2), _MM_HINT_T0);
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) {
      v16f value = v16_set(x[r * ldx + i]);
#pragma GCC unroll 4
      for (int t = 0; t < tiles; ++t)
        block->sum[r][t] = v16_fma(value, weight[t], block->sum[r][t]);
    }
  }
}

/// Runs CALL with the constant ROWS_ (1..6) that the variable rows equals.
#define RESQ_WITH_ROWS(rows, ROWS_, CALL)                                                          \
  switch (rows) {                                                                                  \
  case 1: {                                                                                        \
    enum { ROWS_ = 1 };                                                                            \
    CALL;                                                                                          \
    break;                                                                                         \
  }                                                                                                \
  case 2: {                                                                                        \
    enum { ROWS_ = 2 };                                                                            \
    CALL;                                                                                          \
    break;                                                                                         \
  }                                                                                                \
  case 3: {                                                                                        \
    enum { ROWS_ = 3 };                                                                            \
    CALL;                                                                                          \
    break;                                                                                         \
  }                                                                                                \
  case 4: {                                                                                        \
    enum { ROWS_ = 4 };                                                                            \
    CALL;                                                                                          \
    break;                                                                                         \
  }                                                                                                \
  case 5: {                                                                                        \
    enum { ROWS_ = 5 };                                                                            \
    CALL;                                                                                          \
    break;                                                                                         \
  }                                                                                                \
  default: {                                                                                       \
    enum { ROWS_ = 6 };                                                                            \
    CALL;                                                                                          \
    break;                                                                                         \
  }                                                                                                \
  }

#endif // RESQ_KERNELS_PANEL_H
