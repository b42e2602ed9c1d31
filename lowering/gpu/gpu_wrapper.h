//===-- gpu_wrapper.h - kernels of a gpu.module ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A wrapper is a kernel that a launch can name: it calls a microkernel of runtime/kernels/nvptx with its constants,
// null pointers and constant arrays in place, and takes the rest, pointers and int64_t, as arguments; or it calls those of a
// group (group.h) for a unit, which its block's number says. Its name says all that is inside, or is made of it, so that
// equal ones of all functions are one.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPU_WRAPPER_H
#define RESQ_LOWERING_GPU_WRAPPER_H

#include "group.h"
#include "lowering/support/levels.h"

/// What the wrapper of a call takes of it.
typedef struct resq_gpu_wrapper {
  MlirAttribute symbol; ///< @<chip>::@<wrapper>
  bool takes_scratch;   ///< a pointer to the plan's scratch bytes comes last
} resq_gpu_wrapper;

/// True of an argument that the wrapper has inside.
bool resq_gpu_is_inside(const resq_actual *a);

/// The wrapper for a call, made in the chip's gpu_module where it is not there yet: a gpu.func kernel, of an emulated chip
/// a func.func.
resq_gpu_wrapper resq_gpu_wrapper_of(const resq_kernel_call *k, const resq_gpu_target *chip,
                                     const resq_gpu_plan *plan, MlirOperation gpu_module);

/// The same for a group: it takes what each of its calls, in their order, has outside. The symbol.
MlirAttribute resq_gpu_group_wrapper(const resq_group *g, const resq_group_shape *shape,
                                     const resq_gpu_target *chip, MlirOperation gpu_module);

#endif // RESQ_LOWERING_GPU_WRAPPER_H
