//===-- quantize_e4m3_generic.c - E4M3 activation codes, in plain C -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition of resq.quantize with E4M3 storage that other levels equal bit for bit.
//===----------------------------------------------------------------------===//
#include "kernels/e4m3.h"
#include "kernels/quantize_range.h"

static inline float quantize_group(const float *x, uint8_t *codes, int64_t group) {
  // A NaN compares false and leaves the peak as it is.
  float peak = 0.0f;
  for (int64_t i = 0; i < group; ++i) {
    const float magnitude = resq_float_of(resq_bits_of(x[i]) & 0x7fffffffu);
    peak = magnitude > peak ? magnitude : peak;
  }
  const float scale = resq_e4m3_scale(peak);
  for (int64_t i = 0; i < group; ++i)
    codes[i] = resq_e4m3_from_f32(x[i] / scale);
  return scale;
}

static inline void quantize_row(const float *x, uint8_t *codes, float *scales, int64_t width,
                                int64_t group) {
  const int64_t padded = resq_round_up(group, 8);
  int64_t at = 0;
  for (int64_t g = 0; g < width / group; ++g) {
    scales[g] = quantize_group(x + g * group, codes + at, group);
    for (int64_t i = group; i < padded; ++i)
      codes[at + i] = 0;
    at += padded;
  }
  for (; at < resq_code_stride(width, group); ++at)
    codes[at] = 0;
}

#include "kernels/templates/quantize_e4m3.inc"
