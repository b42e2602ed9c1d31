//===-- targets.h - the chips that PTX is made for ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_TARGETS_H
#define RESQ_LOWERING_GPU_TARGETS_H

#include "lowering/support/levels.h"

/// `target.name` is the chip. Other fields as in resq_gpu_image.
typedef struct resq_gpu_target {
  resq_target target;
  int capability;
  bool exact;
} resq_gpu_target;

extern const resq_gpu_target resq_gpu_targets[]; ///< best first, the one that runs everywhere last
extern const int resq_n_gpu_targets;

#endif // RESQ_LOWERING_GPU_TARGETS_H
