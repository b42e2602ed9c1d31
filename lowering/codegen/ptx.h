//===-- ptx.h - gpu.modules to PTX ----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CODEGEN_PTX_H
#define RESQ_LOWERING_CODEGEN_PTX_H

#include "backend.h"
#include "mlir-c/IR.h"
#include "lowering/entries/entry.h"

/// Compiles the gpu.modules that resq_lower_gpu left in `modules`, for each of resq_gpu_targets: one image of all kernels,
/// of which those of one name are one kernel. Microkernels are linked, specialized and inlined into their wrappers.
/// images[resq_n_gpu_targets] point into `memory`; the bodies of the gpu.modules are in the LLVM dialect afterwards.
bool resq_gpu_compile(const MlirOperation *modules, int count, resq_gpu_image *images,
                      resq_arena *memory, resq_error *err);

/// The same for one module and target, as text: PTX, or LLVM IR with RESQ_OBJECT_LLVM.
bool resq_gpu_print(MlirOperation module, const resq_gpu_target *target, resq_object_form form,
                    resq_bytes *out, resq_error *err);

#endif // RESQ_LOWERING_CODEGEN_PTX_H
