//===-- rotate_generic.c - blocks of rows times small matrices, plain C ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y_j = x_j M with sums in increasing k, products and sums rounded apart. A chunk is
// some rows of one block, so that the matrix is read once for them.
//===----------------------------------------------------------------------===//
#include "kernels/kernels.h"

#define CHUNK_ROWS 16
#define COLUMNS 16

/// Columns [c, c + count) of one block of one row.
static inline void rotate_columns(const float *x, const float *matrix, float *y, int64_t size,
                                  int64_t c, int64_t count) {
  float sum[COLUMNS] = {0};
  for (int64_t k = 0; k < size; ++k)
    for (int64_t i = 0; i < count; ++i)
      sum[i] += x[k] * matrix[k * size + c + i];
  for (int64_t i = 0; i < count; ++i)
    y[c + i] = sum[i];
}

void RESQ_KERNEL(resq_rotate)(resq_worker *w, int32_t op, const float *x, const float *matrix,
                              float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t groups,
                              int64_t size, int64_t blocks) {
  const int64_t cuts = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
  for (int64_t i; (i = resq_next_chunk(w, op)) < cuts * groups;) {
    const int64_t j = i / cuts, first = i % cuts * CHUNK_ROWS;
    const float *m = matrix + j * blocks / groups * size * size;
    for (int64_t c = 0; c < size; c += COLUMNS)
      for (int64_t r = first; r < rows && r < first + CHUNK_ROWS; ++r)
        if (c + COLUMNS <= size) // a constant count vectorises
          rotate_columns(x + r * ldx + j * size, m, y + r * ldy + j * size, size, c, COLUMNS);
        else
          rotate_columns(x + r * ldx + j * size, m, y + r * ldy + j * size, size, c, size - c);
  }
}
