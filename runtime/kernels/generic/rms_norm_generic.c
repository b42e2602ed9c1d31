//===-- rms_norm_generic.c - y = x / sqrt(mean(x^2) + eps) * gain -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pinned arithmetic: f32, the sum of squares in 16 interleaved partial sums, added pairwise.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"

enum { LANES = 16 };

static inline float sum_of_squares(const float *x, int64_t width) {
  float sums[LANES] = {0};
  int64_t whole = width / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int64_t j = 0; j < LANES; ++j)
      sums[j] += x[i + j] * x[i + j];
  for (int64_t i = whole; i < width; ++i)
    sums[i - whole] += x[i] * x[i];
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int j = 0; j < half; ++j)
      sums[j] += sums[j + half];
  return sums[0];
}

void RESQ_KERNEL(resq_rms_norm)(resq_worker *w, int32_t op, const float *x, const float *gain,
                                float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width,
                                float eps) {
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      const float *in = x + r * ldx;
      float *out = y + r * ldy;
      float root = __builtin_sqrtf(sum_of_squares(in, width) / (float)width + eps);
      for (int64_t i = 0; i < width; ++i)
        out[i] = gain ? in[i] / root * gain[i] : in[i] / root;
    }
  }
}
