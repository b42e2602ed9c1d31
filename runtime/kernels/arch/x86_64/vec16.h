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
//   v16_exp_down(x)                           e^x for x <= 0: within 2 ulp, e^-104 below, NaN kept
//   v16i_load_bytes_from(p, first, end)       bytes of those lanes, the others 0 and not read
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

#endif // RESQ_KERNELS_VEC16_H
