//===-- quantize_range.h - scale and zero point of an activation group ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scalar half of resq.quantize, shared by all levels so that scales and zero
// points cannot differ: only min and max, which no order changes, are vectorised.
//===----------------------------------------------------------------------===//
#ifndef RESQ_QUANTIZE_RANGE_H
#define RESQ_QUANTIZE_RANGE_H

#include "kernels.h"
#include "scalar_math.h"

/// Beyond this, x / scale is clamped before rounding: far outside every code, and
/// inside what the rounding below can do.
#define RESQ_QUOTIENT_LIMIT 1024.0f

/// x limited to +-RESQ_QUOTIENT_LIMIT, NaN to the lower one.
static inline float resq_limit_quotient(float x) {
  x = x > -RESQ_QUOTIENT_LIMIT ? x : -RESQ_QUOTIENT_LIMIT;
  return x < RESQ_QUOTIENT_LIMIT ? x : RESQ_QUOTIENT_LIMIT;
}

typedef struct resq_range {
  float scale;
  int32_t zero; ///< in 0 .. top
  int32_t top;  ///< largest code, 2^bits - 1
  int32_t base; ///< what is taken from a code to store it
} resq_range;

/// low <= 0 <= high: the group's extremes, zero included, before the clip.
static inline resq_range resq_range_of(float low, float high, int64_t bits, float clip) {
  resq_range range;
  range.top = (int32_t)((1u << bits) - 1);
  low *= clip;
  high *= clip;
  const float step = (high - low) / (float)range.top;
  range.scale = step > 1e-8f ? step : 1e-8f;
  const int32_t zero = (int32_t)resq_rne(resq_limit_quotient(-low / range.scale));
  range.zero = zero < 0 ? 0 : zero > range.top ? range.top : zero;
  range.base = bits == 8 ? 128 : range.zero;
  return range;
}

/// The meta of a group whose stored codes sum to `sum`.
static inline resq_quant_meta resq_range_meta(resq_range range, int32_t sum) {
  const resq_quant_meta meta = {range.scale, range.base - range.zero, sum};
  return meta;
}

/// Rows a chunk: one at a time while few, so that threads share them.
static inline int64_t resq_quantize_chunk_rows(int64_t rows) { return rows <= 32 ? 1 : 8; }

#endif // RESQ_QUANTIZE_RANGE_H
