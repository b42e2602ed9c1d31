//===-- same_bits.h - vectors of any length, the same floats --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For files whose inner loops are compiled for more than one instruction set and must give the same
// bits on each: included last, it says how everything below is compiled. Neither compiler may fuse
// products into sums; GCC vectorises comparisons only where floating-point flags do not matter.
// RESQ_CLONES before a function: one for AVX2 and one for the baseline, chosen when it is loaded.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_SAME_BITS_H
#define RESQ_LOWERING_SAME_BITS_H

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("O3", "no-trapping-math", "fp-contract=off")
#endif

#if defined(__x86_64__) && !defined(RESQ_NO_CLONES)
#define RESQ_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define RESQ_CLONES
#endif

#endif // RESQ_LOWERING_SAME_BITS_H
