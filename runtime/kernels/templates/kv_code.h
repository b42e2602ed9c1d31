//===-- kv_code.h - the code of one element of a cached vector ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scalar part of resq.kv_append, shared by the portable kernels of CPUs and by those of GPUs, so
// that their codes cannot differ: kernels.h has the formulas.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_CODE_H
#define RESQ_KERNELS_KV_CODE_H

#include "kernels/layout/lloyd_max.h"
#include "kernels/quantize_range.h"

/// rne(x / scale), kept where rounding is exact; beyond it every code saturates anyway.
RESQ_INLINE int32_t resq_kv_steps(float x, float scale) {
  return (int32_t)resq_rne(resq_limit_quotient(x / scale));
}

/// x kept within 0 and `most`.
RESQ_INLINE int32_t resq_kv_clamp(int32_t x, int32_t most) {
  return x < 0 ? 0 : x > most ? most : x;
}

/// The Lloyd-Max code of an element of a vector with that standard deviation.
RESQ_INLINE int32_t resq_kv_lloyd_max_code(float x, int64_t bits, float deviation) {
  const float size = x < 0.0f ? -x : x;
  const int32_t half = 1 << (bits - 1);
  int32_t m = 0;
  for (int32_t j = 0; j < half - 1; ++j)
    m += size > resq_lm_thresholds[bits - 1][j] * deviation;
  return x < 0.0f ? half - 1 - m : half + m;
}

#endif // RESQ_KERNELS_KV_CODE_H
