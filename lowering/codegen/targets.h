//===-- targets.h - the chips that PTX is made for ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_TARGETS_H
#define RESQ_LOWERING_GPU_TARGETS_H

#include <stdbool.h>

/// Kernels' bitcode and the words for LLVM; fields as in resq_gpu_image.
typedef struct resq_gpu_target {
  const char *chip;     ///< "sm_90a"
  const char *features; ///< the PTX version that is written: drivers of CUDA 12.0 on read 8.0
  int capability;
  bool exact;
  const unsigned char *bitcode, *bitcode_end;
} resq_gpu_target;

extern const resq_gpu_target resq_gpu_targets[]; ///< best first, the one that runs everywhere last
extern const int resq_n_gpu_targets;

#endif // RESQ_LOWERING_GPU_TARGETS_H
