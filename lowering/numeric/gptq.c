//===-- gptq.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of a weight do not touch each other, so a task is a block of rows through all columns: BLOCK
// columns one by one, then their errors on all later columns at once, as a matrix product.
//===----------------------------------------------------------------------===//
#include "gptq.h"

#include "linalg.h"
#include "moment.h"
#include "lowering/support/parallel.h"
#include "trellis.h"

#include <cblas.h>
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_A_TASK = 64, BLOCK = 64 };
_Static_assert(ROWS_A_TASK % RESQ_TRELLIS_LENGTH == 0, "a task has whole tiles of a trellis");

//===-- Order and factor --------------------------------------------------===//

typedef struct ranked {
  double energy;
  int32_t column;
} ranked;

static int by_falling_energy(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->energy != y->energy)
    return x->energy > y->energy ? -1 : 1;
  return x->column < y->column ? -1 : 1;
}

static bool order_columns(const double *moment, int64_t n, int n_parts, const int64_t *parts,
                          int32_t *order) {
  ranked *list = malloc((size_t)n * sizeof *list);
  if (!list)
    return false;
  for (int64_t i = 0; i < n; ++i)
    list[i] = (ranked){moment[i * n + i], (int32_t)i};
  ranked *at = list;
  for (int i = 0; i < n_parts; at += parts[i++])
    qsort(at, (size_t)parts[i], sizeof *at, by_falling_energy);
  for (int64_t i = 0; i < n; ++i)
    order[i] = list[i].column;
  free(list);
  return true;
}

/// h[n - 1 - i, n - 1 - j] = moment[order[i], order[j]], damped. Backwards: if J reverses rows and
/// J H J = L L^T, then J L^-1 J is upper triangular and its square from the left is H^-1.
static void gather_reversed(const double *moment, int64_t n, const int32_t *order, double damping,
                            double *h) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      int64_t r = order[n - 1 - i], c = order[n - 1 - j];
      h[i * n + j] = 0.5 * (moment[r * n + c] + moment[c * n + r]) + (i == j ? damping : 0);
    }
  // What rounding left below zero.
  for (int64_t i = 0; i < n; ++i)
    h[i * n + i] = fmax(h[i * n + i], damping);
}

bool resq_gptq_factor(int threads, const double *moment, int64_t n, int n_parts,
                      const int64_t *parts, double *damping, int32_t *order, float *factor,
                      resq_error *err) {
  double trace = 0;
  if (!resq_moment_trace(moment, n, "resq.gptq_factor", &trace, err))
    return false;
  // Inputs that calibration saw as zeros alone are all alike: a multiple of the identity, which rounds
  // to nearest.
  double mean = trace > 0 ? trace / (double)n : 1;
  double *h = malloc((size_t)(n * n) * sizeof *h), *inverse = NULL;
  bool ok = h && order_columns(moment, n, n_parts, parts, order), definite = false;
  while (ok && !definite) {
    gather_reversed(moment, n, order, *damping * mean, h);
    definite = resq_cholesky(threads, h, n);
    if (!definite && *damping >= 1) {
      free(h);
      return resq_fail(err, RESQ_BAD_INPUT,
                       "resq.gptq_factor: the moment is not positive definite, with its mean "
                       "diagonal added to it either");
    }
    if (!definite)
      *damping = *damping * 10 < 1 ? *damping * 10 : 1;
  }
  ok = ok && (inverse = malloc((size_t)(n * n) * sizeof *inverse));
  if (ok) {
    resq_invert_lower(threads, h, n, inverse);
    for (int64_t i = 0; i < n * n; ++i)
      factor[i] = (float)inverse[n * n - 1 - i];
  }
  free(h);
  free(inverse);
  return ok ||
         resq_fail(err, RESQ_NO_MEMORY, "resq.gptq_factor: no memory for order %lld", (long long)n);
}

//===-- Codes -------------------------------------------------------------===//

/// Where the column at a place of the order stands.
typedef struct place {
  const resq_gptq_part *part;
  int64_t column; ///< in it
} place;

typedef struct weight_job {
  int64_t out, n;
  const place *places;
  const float *factor;
  bool *no_memory;
} weight_job;

/// Rows of a task: w is theirs in the order of columns, errors those of a block of columns.
typedef struct row_block {
  int64_t begin, rows;
  float *w, *errors;
} row_block;

/// Codes of the column at place i, from the weights as they are by now: each the nearest.
static void code_nearest(const weight_job *j, const row_block *b, int64_t i, const float *scales,
                         int8_t *codes) {
  const resq_gptq_part *part = j->places[i].part;
  for (int64_t r = 0; r < b->rows; ++r)
    codes[r * part->width] =
        scales[r] > 0 ? resq_weight_code_of(&part->how, b->w[r * j->n + i] / scales[r]) : 0;
}

/// The same, best paths of tiles.
static void code_paths(const weight_job *j, const row_block *b, int64_t i, const float *scales,
                       int8_t *codes) {
  enum { TILE = RESQ_TRELLIS_LENGTH };
  const resq_gptq_part *part = j->places[i].part;
  int64_t width = part->width;
  for (int64_t r = 0; r < b->rows; r += TILE) {
    int count = b->rows - r < TILE ? (int)(b->rows - r) : TILE;
    float column[TILE];
    int8_t places[TILE];
    for (int c = 0; c < count; ++c)
      column[c] = b->w[(r + c) * j->n + i];
    resq_trellis_encode(part->how.codes.bits, column, scales + r, count, places);
    for (int c = 0; c < count; ++c)
      codes[(r + c) * width] = places[c];
  }
}

