//===-- rows.h - how row ops cut their work into chunks -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chunk is worth a ticket from a few thousand elements on. On a GPU, where a chunk is a thread's and costs
// no ticket, a smaller one may be given: results do not depend on it.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_ROWS_H
#define RESQ_KERNELS_ROWS_H

#include "kernels/half.h"
#include "kernels/kernels.h"

#ifndef RESQ_CHUNK_ELEMENTS
#define RESQ_CHUNK_ELEMENTS 4096
#endif

/// Rows [begin, end), columns [left, right).
typedef struct resq_span {
  int64_t begin, end, left, right;
} resq_span;

/// The next rows to do whole; 0 when none is left.
RESQ_INLINE int resq_next_rows(resq_worker *w, int32_t op, int64_t rows, int64_t width,
                               resq_span *span) {
  int64_t step = width >= RESQ_CHUNK_ELEMENTS ? 1 : RESQ_CHUNK_ELEMENTS / width;
  int64_t begin = resq_next_chunk(w, op) * step;
  span->begin = begin;
  span->end = begin + step < rows ? begin + step : rows;
  span->left = 0;
  span->right = width;
  return begin < rows;
}

/// The same for elementwise ops: wide rows are cut too.
RESQ_INLINE int resq_next_span(resq_worker *w, int32_t op, int64_t rows, int64_t width,
                               resq_span *span) {
  if (width < 2 * RESQ_CHUNK_ELEMENTS)
    return resq_next_rows(w, op, rows, width, span);
  int64_t parts = (width + RESQ_CHUNK_ELEMENTS - 1) / RESQ_CHUNK_ELEMENTS;
  int64_t chunk = resq_next_chunk(w, op);
  span->begin = chunk / parts;
  span->end = span->begin + 1;
  span->left = chunk % parts * RESQ_CHUNK_ELEMENTS;
  span->right = span->left + RESQ_CHUNK_ELEMENTS < width ? span->left + RESQ_CHUNK_ELEMENTS : width;
  return span->begin < rows;
}

#endif // RESQ_KERNELS_ROWS_H
