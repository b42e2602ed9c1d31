//===-- geometry.h - how kernels share work among blocks and threads ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Read by the device kernels beside it and by lowering/gpu/geometry.c, which makes
// grids of it: the two cannot disagree.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_GEOMETRY_H
#define RESQ_KERNELS_NVPTX_GEOMETRY_H

enum {
  RESQ_WARP = 32,

  RESQ_NORM_ROWS = 4, ///< rows of a block, a warp each
  RESQ_NORM_THREADS = RESQ_NORM_ROWS * RESQ_WARP,

  RESQ_LINEAR_ROWS = 16,     ///< rows of a block
  RESQ_LINEAR_CHANNELS = 64, ///< output channels of a block: 4 panel tiles
  RESQ_LINEAR_THREADS = 256,
};

#endif // RESQ_KERNELS_NVPTX_GEOMETRY_H
