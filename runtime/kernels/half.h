//===-- half.h - f16 and bf16 bits to and from f32 ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For kernels and compiler alike. Branch-free where a loop over it should vectorise; exact for
// every input, rounding to nearest even, and independent of the denormal modes for f16 subnormals.
// Written out, because _Float16 would call into libgcc on the base x86-64.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_HALF_H
#define RESQ_KERNELS_HALF_H

#include "inline.h"
#include <stdint.h>

/// Element types of float weights and caches.
enum { RESQ_AS_F32, RESQ_AS_F16, RESQ_AS_BF16 };

RESQ_INLINE uint32_t resq_bits_of(float x) {
  union {
    float f;
    uint32_t u;
  } cast = {.f = x};
  return cast.u;
}

RESQ_INLINE float resq_float_of(uint32_t bits) {
  union {
    uint32_t u;
    float f;
  } cast = {.u = bits};
  return cast.f;
}

RESQ_INLINE float resq_f32_from_bf16(uint16_t h) { return resq_float_of((uint32_t)h << 16); }

RESQ_INLINE float resq_f32_from_f16(uint16_t h) {
  const uint32_t bias = (127 - 15) << 23;
  uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
  // An f16 subnormal is read as 2^-14 * 1.m, then the implicit one is taken away.
  uint32_t subnormal = resq_bits_of(resq_float_of(magnitude + bias + (1u << 23)) - 0x1p-14f);
  uint32_t special = magnitude | 0x7f800000u;
  uint32_t value = magnitude < (1u << 23) ? subnormal : magnitude + bias;
  return resq_float_of((magnitude >= 0x0f800000u ? special : value) | sign);
}

RESQ_INLINE uint16_t resq_f16_from_f32(float x) {
  uint32_t bits = resq_bits_of(x), sign = (bits >> 16) & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000u)
    return (uint16_t)(sign | 0x7e00);
  if (bits >= 0x477ff000u) // 65520: half way past the largest f16
    return (uint16_t)(sign | 0x7c00);
  if (bits < 0x38800000u) // below 2^-14: 0.5 has the f16 subnormals' unit, 2^-24
    return (uint16_t)(sign | (resq_bits_of(resq_float_of(bits) + 0.5f) - 0x3f000000u));
  bits += 0xfff + ((bits >> 13) & 1);
  return (uint16_t)(sign | ((bits - ((127u - 15u) << 23)) >> 13));
}

RESQ_INLINE uint16_t resq_bf16_from_f32(float x) {
  uint32_t bits = resq_bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) // a NaN stays one
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/// Element i of p, widened.
RESQ_INLINE float resq_float_element(const void *p, int64_t i, int as) {
  if (as == RESQ_AS_F32)
    return ((const float *)p)[i];
  uint16_t h = ((const uint16_t *)p)[i];
  return as == RESQ_AS_F16 ? resq_f32_from_f16(h) : resq_f32_from_bf16(h);
}

#endif // RESQ_KERNELS_HALF_H
