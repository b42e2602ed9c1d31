//===-- quantize_generic.c - asymmetric activation codes, in plain C ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition of resq.quantize that other levels equal bit for bit.
//===----------------------------------------------------------------------===//
#include "kernels/quantize_range.h"

static inline resq_range range_of(const float *x, int64_t count, int64_t bits, float clip) {
  // A NaN compares false and leaves the extremes as they are.
  float low = 0.0f, high = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  return resq_range_of(low, high, bits, clip);
}

static inline resq_quant_meta quantize_group(const float *x, int8_t *codes, int64_t group,
                                             resq_range range) {
  int32_t sum = 0;
  for (int64_t i = 0; i < group; ++i) {
    int32_t code = (int32_t)resq_rne(resq_limit_quotient(x[i] / range.scale)) + range.zero;
    code = code < 0 ? 0 : code > range.top ? range.top : code;
    code -= range.base;
    codes[i] = (int8_t)code;
    sum += code;
  }
  return resq_range_meta(range, sum);
}

static inline void quantize_row(const float *x, int8_t *codes, resq_quant_meta *meta, int64_t width,
                                int64_t group, int64_t range, int64_t bits, float clip) {
  const int64_t padded = resq_round_up(group, 8);
  int64_t at = 0;
  resq_range shared = {0};
  for (int64_t g = 0; g < width / group; ++g) {
    if (g * group % range == 0)
      shared = range_of(x + g * group, range, bits, clip);
    meta[g] = quantize_group(x + g * group, codes + at, group, shared);
    for (int64_t i = group; i < padded; ++i)
      codes[at + i] = 0;
    at += padded;
  }
  for (; at < resq_code_stride(width, group); ++at)
    codes[at] = 0;
}

#include "kernels/templates/quantize.inc"
