//===-- score.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/score.h"

#include <math.h>
#include <stdlib.h>

void resq_tally_add(resq_tally *t, double x) {
  t->sum += x;
  t->squares += x * x;
  ++t->n;
  t->window_sum += x;
  ++t->window_n;
}

void resq_tally_end_window(resq_tally *t) {
  if (!t->window_n)
    return;
  double mean = t->window_sum / (double)t->window_n;
  t->means += mean;
  t->mean_squares += mean * mean;
  ++t->windows;
  t->window_sum = 0;
  t->window_n = 0;
}

/// Of the mean of n independent values with this sum and sum of squares.
static double standard_error(double sum, double squares, int64_t n) {
  if (n < 2)
    return NAN;
  double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
  // Values that are all equal may come out a rounding below 0; NaN stays NaN.
  return sqrt((variance < 0 ? 0 : variance) / (double)(n - 1));
}

resq_estimate resq_tally_estimate(const resq_tally *t) {
  return (resq_estimate){t->n ? t->sum / (double)t->n : NAN,
                         standard_error(t->sum, t->squares, t->n),
                         standard_error(t->means, t->mean_squares, t->windows)};
}

resq_estimate resq_estimate_exp(resq_estimate e) {
  double mean = exp(e.mean);
  return (resq_estimate){mean, mean * e.token_error, mean * e.window_error};
}

double resq_quantile(const double *sorted, int64_t n, double p) {
  int64_t rank = (int64_t)ceil(p * (double)n);
  return sorted[rank < 1 ? 0 : rank > n ? n - 1 : rank - 1];
}

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  if (isnan(a) || isnan(b))
    return isnan(a) - isnan(b);
  return (a > b) - (a < b);
}

void resq_sort(double *values, int64_t n) { qsort(values, (size_t)n, sizeof *values, compare); }
