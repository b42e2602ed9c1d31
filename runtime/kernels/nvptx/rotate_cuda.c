//===-- rotate_cuda.c - blocks of rows times small matrices -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "float_tile.h"
#include "row_ops_fast.h"

void RESQ_KERNEL(resq_rotate)(const float *x, const float *matrix, float *y, int64_t rows,
                              int64_t ldx, int64_t ldy, int64_t groups, int64_t size,
                              int64_t blocks, int64_t variant, uint8_t *scratch, int64_t threads,
                              int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  const int64_t channels = resq_tile_channels(variant), height = resq_tile_rows(variant);
  const int64_t across = (size + channels - 1) / channels, down = (rows + height - 1) / height;
  (void)scratch;
  if (variant == RESQ_GPU_AHEAD) {
    // Matrices of neighboring groups are neighbors, or the same.
    const int64_t each = groups / units, first = unit % units * each;
    const int64_t begin = first * blocks / groups, end = (first + each - 1) * blocks / groups + 1;
    resq_bring_near(matrix + begin * size * size, 4 * (end - begin) * size * size, threads);
    return;
  }
  if (units) {
    resq_rotate_fast(x, matrix, y, rows, ldx, ldy, groups, size, blocks, part);
    return;
  }
  resq_begin();
  for (int64_t i = resq_block_x(); i < down * groups * across; i += resq_blocks_x()) {
    const int64_t j = i / across % groups;
    const resq_tile_product p = {RESQ_TILE_MATRIX,
                                 RESQ_AS_F32,
                                 x + j * size,
                                 ldx,
                                 matrix + j * blocks / groups * size * size,
                                 rows,
                                 size,
                                 size};
    resq_tile_multiply(&p, (const float *)0, y + j * size, ldy, i / across / groups * height,
                       i % across * channels, variant);
  }
}
