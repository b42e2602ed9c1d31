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

/// What part of a call's work the block has: its turns of the grid's where `units` is 0, else unit `unit` of the
/// `units` that each row has, counted over all rows.
typedef struct resq_part {
  int threads; ///< of the block, a constant
  int64_t unit, units;
} resq_part;

/// The grid shares the work, a block having `threads`.
RESQ_INLINE resq_part resq_whole(int threads) { return (resq_part){threads, 0, 0}; }

/// A block's items of a list: `first`, `first` + `step`, ... below `end`, and as many behind each as it does at once.
typedef struct resq_turns {
  int64_t first, step, end;
} resq_turns;

/// Of the items of all rows, in their order; a unit has items_per_row / units of them.
RESQ_INLINE resq_turns resq_turns_of(resq_part part, int64_t rows, int64_t items_per_row,
                                     int64_t at_once) {
  if (part.units == 0)
    return (resq_turns){resq_block_x() * at_once, resq_blocks_x() * at_once, rows * items_per_row};
  const int64_t each = items_per_row / part.units;
  return (resq_turns){part.unit * each, at_once, part.unit * each + each};
}

/// An element for each thread at once.
RESQ_INLINE resq_turns resq_element_turns(resq_part part, int64_t rows, int64_t width) {
  return resq_turns_of(part, rows, width, part.threads);
}
/// Those that are this thread's: (row, i) for each.
#define RESQ_EACH_ELEMENT(turns, width, row, i)                                                    \
  for (int64_t at_ = (turns).first + resq_thread(), row, i;                                        \
       row = at_ / (width), i = at_ % (width), at_ < (turns).end; at_ += (turns).step)

/// The variant RESQ_GPU_AHEAD: `bytes` of parameters on their way to the L2 cache.
RESQ_INLINE void resq_bring_near(const void *p, int64_t bytes, int64_t threads) {
  for (int64_t at = 128 * (int64_t)resq_thread(); at < bytes; at += 128 * threads)
    resq_prefetch((const uint8_t *)p + at);
}

/// The launch before this one has ended, and the next may start; in front of everything that reads what
/// launches write.
RESQ_INLINE void resq_begin(void) {
  resq_let_next_launch_start();
  resq_wait_for_launches();
}

#endif // RESQ_KERNELS_NVPTX_ELEMENTS_H