/// Columns [first, last) of the order.
static void code_block(const weight_job *j, const row_block *b, int64_t first, int64_t last) {
  float scales[ROWS_A_TASK];
  assert(b->rows <= ROWS_A_TASK && last - first <= BLOCK); // code_rows cuts rows and columns so
  for (int64_t i = first; i < last; ++i) {
    const resq_gptq_part *part = j->places[i].part;
    int64_t column = j->places[i].column, groups = part->width / part->how.group;
    for (int64_t r = 0; r < b->rows; ++r)
      scales[r] = part->scales[(b->begin + r) * groups + column / part->how.group];
    int8_t *codes = part->codes + b->begin * part->width + column;
    (part->how.codes.kind == RESQ_CODE_TRELLIS ? code_paths : code_nearest)(j, b, i, scales, codes);
    const float *u = j->factor + i * j->n;
    for (int64_t r = 0; r < b->rows; ++r) {
      float *w = b->w + r * j->n;
      float value = resq_weight_value(part->how.codes, codes[r * part->width]);
      float error = (w[i] - scales[r] * value) / u[i];
      b->errors[r * BLOCK + i - first] = error;
      for (int64_t k = i + 1; k < last; ++k)
        w[k] -= error * u[k];
    }
  }
}

static void code_rows(void *opaque, int64_t task) {
  const weight_job *j = opaque;
  int64_t begin = task * ROWS_A_TASK, n = j->n;
  int64_t rows = j->out - begin < ROWS_A_TASK ? j->out - begin : ROWS_A_TASK;
  float *w = malloc((size_t)(rows * n) * sizeof *w);
  if (!w) {
    __atomic_store_n(j->no_memory, true, __ATOMIC_RELAXED);
    return;
  }
  float errors[ROWS_A_TASK * BLOCK];
  row_block block = {begin, rows, w, errors};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < n; ++i)
      w[r * n + i] =
          j->places[i].part->w[(begin + r) * j->places[i].part->width + j->places[i].column];
  for (int64_t first = 0; first < n; first += BLOCK) {
    int64_t last = n - first < BLOCK ? n : first + BLOCK;
    code_block(j, &block, first, last);
    if (last < n)
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)(n - last),
                  (blasint)(last - first), -1.0f, errors, BLOCK, j->factor + first * n + last,
                  (blasint)n, 1.0f, w + last, (blasint)n);
  }
  free(w);
}

static void find_places(const resq_gptq_part *parts, const int32_t *order, int64_t n,
                        place *places) {
  for (int64_t i = 0; i < n; ++i) {
    places[i] = (place){parts, order[i]};
    while (places[i].column >= places[i].part->width)
      places[i].column -= places[i].part++->width;
  }
}

static bool is_permutation(const int32_t *order, int64_t n, bool *seen) {
  for (int64_t i = 0; i < n; ++i) {
    if (order[i] < 0 || order[i] >= n || seen[order[i]])
      return false;
    seen[order[i]] = true;
  }
  return true;
}

static bool check_factor(const float *factor, int64_t n, resq_error *err) {
  for (int64_t i = 0; i < n; ++i)
    if (!(factor[i * n + i] > 0) || !isfinite(factor[i * n + i]))
      return resq_fail(err, RESQ_BAD_INPUT,
                       "resq.gptq_weight: entry (%lld, %lld) of the factor is %g; it must be "
                       "positive and finite",
                       (long long)i, (long long)i, (double)factor[i * n + i]);
  return true;
}

bool resq_gptq_weight(int threads, int64_t out, int n_parts, const resq_gptq_part *parts,
                      const int32_t *order, const float *factor, resq_error *err) {
  int64_t n = 0;
  for (int p = 0; p < n_parts; ++p)
    n += parts[p].width;
  if (!check_factor(factor, n, err))
    return false;
  place *places = n > 0 ? malloc((size_t)n * sizeof *places) : NULL;
  bool *seen = n > 0 ? calloc((size_t)n, sizeof *seen) : NULL;
  bool no_memory = !places || !seen, permuted = true;
  if (!no_memory)
    permuted = is_permutation(order, n, seen);
  if (!no_memory && permuted) {
    resq_blas_init();
    find_places(parts, order, n, places);
    // Scales, and codes that are written again below.
    for (int p = 0; p < n_parts; ++p)
      resq_quantize_weight(threads, parts[p].w, out, parts[p].width, &parts[p].how, parts[p].codes,
                           parts[p].scales);
    weight_job job = {out, n, places, factor, &no_memory};
    resq_parallel(threads, (out + ROWS_A_TASK - 1) / ROWS_A_TASK, code_rows, &job);
  }
  free(places);
  free(seen);
  if (no_memory)
    return resq_fail(err, RESQ_NO_MEMORY, "resq.gptq_weight: no memory for %lld columns",
                     (long long)n);
  return permuted ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "resq.gptq_weight: the order is no permutation of 0 to %lld", (long long)n - 1);
}
