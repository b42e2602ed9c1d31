//===-- inline.h - how kernels ask for inlining and unrolling -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_KERNELS_INLINE_H
#define RESQ_KERNELS_INLINE_H

#ifdef RESQ_EMULATED // tests of GPU kernels on a host, where unrolled code would take minutes to compile
#define RESQ_INLINE static inline
#define RESQ_UNROLL
#else

#define RESQ_INLINE static inline __attribute__((always_inline))

/// In front of a loop of at most 16 turns, so that arrays that it indexes become registers.
#ifdef __clang__
#define RESQ_UNROLL _Pragma("unroll")
#else
#define RESQ_UNROLL _Pragma("GCC unroll 16")
#endif

#endif // RESQ_EMULATED
#endif // RESQ_KERNELS_INLINE_H
