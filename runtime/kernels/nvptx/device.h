//===-- device.h - what device kernels are written with -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Freestanding C for clang's nvptx64 target, one op a file: <op>_cuda.c. A kernel takes the
// arguments of kernels.h after (worker, op); every int64_t after `rows` is a constant once
// the compiler has put it into its wrapper, the .entry. Blocks share work as geometry.h says:
// blockIdx.x counts rows. Pointers are what the launch list says: device memory.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_DEVICE_H
#define RESQ_KERNELS_NVPTX_DEVICE_H

#include "nvptx/geometry.h"
#include <stdbool.h>
#include <stdint.h>

#define RESQ_KERNEL(name) name##_cuda
/// Output channels a panel tile: kernels.h.
#define RESQ_TILE_N 16
/// Shared by the threads of a block.
#define RESQ_SHARED static __attribute__((address_space(3)))

static inline int resq_thread(void) { return __nvvm_read_ptx_sreg_tid_x(); }
static inline int64_t resq_block_x(void) { return (uint32_t)__nvvm_read_ptx_sreg_ctaid_x(); }
static inline int64_t resq_block_y(void) { return (uint32_t)__nvvm_read_ptx_sreg_ctaid_y(); }
static inline void resq_sync_block(void) { __syncthreads(); }

/// The sum of v over the 32 lanes of a warp, in every lane, the same bits in each.
static inline float resq_warp_sum(float v) {
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2)
    v += __nvvm_shfl_sync_bfly_f32(0xffffffffu, v, distance, RESQ_WARP - 1);
  return v;
}

#endif // RESQ_KERNELS_NVPTX_DEVICE_H
