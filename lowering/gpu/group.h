//===-- group.h - kernel calls that become one launch ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where little is to be done, a launch takes longer to start than to run. Neighboring calls that depend on each other only
// within a unit (a row, or equal columns of one: kernels/nvptx/plan.h) therefore become one launch, whose blocks do their
// unit from the first call to the last, with a barrier of the block between two calls. The kernels are the same, and so are
// their bits.
//
// A group is a list of chains side by side, such as that of the query heads and that of the key heads: calls of a chain run
// one after the other, those of different chains share no memory that one of them writes. Each chain has its own number of
// units in a row; a block does one unit of one chain. What calls may do to each other is known from kernels.def and from
// where their rows live; the walk keeps the memory of values that a group touches until the group is launched
// (resq_frame.held_from), so that no call of a group writes where an earlier one reads.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPU_GROUP_H
#define RESQ_LOWERING_GPU_GROUP_H

#include "launch_plan.h"

enum { RESQ_GROUP_MOST = 12 }; ///< calls of a group

typedef struct resq_group_call {
  resq_kernel_call call;
  resq_gpu_plan plan; ///< runs by units
  int chain;
} resq_group_call;

/// Zero is empty.
typedef struct resq_group {
  resq_group_call calls[RESQ_GROUP_MOST]; ///< in the order of the function
  int n, n_chains;
  int64_t
      most[RESQ_GROUP_MOST]; ///< of each chain: a row can be cut into so many units, or a divisor
} resq_group;

/// Takes a copy of the call into the group, where both allow it; an empty group takes every call by units.
bool resq_group_take(resq_group *g, const resq_kernel_call *k, const resq_gpu_plan *plan);

/// How a group is launched.
typedef struct resq_group_shape {
  int32_t threads;
  int32_t shared_bytes;
  int64_t units[RESQ_GROUP_MOST]; ///< of a row, of each chain
  int64_t all_units;              ///< of a row: so many blocks
} resq_group_shape;
resq_group_shape resq_group_shape_of(const resq_group *g);

/// The argument of the function whose rows the call works on; -1: none.
int64_t resq_call_rows_of(const resq_kernel_call *k);

#endif // RESQ_LOWERING_GPU_GROUP_H
