//===-- launch.h - the GPU as a device of the walk ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_LAUNCH_H
#define RESQ_LOWERING_GPU_LAUNCH_H

#include "lowering/calls/frame.h"
#include "lowering/support/levels.h"

/// For that chip: a function becomes a func.func of launches, of kernels in the chip's gpu.module (lower_gpu.h). `how`
/// must outlive the walk.
resq_device resq_gpu_device(const resq_gpu_lowering *how);

/// The launches of such a function as the program table has them, in `memory`.
resq_gpu_launches resq_gpu_launches_of(MlirOperation function, resq_arena *memory);

#endif // RESQ_LOWERING_GPU_LAUNCH_H
