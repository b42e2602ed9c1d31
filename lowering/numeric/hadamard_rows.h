//===-- hadamard_rows.h - resq.hadamard on f64 rows -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_HADAMARD_ROWS_H
#define RESQ_LOWERING_HADAMARD_ROWS_H

#include <stdbool.h>
#include <stdint.h>

/// Each block of `size` elements of each row, in place: y = (H (x) Sylvester) x / sqrt(size), H the
/// order x order matrix `signs` (order 1: ignored); `transposed` applies the inverse. Order divides
/// size into a power of two. False when out of memory.
bool resq_hadamard_rows(int threads, double *x, int64_t rows, int64_t width, int64_t size,
                        int64_t order, const int8_t *signs, bool transposed);

#endif // RESQ_LOWERING_HADAMARD_ROWS_H
