//===-- vec16.h - vectors of 16 lanes on any x86-64 level -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels over panels of 16 channels are written once, on these: v16f (f32), v16i (32 bits) and
// v16m (which lanes), a register of AVX-512 or two of AVX2. Everything is always inlined. Of what
// their names do not say:
//   v16_lanes(n), v16_lanes_from(first, end)  lanes 0..n-1, lanes first..end-1; any n
//   v16_load_some(m, p)                       lanes that m lacks are 0 and not read
//   v16_load_as(p, i, as)                     elements i.. of p, widened from RESQ_AS_*
//   v16_load_some_halves(n, p)                f16; n >= 0
//   v16_max_some(m, a, b)                     a where m lacks a lane
//   v16_keep(m, v)                            0 where m lacks a lane
//   v16_fma_minus(a, b, c)                    c - a b, rounded once
//   v16_min(a, b), v16_max(a, b)              b where either is NaN
//   v16_scale(v, n)                           v 2^n, n whole, -252 to 254; rounds if subnormal
//   v16i_load_bytes_from(p, first, end)       bytes of those lanes, others 0 and not read
//   v16i_fields(from, bytes, shifts)          two bytes of 16, at places that `bytes` has in a
//                                             lane's lower bytes (0x80 above), shifted right
//   v16_look_up(index, table)                 by the low four bits
// RESQ_BLOCK_ROWS x RESQ_BLOCK_TILES accumulators fit into registers beside their operands.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_VEC16_H
#define RESQ_KERNELS_VEC16_H

#ifdef __AVX512F__
#include "vec16_avx512.h"
#else
#include "vec16_avx2.h"
#endif

/// Shifted left by n, right where n is negative.
RESQ_INLINE v16i v16i_shift(v16i v, int n) {
  return n >= 0 ? v16i_left(v, (unsigned)n) : v16i_right(v, (unsigned)-n);
}

/// e^x for x <= 0: within 2 ulp, e^-104 (next to 0) below, NaN kept.
RESQ_INLINE v16f v16_exp_down(v16f x) {
  x = v16_max(v16_set(-104.0f), x); // NaN in the second operand wins
  const v16f n = v16_round(v16_mul(x, v16_set(1.44269504f)));
  v16f r = v16_fma_minus(n, v16_set(0.693359375f), x); // ln 2 in two parts, the first short
  r = v16_fma_minus(n, v16_set(-2.12194440e-4f), r);
  v16f p = v16_set(1.9875691500e-4f);
  p = v16_fma(p, r, v16_set(1.3981999507e-3f));
  p = v16_fma(p, r, v16_set(8.3334519073e-3f));
  p = v16_fma(p, r, v16_set(4.1665795894e-2f));
  p = v16_fma(p, r, v16_set(1.6666665459e-1f));
  p = v16_fma(p, r, v16_set(5.0000001201e-1f));
  p = v16_add(v16_fma(p, v16_mul(r, r), r), v16_set(1.0f));
  return v16_scale(p, n);
}

/// e^x as resq_exp.
RESQ_INLINE v16f v16_exp(v16f x) { return v16_exp_down(v16_min(v16_set(89.0f), x)); }

#endif // RESQ_KERNELS_VEC16_H
