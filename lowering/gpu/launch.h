//===-- launch.h - the GPU as a device of the walk ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_LAUNCH_H
#define RESQ_LOWERING_GPU_LAUNCH_H

#include "lowering/calls/frame.h"

/// A function becomes a gpu.module and its launches: lower_gpu.h.
extern const resq_device resq_gpu_device;

#endif // RESQ_LOWERING_GPU_LAUNCH_H
