//===-- launch.h - the GPU as a device of the walk ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_LAUNCH_H
#define RESQ_LOWERING_GPU_LAUNCH_H

#include "lowering/calls/emit.h"
#include "resq/abi.h"

extern const lower_device gpu_device;

/// The words for argument kinds in resq.launches, by resq_gpu_arg_kind; NULL ends them.
extern const char *const gpu_arg_words[];

#endif // RESQ_LOWERING_GPU_LAUNCH_H
