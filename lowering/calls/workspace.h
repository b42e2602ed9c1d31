//===-- workspace.h - which bytes of the workspace hold what, when --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans the memory that a function's intermediate values share: first fit over live ranges, in program order. A range
// is taken from the op that writes it to the last op that reads it; after that its bytes serve others. The plan does not
// know threads: what a later op writes where an earlier one reads is for the hazards (hazards.h) to order.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_WORKSPACE_H
#define RESQ_LOWERING_CALLS_WORKSPACE_H

#include <stdint.h>

/// Bytes [begin, begin + size): both are multiples of RESQ_ALIGNMENT.
typedef struct resq_range {
  int64_t begin, size;
} resq_range;

/// Zero-initialized: nothing is planned. Ends with resq_workspace_free.
typedef struct resq_workspace {
  struct resq_live_range {
    resq_range range;
    int last_use; ///< index of the last op that reads it
  } *live;        ///< by rising `begin`, disjoint
  int n_live, capacity;
  int64_t bytes; ///< what the whole plan takes so far
} resq_workspace;

/// At least `bytes` (> 0) bytes until op `last_use` is done.
resq_range resq_workspace_allocate(resq_workspace *w, int64_t bytes, int last_use);
/// Gives back what no op from op_index on reads.
void resq_workspace_release(resq_workspace *w, int op_index);
void resq_workspace_free(resq_workspace *w);

#endif // RESQ_LOWERING_CALLS_WORKSPACE_H
