//===-- targets.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chips are those of cmake/ResqKernels.cmake. sm_80 runs on all later ones; sm_90a has what
// Hopper alone has (wgmma, setmaxnreg).
//===----------------------------------------------------------------------===//
#include "targets.h"

extern const unsigned char resq_kernels_cuda_sm_80[], resq_kernels_cuda_sm_80_end[];
extern const unsigned char resq_kernels_cuda_sm_90a[], resq_kernels_cuda_sm_90a_end[];

#define TRIPLE "nvptx64-nvidia-cuda"
/// The PTX version that is written: drivers of CUDA 12.0 on read 8.0.
#define FEATURES "+ptx80"
#define KERNELS(chip) resq_kernels_cuda_##chip, resq_kernels_cuda_##chip##_end

const resq_gpu_target resq_gpu_targets[] = {
    {{"sm_90a", true, TRIPLE, "sm_90a", FEATURES, KERNELS(sm_90a)}, 90, true},
    {{"sm_80", true, TRIPLE, "sm_80", FEATURES, KERNELS(sm_80)}, 80, false},
};
const int resq_n_gpu_targets = sizeof resq_gpu_targets / sizeof *resq_gpu_targets;
