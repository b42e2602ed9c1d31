//===-- score.h - averages over tokens and windows ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A figure of every prediction (a loss, a divergence, 1 for an agreement), averaged over all of
// them. Its standard error is given twice: over tokens, as if predictions were independent, and
// over windows, whose means nearly are: neighbouring tokens share a text, so the second is the
// honest one where there are windows enough.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_SCORE_H
#define RESQ_CLI_SCORE_H

#include <stdint.h>

/// Sums in the order of resq_tally_add; all zero at the start.
typedef struct resq_tally {
  double sum, squares;
  int64_t n;
  double window_sum; ///< of the open window
  int64_t window_n;
  double means, mean_squares; ///< over finished windows
  int64_t windows;
} resq_tally;

void resq_tally_add(resq_tally *t, double x);
/// What was added since the last call is one window; nothing added: no window.
void resq_tally_end_window(resq_tally *t);

typedef struct resq_estimate {
  double mean;
  double token_error;  ///< standard error of the mean over tokens; NaN for fewer than 2
  double window_error; ///< over window means (windows of one size); NaN for fewer than 2
} resq_estimate;

resq_estimate resq_tally_estimate(const resq_tally *t);
/// exp of an estimate, its errors by the delta method: sd(exp m) = exp(m) sd(m).
resq_estimate resq_estimate_exp(resq_estimate e);

/// The p-quantile (0 < p <= 1) of n >= 1 values sorted ascending: the smallest that at least a
/// fraction p of them does not exceed.
double resq_quantile(const double *sorted, int64_t n, double p);
/// Ascending, NaN last.
void resq_sort(double *values, int64_t n);

#endif // RESQ_CLI_SCORE_H
