//===-- hadamard_plan.h - what all levels of resq_hadamard share ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scale, a constant after specialisation, and how work is cut.
//===----------------------------------------------------------------------===//
#ifndef RESQ_HADAMARD_PLAN_H
#define RESQ_HADAMARD_PLAN_H

#include "kernels/kernels.h"

/// (float)(1 / sqrt((double)size)). x86-64 and every other target of ours has a correctly
/// rounded square root instruction; -fno-math-errno keeps the builtin from calling libm.
static inline float resq_hadamard_scale(int64_t size) {
  return (float)(1.0 / __builtin_sqrt((double)size));
}

/// Blocks a chunk: some thousand elements, so that small blocks do not cost a ticket each.
static inline int64_t resq_hadamard_chunk(int64_t size) { return size < 2048 ? 2048 / size : 1; }

#endif // RESQ_HADAMARD_PLAN_H
