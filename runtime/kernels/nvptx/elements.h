//===-- elements.h - what all kernels begin with ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_KERNELS_NVPTX_ELEMENTS_H
#define RESQ_KERNELS_NVPTX_ELEMENTS_H

#include "device.h"
#include "plans.h"

/// In front of a loop: loads of n turns are under way together.
#ifdef RESQ_EMULATED
#define RESQ_UNROLL_BY(n)
#else
#define RESQ_PRAGMA_(text) _Pragma(#text)
#define RESQ_UNROLL_BY(n) RESQ_PRAGMA_(unroll n)
#endif

/// The elements of rows that are this thread's: (row, i) for each, over the whole grid.
#define RESQ_EACH_ELEMENT(rows, width, row, i)                                                     \
  for (int64_t at_ = resq_block_x() * resq_threads() + resq_thread(), row, i;                      \
       row = at_ / (width), i = at_ % (width), at_ < (rows) * (width);                             \
       at_ += resq_blocks_x() * resq_threads())

/// The launch before this one has ended, and the next may start; in front of everything that reads what
/// launches write.
RESQ_INLINE void resq_begin(void) {
  resq_let_next_launch_start();
  resq_wait_for_launches();
}

#endif // RESQ_KERNELS_NVPTX_ELEMENTS_H
