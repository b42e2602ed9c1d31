//===-- measures.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/measures.h"

#include "lowering/numeric/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double resq_snr(resq_noise n) {
  if (!(n.signal > 0))
    return NAN;
  return n.noise > 0 ? 10 * log10(n.signal / n.noise) : INFINITY;
}

void resq_add_noise(const float *w, const float *coded, int64_t count, resq_noise *n) {
  for (int64_t i = 0; i < count; ++i) {
    double error = (double)w[i] - (double)coded[i];
    n->signal += (double)w[i] * (double)w[i];
    n->noise += error * error;
  }
}

static double dot(const double *a, const double *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

void resq_add_weighted_noise(int threads, const double *w, const double *errors, const double *h,
                             int64_t rows, int64_t width, double *product, resq_noise *n) {
  resq_matmul_f64(threads, w, width, h, width, false, product, width, rows, width, width);
  n->signal += dot(product, w, rows * width);
  resq_matmul_f64(threads, errors, width, h, width, false, product, width, rows, width, width);
  n->noise += dot(product, errors, rows * width);
}

//===-- Outliers ----------------------------------------------------------===//

/// max |x| / rms of one group; 0 for zeros.
static double peak_of(const float *x, int64_t n) {
  double most = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    most = fmax(most, fabs((double)x[i]));
    squares += (double)x[i] * (double)x[i];
  }
  return squares > 0 ? most / sqrt(squares / (double)n) : 0;
}

/// Largest over median, of channel rms.
static double channel_ratio(double *squares, int64_t width, int64_t rows) {
  for (int64_t j = 0; j < width; ++j)
    squares[j] = sqrt(squares[j] / (double)rows);
  double median = resq_median(squares, width);
  return median > 0 ? squares[width - 1] / median : NAN;
}

bool resq_measure_outliers(const float *x, int64_t rows, int64_t width, int64_t group,
                           resq_outliers *out) {
  double *channels = calloc((size_t)width, sizeof *channels);
  if (!channels)
    return false;
  double peaks = 0, squares = 0, fourths = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < width; ++j) {
      double v = (double)x[r * width + j], square = v * v;
      channels[j] += square;
      squares += square;
      fourths += square * square;
    }
  for (int64_t i = 0; i < rows * width; i += group)
    peaks += peak_of(x + i, group);
  double count = (double)(rows * width), variance = squares / count;
  out->peak = peaks * (double)group / count;
  out->kurtosis = variance > 0 ? fourths / count / (variance * variance) : NAN;
  out->channels = channel_ratio(channels, width, rows);
  free(channels);
  return true;
}

//===-- Medians -----------------------------------------------------------===//

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double resq_median(double *values, int64_t n) {
  qsort(values, (size_t)n, sizeof *values, ascending);
  return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

double resq_unusual_below(const double *values, int64_t n, double least, double *median,
                          double *scratch) {
  enum { ENOUGH = 5 };
  if (n < ENOUGH)
    return -INFINITY;
  memcpy(scratch, values, (size_t)n * sizeof *scratch);
  *median = resq_median(scratch, n);
  for (int64_t i = 0; i < n; ++i)
    scratch[i] = fabs(values[i] - *median);
  return *median - 4 * fmax(resq_median(scratch, n), least);
}
