//===-- measures.h - arithmetic of a quality report -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plain arrays in, numbers out. Sums are f64 and in order, so results do not depend on threads.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_MEASURES_H
#define RESQ_LOWERING_REPORT_MEASURES_H

#include "lowering/report/facts.h"

/// An energy and that of its error.
typedef struct resq_noise {
  double signal, noise;
} resq_noise;

/// 10 log10(signal / noise); infinite without noise, NaN without signal.
double resq_snr(resq_noise n);

/// |w|^2 and |w - coded|^2, added to *n.
void resq_add_noise(const float *w, const float *coded, int64_t count, resq_noise *n);

/// tr(W H W^T) and tr(E H E^T), added to *n: W and E are [rows, width] f64, H [width, width].
/// product has room for [rows, width].
void resq_add_weighted_noise(int threads, const double *w, const double *errors, const double *h,
                             int64_t rows, int64_t width, double *product, resq_noise *n);

/// Of x [rows, width], row and group of `group` elements by row and group. False when out of
/// memory.
bool resq_measure_outliers(const float *x, int64_t rows, int64_t width, int64_t group,
                           resq_outliers *out);

/// Median of n >= 1 values, which are sorted; the mean of the middle two.
double resq_median(double *values, int64_t n);

/// The value below which one of n values is unusual: median - 4 MAD, where the median absolute
/// deviation is taken as at least `least`. -infinity for fewer than 5 values: nothing is usual
/// then. scratch: [n].
double resq_unusual_below(const double *values, int64_t n, double least, double *median,
                          double *scratch);

#endif // RESQ_LOWERING_REPORT_MEASURES_H
