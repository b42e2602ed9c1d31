//===-- targets.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chips are those of cmake/ResqKernels.cmake. sm_80 runs on all later ones; sm_90a has what
// Hopper alone has (wgmma, setmaxnreg).
//===----------------------------------------------------------------------===//
#include "targets.h"

extern const unsigned char resq_kernels_cuda_sm_80[], resq_kernels_cuda_sm_80_end[];
extern const unsigned char resq_kernels_cuda_sm_90a[], resq_kernels_cuda_sm_90a_end[];

const resq_gpu_target resq_gpu_targets[] = {
    {"sm_90a", "+ptx80", 90, true, resq_kernels_cuda_sm_90a, resq_kernels_cuda_sm_90a_end},
    {"sm_80", "+ptx80", 80, false, resq_kernels_cuda_sm_80, resq_kernels_cuda_sm_80_end},
};
const int resq_n_gpu_targets = sizeof resq_gpu_targets / sizeof *resq_gpu_targets;
