//===-- hadamard_rows.c ---------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Butterflies along the power of two, then the small matrix across it.
//===----------------------------------------------------------------------===//
#include "hadamard_rows.h"

#include "linalg.h"
#include "lowering/support/parallel.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct transform {
  double *x;
  int64_t rows, width, size, order;
  const int8_t *signs;
  bool transposed;
  bool no_memory;
} transform;

static void butterflies(double *x, int64_t n) {
  for (int64_t half = 1; half < n; half *= 2)
    for (int64_t base = 0; base < n; base += 2 * half)
      for (int64_t i = base; i < base + half; ++i) {
        double a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
}

/// out[i, :] = sum over j of H(i, j) x[j, :], j in order.
static void across(const transform *t, const double *x, double *out, int64_t span) {
  for (int64_t i = 0; i < t->order; ++i) {
    double *y = out + i * span;
    memset(y, 0, (size_t)span * sizeof *y);
    for (int64_t j = 0; j < t->order; ++j) {
      int8_t sign = t->transposed ? t->signs[j * t->order + i] : t->signs[i * t->order + j];
      const double *row = x + j * span;
      if (sign > 0)
        for (int64_t c = 0; c < span; ++c)
          y[c] += row[c];
      else
        for (int64_t c = 0; c < span; ++c)
          y[c] -= row[c];
    }
  }
}

static void transform_block(const transform *t, double *x, double *scratch) {
  int64_t span = t->size / t->order;
  for (int64_t j = 0; j < t->order; ++j)
    butterflies(x + j * span, span);
  double *result = x;
  if (t->order > 1) {
    across(t, x, scratch, span);
    result = scratch;
  }
  double scale = 1.0 / sqrt((double)t->size);
  for (int64_t i = 0; i < t->size; ++i)
    x[i] = result[i] * scale;
}

static void transform_rows(void *opaque, int64_t task) {
  transform *t = opaque;
  int64_t first = task * RESQ_TASK_ROWS, last = first + RESQ_TASK_ROWS;
  double *scratch = t->order > 1 ? malloc((size_t)t->size * sizeof *scratch) : NULL;
  if (t->order > 1 && !scratch) {
    __atomic_store_n(&t->no_memory, true, __ATOMIC_RELAXED);
    return;
  }
  for (int64_t r = first; r < last && r < t->rows; ++r)
    for (int64_t begin = 0; begin < t->width; begin += t->size)
      transform_block(t, t->x + r * t->width + begin, scratch);
  free(scratch);
}

bool resq_hadamard_rows(int threads, double *x, int64_t rows, int64_t width, int64_t size,
                        int64_t order, const int8_t *signs, bool transposed) {
  // resq_evaluate_hadamard has found the order of the size, and that blocks of it make up the width.
  assert(order > 0 && size % order == 0 && width % size == 0);
  assert(order == 1 || signs); // as above: the order's matrix
  transform t = {x, rows, width, size, order, signs, transposed, false};
  resq_parallel(threads, (rows + RESQ_TASK_ROWS - 1) / RESQ_TASK_ROWS, transform_rows, &t);
  return !t.no_memory;
}
