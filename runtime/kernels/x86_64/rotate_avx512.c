//===-- rotate_avx512.c - blocks of rows times small matrices -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that share a matrix count as rows of one product, so that a single token
// reads each matrix once. Sums run in increasing k with FMA at any row count: a row
// has the same bits alone and among others. A chunk is a strip of 64 columns by some
// rows of one matrix.
//===----------------------------------------------------------------------===//
#include "kernels/kernels.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define STRIP 64
#define CHUNK_ROWS 48
/// Rows of the matrix asked for ahead of their use.
#define AHEAD 12

typedef struct product {
  const float *x, *matrix; ///< x at the first of the heads that share the matrix
  float *y;
  int64_t ldx, ldy, size, share;
} product;

/// Virtual row v: head v % share of row v / share.
INLINE int64_t row_offset(const product *p, int64_t v, int64_t ld) {
  return v / p->share * ld + v % p->share * p->size;
}

/// `rows` virtual rows from v by `vectors` vectors from column c.
INLINE void rotate_block(const product *p, int64_t v, int64_t c, const int rows, const int vectors,
                         __mmask16 lanes) {
  const float *x[6];
  __m512 sum[6][4];
  UNROLL for (int r = 0; r < rows; ++r) {
    x[r] = p->x + row_offset(p, v + r, p->ldx);
    UNROLL for (int i = 0; i < vectors; ++i) sum[r][i] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < p->size; ++k) {
    const float *m = p->matrix + k * p->size + c;
    __m512 column[4];
    UNROLL for (int i = 0; i < vectors; ++i) {
      column[i] = _mm512_maskz_loadu_ps(lanes, m + 16 * i);
      _mm_prefetch((const char *)(m + AHEAD * p->size + 16 * i), _MM_HINT_T0);
    }
    UNROLL for (int r = 0; r < rows; ++r) {
      const __m512 value = _mm512_set1_ps(x[r][k]);
      UNROLL for (int i = 0; i < vectors; ++i) sum[r][i] =
          _mm512_fmadd_ps(value, column[i], sum[r][i]);
    }
  }
  UNROLL for (int r = 0; r < rows; ++r) UNROLL for (int i = 0; i < vectors; ++i)
      _mm512_mask_storeu_ps(p->y + row_offset(p, v + r, p->ldy) + c + 16 * i, lanes, sum[r][i]);
}

INLINE void rotate_rows(const product *p, int64_t v, int64_t end, int64_t c, const int vectors,
                        __mmask16 lanes) {
  for (; v + 6 <= end; v += 6)
    rotate_block(p, v, c, 6, vectors, lanes);
  if (v + 3 <= end) {
    rotate_block(p, v, c, 3, vectors, lanes);
    v += 3;
  }
  for (; v < end; ++v)
    rotate_block(p, v, c, 1, vectors, lanes);
}

/// One strip; where it is not full, vector by vector.
INLINE void rotate_strip(const product *p, int64_t v, int64_t end, int64_t c) {
  if (c + STRIP <= p->size) {
    rotate_rows(p, v, end, c, STRIP / 16, 0xffff);
    return;
  }
  for (; c < p->size; c += 16) {
    const int64_t left = p->size - c;
    rotate_rows(p, v, end, c, 1, (__mmask16)(left >= 16 ? 0xffff : (1 << left) - 1));
  }
}

void RESQ_KERNEL(resq_rotate)(resq_worker *w, int32_t op, const float *x, const float *matrix,
                              float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t groups,
                              int64_t size, int64_t blocks) {
  const int64_t share = groups / blocks, virtual_rows = rows * share;
  const int64_t cuts = (virtual_rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
  const int64_t strips = (size + STRIP - 1) / STRIP;
  for (int64_t i; (i = resq_next_chunk(w, op)) < cuts * strips * blocks;) {
    const int64_t block = i / (cuts * strips), strip = i / cuts % strips;
    const int64_t v = i % cuts * CHUNK_ROWS, at = block * share * size;
    const product p = {x + at, matrix + block * size * size, y + at, ldx, ldy, size, share};
    rotate_strip(&p, v, v + CHUNK_ROWS < virtual_rows ? v + CHUNK_ROWS : virtual_rows,
                 strip * STRIP);
  }
}
