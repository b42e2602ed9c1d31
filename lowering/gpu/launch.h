//===-- launch.h - the GPU as a device of the walk ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_LAUNCH_H
#define RESQ_LOWERING_GPU_LAUNCH_H

#include "lowering/calls/emit.h"

extern const lower_device gpu_device;

#endif // RESQ_LOWERING_GPU_LAUNCH_H
