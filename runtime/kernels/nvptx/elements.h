//===-- elements.h - what all kernels begin with ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_KERNELS_NVPTX_ELEMENTS_H
#define RESQ_KERNELS_NVPTX_ELEMENTS_H

#include "device.h"
#include "plans.h"

/// Loads of so many turns may be under way together, where a sum's order leaves nothing else.
#ifdef RESQ_EMULATED
#define RESQ_UNROLL_SOME
#else
#define RESQ_UNROLL_SOME _Pragma("unroll 16")
#endif

/// The same of long turns, whose registers would not leave room for a second block.
#ifdef RESQ_EMULATED
#define RESQ_UNROLL_FEW
#else
#define RESQ_UNROLL_FEW _Pragma("unroll 4")
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
