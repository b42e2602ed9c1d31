//===-- gptq.h - weight codes that make up for each other's errors --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GPTQ (Frantar et al., arXiv 2210.17323): columns of W are rounded one after another, and what a
// rounding adds to the output's error ||(W - Wq) x^T||^2 is taken from the columns still to come.
// With H = x^T x and U^T U = H^-1, U upper triangular, the best change of column j > i for an error
// e of column i is -e U[i, j] / U[i, i]. A lower U, or a factor of H in its place, would still give
// codes, and no better ones than rounding: tests/unit/gptq_test.c measures the error itself.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPTQ_H
#define RESQ_LOWERING_GPTQ_H

#include "base/error.h"
#include "quantize_weight.h"

#include <stdbool.h>
#include <stdint.h>

/// The order of columns and the factor of resq.gptq_factor. moment is [n, n], its two triangles
/// are averaged; parts sum to n. *damping is a share of the mean diagonal, and what was needed
/// comes back: where the damped moment is not positive definite it grows tenfold, up to 1. Of inputs
/// that were zeros alone the mean counts as 1: codes are rounded to nearest. An error for a moment
/// with NaN or infinity, a diagonal entry below zero by more than rounding (moment.h), or one that
/// no damping mends.
bool resq_gptq_factor(int threads, const double *moment, int64_t n, int n_parts,
                      const int64_t *parts, double *damping, int32_t *order, float *factor,
                      resq_error *err);

/// One branch: its weight, [out, width], and what becomes of it.
typedef struct resq_gptq_part {
  const float *w;
  int64_t width;
  resq_weight_code how;
  int8_t *codes; ///< [out, width]
  float *scales; ///< [out, width / group]
} resq_gptq_part;

/// Codes and scales of resq.gptq_weight. False when out of memory, or when order is no permutation
/// or a diagonal entry of factor not positive and finite.
bool resq_gptq_weight(int threads, int64_t out, int n_parts, const resq_gptq_part *parts,
                      const int32_t *order, const float *factor, resq_error *err);

#endif // RESQ_LOWERING_GPTQ_H
