//===-- clip_ratio.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A task is a candidate and a block of rows: their quantisation errors E, times the weights. Either
// by each weight, |E W^T|^2, or by the weights' Gram matrix G = sum W^T W, E G . E: whichever takes
// fewer multiplications. Linears that widen (gate and up, q, k and v) are cheaper by G.
//===----------------------------------------------------------------------===//
#include "clip_ratio.h"

#include "kernels/e4m3.h"
#include "kernels/quantize_range.h"
#include "linalg.h"
#include "lowering/support/parallel.h"

#include <cblas.h>
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { BLOCK_ROWS = 64, GRAM_ROWS = 256 };

typedef struct search {
  const float *samples;
  int64_t rows, width;
  const resq_clip_weight *weights;
  int64_t n_weights;
  const resq_clip_search *how;
  float *gram;  ///< [width, width]; NULL: by each weight
  double *sums; ///< [steps, blocks of rows]
  int64_t blocks;
  bool failed;
} search;

static int64_t total_out(const search *s) {
  int64_t sum = 0;
  for (int64_t i = 0; i < s->n_weights; ++i)
    sum += s->weights[i].out;
  return sum;
}

static bool gram_is_cheaper(const search *s) {
  double out = (double)total_out(s), products = (double)s->rows * s->how->steps;
  return (double)s->width * (out + products) < out * products;
}

static float candidate(int64_t i) { return (float)(1.0 - (double)i * RESQ_CLIP_STEP); }

//===-- Gram matrix -------------------------------------------------------===//

/// Rows [task * GRAM_ROWS, ...) of G.
static void add_gram_rows(void *opaque, int64_t task) {
  search *s = opaque;
  int64_t begin = task * GRAM_ROWS, left = s->width - begin;
  int64_t height = left < GRAM_ROWS ? left : GRAM_ROWS;
  for (int64_t i = 0; i < s->n_weights; ++i) {
    const resq_clip_weight *w = &s->weights[i];
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)height, (blasint)s->width,
                (blasint)w->out, 1.0f, w->data + begin, (blasint)s->width, w->data,
                (blasint)s->width, i ? 1.0f : 0.0f, s->gram + begin * s->width, (blasint)s->width);
  }
}

//===-- Errors ------------------------------------------------------------===//

void resq_group_errors(const float *x, int64_t group, int bits, float clip, float *errors) {
  float low = 0, high = 0;
  for (int64_t i = 0; i < group; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const resq_range range = resq_range_of(low, high, bits, clip);
  for (int64_t i = 0; i < group; ++i) {
    int32_t code = (int32_t)resq_rne(resq_limit_quotient(x[i] / range.scale)) + range.zero;
    code = code < 0 ? 0 : code > range.top ? range.top : code;
    errors[i] = range.scale * (float)(code - range.zero) - x[i];
  }
}

void resq_e4m3_group_errors(const float *x, int64_t group, float *errors) {
  float peak = 0;
  for (int64_t i = 0; i < group; ++i)
    peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
  float scale = resq_e4m3_scale(peak);
  for (int64_t i = 0; i < group; ++i)
    errors[i] = scale * resq_f32_from_e4m3(resq_e4m3_from_f32(x[i] / scale)) - x[i];
}

static double dot(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += (double)a[i] * (double)b[i];
  return sum;
}

static void multiply(const search *s, const float *errors, int64_t rows, const float *matrix,
                     int64_t n, bool transposed, float *product) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, (blasint)rows,
              (blasint)n, (blasint)s->width, 1.0f, errors, (blasint)s->width, matrix,
              (blasint)s->width, 0.0f, product, (blasint)n);
}

/// What the weights make of errors [rows, width]; product has room for the widest result.
static double weigh(const search *s, const float *errors, int64_t rows, float *product) {
  if (s->gram) {
    multiply(s, errors, rows, s->gram, s->width, false, product);
    return dot(product, errors, rows * s->width);
  }
  double sum = 0;
  for (int64_t i = 0; i < s->n_weights; ++i) {
    const resq_clip_weight *w = &s->weights[i];
    multiply(s, errors, rows, w->data, w->out, true, product);
    sum += dot(product, product, rows * w->out);
  }
  return sum;
}

static int64_t widest_product(const search *s) {
  int64_t widest = s->gram ? s->width : 0;
  for (int64_t i = 0; !s->gram && i < s->n_weights; ++i)
    widest = s->weights[i].out > widest ? s->weights[i].out : widest;
  return widest;
}

static void run_task(void *opaque, int64_t task) {
  search *s = opaque;
  int64_t step = task / s->blocks, begin = task % s->blocks * BLOCK_ROWS;
  int64_t rows = s->rows - begin < BLOCK_ROWS ? s->rows - begin : BLOCK_ROWS;
  float *errors = malloc((size_t)(BLOCK_ROWS * s->width) * sizeof *errors);
  float *product = malloc((size_t)(BLOCK_ROWS * widest_product(s)) * sizeof *product);
  if (errors && product) {
    const float *x = s->samples + begin * s->width;
    for (int64_t i = 0; i < rows * s->width; i += s->how->group)
      resq_group_errors(x + i, s->how->group, s->how->bits, candidate(step), errors + i);
    s->sums[task] = weigh(s, errors, rows, product);
  } else {
    __atomic_store_n(&s->failed, true, __ATOMIC_RELAXED);
  }
  free(errors);
  free(product);
}

//===-- The search --------------------------------------------------------===//

static int64_t least(const search *s) {
  int64_t best = 0;
  double best_sum = 0;
  for (int64_t i = 0; i < s->how->steps; ++i) {
    double sum = 0;
    for (int64_t b = 0; b < s->blocks; ++b)
      sum += s->sums[i * s->blocks + b];
    if (i == 0 || sum < best_sum) {
      best = i;
      best_sum = sum;
    }
  }
  return best;
}

bool resq_search_clip_ratio(int threads, const float *samples, int64_t rows, int64_t width,
                            const resq_clip_weight *weights, int64_t n_weights,
                            const resq_clip_search *how, float *ratio, resq_error *err) {
  assert(width % how->group == 0 && how->steps >= 1); // resq_evaluate_clip_ratio refuses others
  search s = {samples, rows, width, weights, n_weights, how, .blocks = 0};
  s.blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  s.sums = calloc((size_t)(how->steps * s.blocks), sizeof *s.sums);
  bool by_gram = gram_is_cheaper(&s);
  if (by_gram)
    s.gram = malloc((size_t)width * (size_t)width * sizeof *s.gram);
  s.failed = !s.sums || (by_gram && !s.gram);
  resq_blas_init();
  if (!s.failed && by_gram)
    resq_parallel(threads, (width + GRAM_ROWS - 1) / GRAM_ROWS, add_gram_rows, &s);
  if (!s.failed)
    resq_parallel(threads, how->steps * s.blocks, run_task, &s);
  if (!s.failed)
    *ratio = candidate(least(&s));
  free(s.gram);
  free(s.sums);
  return !s.failed || resq_fail(err, RESQ_NO_MEMORY, "no memory to search a clip ratio");
}
