//===-- clip_ratio.h - the search of resq.clip_ratio ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A static clip of an activation quantiser trades rounding of all values for saturation of a few.
// Which pays is a matter of what the linears behind it make of the error, so that is measured, on
// rows that calibration sampled.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CLIP_RATIO_H
#define RESQ_LOWERING_CLIP_RATIO_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

/// Candidates are 1 - i * RESQ_CLIP_STEP.
#define RESQ_CLIP_STEP 0.03

/// The quantiser, as of resq.quantize, and how many candidates.
typedef struct resq_clip_search {
  int bits;      ///< 2..8
  int64_t group; ///< divides the width
  int steps;     ///< 1..33
} resq_clip_search;

/// One weight that reads the quantised value: [out, width].
typedef struct resq_clip_weight {
  const float *data;
  int64_t out;
} resq_clip_weight;

/// errors = Q(x) - x over one group, Q as resq.quantize with this clip.
void resq_group_errors(const float *x, int64_t group, int bits, float clip, float *errors);
/// The same with E4M3 storage.
void resq_e4m3_group_errors(const float *x, int64_t group, float *errors);

/// *ratio = the first candidate with the least sum over samples x [rows, width] and weights W of
/// |(Q(x) - x) W^T|^2. Products in f32 over fixed tasks, sums in f64 in order: the same at any
/// number of threads. False when out of memory.
bool resq_search_clip_ratio(int threads, const float *samples, int64_t rows, int64_t width,
                            const resq_clip_weight *weights, int64_t n_weights,
                            const resq_clip_search *how, float *ratio, resq_error *err);

#endif // RESQ_LOWERING_CLIP_RATIO_H
