//===-- moment.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "moment.h"

#include "linalg.h"

#include <math.h>

bool resq_moment_trace(const double *moment, int64_t n, const char *what, double *trace,
                       resq_error *err) {
  int64_t bad = resq_find_non_finite(moment, n * n);
  if (bad >= 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: entry (%lld, %lld) of the moment is %g; all entries must be finite", what,
                     (long long)(bad / n), (long long)(bad % n), moment[bad]);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += fmax(moment[i * n + i], 0);
  if (!isfinite(sum))
    return resq_fail(err, RESQ_BAD_INPUT, "%s: the moment's trace is %g; it must be finite", what,
                     sum);
  for (int64_t i = 0; i < n; ++i)
    if (moment[i * n + i] < -RESQ_MOMENT_ROUNDING * sum)
      return resq_fail(
          err, RESQ_BAD_INPUT,
          "%s: entry (%lld, %lld) of the moment is %g; a sum of squares is not negative", what,
          (long long)i, (long long)i, moment[i * n + i]);
  *trace = sum;
  return true;
}
