//===-- scalar_math.h - exp, sin and cos without libm ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Straight-line code, so loops over it vectorise. (Not named math.h: this folder is on the
// include path of tests, which want the system's.)
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_SCALAR_MATH_H
#define RESQ_KERNELS_SCALAR_MATH_H

#include "half.h"

/// x rounded to an integer, half to even, for |x| <= 2^22: 1.5 * 2^23 has unit 1.
RESQ_INLINE float resq_rne(float x) {
  const float magic = 0x1.8p23f;
  return (x + magic) - magic;
}

/// e^x: within 2 ulp, 0 below -104, infinity above 88.8, NaN kept.
RESQ_INLINE float resq_exp(float x) {
  const float magic = 0x1.8p23f;
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  float shifted = x * 1.44269504f + magic;
  float n = shifted - magic;
  float r = (x - n * 0.693359375f) - n * -2.12194440e-4f; // ln 2 in two parts, the first short
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r * r + r) + 1.0f;
  // 2^n in two factors: n reaches past both ends of the exponent.
  int32_t power = (int32_t)(resq_bits_of(shifted) - resq_bits_of(magic));
  int32_t first = power >> 1, second = power - first;
  return p * resq_float_of((uint32_t)(first + 127) << 23) *
         resq_float_of((uint32_t)(second + 127) << 23);
}

/// sin and cos of a, |a| <= 2^30: Cody-Waite reduction by pi/2, in double; error below 1e-9.
RESQ_INLINE void resq_sin_cos(double a, double *sine, double *cosine) {
  const double magic = 0x1.8p52;
  double shifted = a * 0.63661977236758134308 + magic;
  double n = shifted - magic;
  union {
    double d;
    uint64_t u;
  } cast = {.d = shifted};
  uint64_t quadrant = cast.u;
  // pi/2 in parts of 33 bits: products with n are exact.
  double r = ((a - n * 1.57079632673412561417e+00) - n * 6.07710050630396597660e-11) -
             n * 2.02226624879595063154e-21;
  double r2 = r * r;
  double s =
      r + r * r2 *
              (-1.0 / 6 +
               r2 * (1.0 / 120 +
                     r2 * (-1.0 / 5040 + r2 * (1.0 / 362880 + r2 * (-1.0 / 39916800 +
                                                                    r2 * (1.0 / 6227020800.0))))));
  double c =
      1.0 + r2 * (-1.0 / 2 +
                  r2 * (1.0 / 24 +
                        r2 * (-1.0 / 720 + r2 * (1.0 / 40320 + r2 * (-1.0 / 3628800 +
                                                                     r2 * (1.0 / 479001600.0))))));
  double sin_part = quadrant & 1 ? c : s, cos_part = quadrant & 1 ? s : c;
  *sine = quadrant & 2 ? -sin_part : sin_part;
  *cosine = (quadrant + 1) & 2 ? -cos_part : cos_part;
}

#endif // RESQ_KERNELS_SCALAR_MATH_H
