//===-- moment.h - what calibrated second moments may look like -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A second moment is positive semidefinite, but its products are formed in fp32: where the
// rows of a site are nearly alike (a text of one word, a channel far above the others), most
// eigenvalues are zero, and rounding leaves some of them a little below. A basis of
// eigenvectors then turns them to the diagonal. That is rounding, not an error.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_MOMENT_H
#define RESQ_LOWERING_MOMENT_H

#include "base/error.h"
#include "statistics.h"

/// What rounding can leave below zero, as a part of the trace: that of a sum of a window of fp32
/// products.
#define RESQ_MOMENT_ROUNDING (RESQ_STATISTICS_WINDOW * 0x1p-24)

/// The trace of moment [n, n], without what rounding left below zero; 0 for an input that
/// calibration saw as zeros alone. False where an entry is not finite or the diagonal is below zero
/// by more than rounding. `what` begins the message.
bool resq_moment_trace(const double *moment, int64_t n, const char *what, double *trace,
                       resq_error *err);

#endif // RESQ_LOWERING_MOMENT_H
