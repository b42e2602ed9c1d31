//===-- rms_norm_cuda.c - y = x / sqrt(mean(x^2) + eps) * gain --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "row_ops_fast.h"

/// Rows that a block's registers have no room for: 16 lanes add up a partial sum each.
RESQ_INLINE void resq_rms_norm_wide(const float *x, const float *gain, float *y, int64_t rows,
                                    int64_t ldx, int64_t ldy, int64_t width, float eps,
                                    resq_part part) {
  const resq_turns turns = resq_turns_of(part, rows, 1, 1);
  const uint32_t shared = resq_dynamic_shared();
  const int thread = resq_thread(), lane = thread % RESQ_NORM_LANES;
  resq_begin();
  for (int64_t r = turns.first; r < turns.end; r += turns.step) {
    const float *in = x + r * ldx;
    if (thread < RESQ_WARP) {
      float sum = 0.0f;
      for (int64_t i = lane; i < width; i += RESQ_NORM_LANES)
        sum += in[i] * in[i];
      for (int half = RESQ_NORM_LANES / 2; half > 0; half /= 2)
        sum += resq_shuffle_xor_f32(sum, half);
      if (thread == 0)
        resq_shared_store_f32(shared, __builtin_sqrtf(sum / (float)width + eps));
    }
    resq_sync_block();
    const float root = resq_shared_load_f32(shared);
    for (int64_t i = thread; i < width; i += part.threads)
      y[r * ldy + i] = gain ? in[i] / root * gain[i] : in[i] / root;
    resq_sync_block();
  }
}

void RESQ_KERNEL(resq_rms_norm)(const float *x, const float *gain, float *y, int64_t rows,
                                int64_t ldx, int64_t ldy, int64_t width, float eps, int64_t variant,
                                uint8_t *scratch, int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)scratch;
  if (variant == RESQ_GPU_AHEAD)
    resq_bring_near(gain, gain ? 4 * width : 0, threads);
  else if (resq_rms_norm_is_held(width, threads))
    resq_rms_norm_fast(x, gain, y, rows, ldx, ldy, width, eps, part);
  else
    resq_rms_norm_wide(x, gain, y, rows, ldx, ldy, width, eps, part);
}
