//===-- launch_plan.h - the launch that a kernel call becomes -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_LAUNCH_PLAN_H
#define RESQ_LOWERING_GPU_LAUNCH_PLAN_H

#include "kernels/nvptx/plan.h"
#include "lowering/calls/kernel_call.h"
#include "lowering/support/levels.h"

/// The plan of kernels/nvptx/plans.h for a call with all its arguments. Its threads are 0 where there is no variant for a
/// GPU.
resq_gpu_plan resq_launch_plan(const resq_kernel_call *k, const resq_gpu_lowering *how);

#endif // RESQ_LOWERING_GPU_LAUNCH_PLAN_H
