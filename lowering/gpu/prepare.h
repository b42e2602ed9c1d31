//===-- prepare.h - parameters that a GPU's kernels read in their own form -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Some kernels read a parameter in another form than that of the file (resq_gpu_plan.recoded). It is changed in place,
// once, when a session has its parameters on the device, by the launches of a function of the module:
//   func.func private @prepare__cuda__<chip>() { resq.launch ... ; return }
// which becomes the prepare list of the chip's image. A parameter that several calls read is there once.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPU_PREPARE_H
#define RESQ_LOWERING_GPU_PREPARE_H

#include "launch_plan.h"
#include "lowering/support/levels.h"

/// For a call that is about to become a launch of that plan: launches for the parameters that it reads recoded, unless they
/// are there. An error at the call's op where it reads a parameter in one form and another call in the other.
void resq_prepare_params(const resq_kernel_call *k, const resq_gpu_lowering *how,
                         const resq_gpu_plan *plan, MlirOperation kernels);

/// The prepare list of a module that was lowered for the chip, in `memory`: empty where nothing is to be prepared.
resq_gpu_launches resq_prepare_launches(MlirOperation module, const resq_gpu_target *chip,
                                        resq_arena *memory);

#endif // RESQ_LOWERING_GPU_PREPARE_H
