//===-- lloyd_max.h - scalar quantisers that are optimal for N(0, 1) -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lloyd's fixed point (IEEE Trans. Inf. Theory 28, 1982): centroids are the means of their
// cells, thresholds lie half way between centroids. dialect/definitions/cache.mlir has the same
// numbers; tests/unit/kv_estimator_test.c runs the iteration again.
//
// A vector x of n elements: r = sqrt(|x|^2 / n); element i has magnitude m, the number of
// thresholds t with |x_i| > t r, and code 2^(bits-1) + m, or 2^(bits-1) - 1 - m below 0. With c
// the vector of its centroids, a key's scale is |x|^2 / <x, c> in f16: then <x, scale c> = |x|^2,
// and over random rotations E <q, scale c> = <q, x> (EDEN, Vargaftik et al., ICML 2022): scores are
// not shrunk against those of the high part. A value's scale is <x, c> / <c, c>, that of the least
// squared error: what attention sums up is an estimate of x itself, and a smaller error is worth more
// than an unbiased one (docs/accuracy.md).
// Sums of n products: product i goes to partial sum i mod 16, each in rising order and without
// FMA; then partial sums j and j + 8 are added, j and j + 4, j and j + 2, j and j + 1.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_LLOYD_MAX_H
#define RESQ_KERNELS_LLOYD_MAX_H

#include "kernels/half.h"

enum { RESQ_LM_MOST_BITS = 4, RESQ_SUM_LANES = 16 };

/// [bits - 1]: the positive half, rising.
static const float resq_lm_centroids[RESQ_LM_MOST_BITS][8] = {
    {0.797884561f},
    {0.452780035f, 1.51041761f},
    {0.245094179f, 0.756005281f, 1.34390928f, 2.1519457f},
    {0.12839503f, 0.388048299f, 0.656759119f, 0.942340456f, 1.2562312f, 1.61804639f, 2.06901723f,
     2.73258957f},
};
/// Between the centroids above; infinite behind the last, which is never passed.
static const float resq_lm_thresholds[RESQ_LM_MOST_BITS][8] = {
    {__builtin_inff()},
    {0.981598822f, __builtin_inff()},
    {0.50054973f, 1.04995728f, 1.74792749f, __builtin_inff()},
    {0.258221665f, 0.522403709f, 0.799549788f, 1.09928583f, 1.43713879f, 1.84353181f, 2.4008034f,
     __builtin_inff()},
};

/// The centroid of a code; codes beyond `bits` wrap.
RESQ_INLINE float resq_lm_centroid(int64_t bits, int64_t code) {
  int64_t half = (int64_t)1 << (bits - 1);
  code &= 2 * half - 1;
  return code < half ? -resq_lm_centroids[bits - 1][half - 1 - code]
                     : resq_lm_centroids[bits - 1][code - half];
}

/// f16 bits of a scale or norm: NaN and what is below 0 give 0, infinity the largest number.
RESQ_INLINE uint16_t resq_finite_half(float x) {
  x = x > 0.0f ? x : 0.0f;
  return resq_f16_from_f32(x < 65504.0f ? x : 65504.0f);
}

/// f16 bits of a key's or value's scale, from |x|^2, <x, c> and <c, c>.
RESQ_INLINE uint16_t resq_lm_scale_bits(int is_key, float x_x, float x_c, float c_c) {
  return resq_finite_half(is_key ? x_x / x_c : x_c / c_c);
}

/// The partial sums' total.
RESQ_INLINE float resq_fold_lanes(float *lanes) {
  for (int64_t width = RESQ_SUM_LANES / 2; width > 0; width /= 2)
    for (int64_t j = 0; j < width; ++j)
      lanes[j] += lanes[j + width];
  return lanes[0];
}

/// |x|^2 in that order.
RESQ_INLINE float resq_sum_squares(const float *x, int64_t n) {
  float lanes[RESQ_SUM_LANES] = {0};
  for (int64_t i = 0; i < n; ++i)
    lanes[i % RESQ_SUM_LANES] += x[i] * x[i];
  return resq_fold_lanes(lanes);
}

#endif // RESQ_KERNELS_LLOYD_MAX_H
