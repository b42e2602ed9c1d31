//===-- geometry.h - the grid of each device kernel -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_GEOMETRY_H
#define RESQ_LOWERING_GPU_GEOMETRY_H

#include "lowering/calls/emit.h"

/// The grid of one call: resq_gpu_launch of resq/abi.h.
typedef struct gpu_grid {
  int rows_of, rows_per_block;
  int64_t grid_y, grid_z;
  int threads, shared_bytes;
} gpu_grid;

/// False when there is no device kernel of this name.
bool gpu_grid_of(const kernel_call *k, gpu_grid *out);

#endif // RESQ_LOWERING_GPU_GEOMETRY_H
