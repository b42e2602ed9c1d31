//===-- e4m3.h - OCP E4M3 codes to and from f32 ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OCP 8-bit floating point, revision 1.0: a sign, 4 bits of exponent with a bias of 7, 3 of
// mantissa. No infinities: 0x7f and 0xff are NaN, 448 is the largest number, 2^-6 the smallest
// normal one, subnormals are multiples of 2^-9. To it, rounding is to nearest even and saturates,
// infinities too; NaN stays NaN, with its sign. Branch-free, exact for every input, and independent
// of the denormal modes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_E4M3_H
#define RESQ_KERNELS_E4M3_H

#include "half.h"

#define RESQ_E4M3_TOP 448.0f
#define RESQ_E4M3_NAN 0x7f

RESQ_INLINE float resq_f32_from_e4m3(uint8_t code) {
  const uint32_t bias = (127 - 7) << 23;
  uint32_t magnitude = (uint32_t)(code & 0x7f) << 20, sign = (uint32_t)(code & 0x80) << 24;
  // A subnormal is read as 2^-6 * 1.m, then the implicit one is taken away.
  uint32_t subnormal = resq_bits_of(resq_float_of(magnitude + bias + (1u << 23)) - 0x1p-6f);
  uint32_t value = magnitude < (1u << 23) ? subnormal : magnitude + bias;
  return resq_float_of(((code & 0x7f) == RESQ_E4M3_NAN ? 0x7fc00000u : value) | sign);
}

RESQ_INLINE uint8_t resq_e4m3_from_f32(float x) {
  uint32_t bits = resq_bits_of(x), sign = bits >> 24 & 0x80, infinity = 0x7f800000u;
  bits &= 0x7fffffffu;
  uint32_t magnitude = bits < 0x43e00000u ? bits : 0x43e00000u; // 448
  // Below 2^-6: 2^14 has the subnormals' unit, 2^-9.
  uint32_t subnormal = resq_bits_of(resq_float_of(magnitude) + 0x1p14f) - 0x46800000u;
  uint32_t normal = (magnitude + 0x7ffff + (magnitude >> 20 & 1) - ((127u - 7u) << 23)) >> 20;
  uint32_t code = magnitude < 0x3c800000u ? subnormal : normal;
  return (uint8_t)((bits > infinity ? RESQ_E4M3_NAN : code) | sign);
}

/// The scale of a group whose largest magnitude is `peak`: resq.quantize's.
RESQ_INLINE float resq_e4m3_scale(float peak) {
  const float scale = peak / RESQ_E4M3_TOP;
  return scale > 1e-8f ? scale : 1e-8f;
}

#endif // RESQ_KERNELS_E4M3_H
