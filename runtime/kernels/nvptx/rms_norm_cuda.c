//===-- rms_norm_cuda.c - y = x / sqrt(mean(x^2) + eps) * gain ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A warp a row. Each lane sums every 32nd element, then the lanes' sums are added pairwise: the
// order differs from rms_norm_generic.c, so results agree to rounding.
//===----------------------------------------------------------------------===//
#include "device.h"

void RESQ_KERNEL(resq_rms_norm)(const float *x, const float *gain, float *y, int64_t rows,
                                int64_t ldx, int64_t ldy, int64_t width, float eps) {
  const int lane = resq_thread() % RESQ_WARP;
  const int64_t r = resq_block_x() * resq_rms_norm_rows + resq_thread() / RESQ_WARP;
  if (r >= rows)
    return; // whole warps leave: the sum below has all its lanes
  const float *in = x + r * ldx;
  float *out = y + r * ldy;
  float sum = 0.0f;
  for (int64_t i = lane; i < width; i += RESQ_WARP)
    sum += in[i] * in[i];
  const float root = __builtin_sqrtf(resq_warp_sum(sum) / (float)width + eps);
  for (int64_t i = lane; i < width; i += RESQ_WARP)
    out[i] = gain ? in[i] / root * gain[i] : in[i] / root;
}
