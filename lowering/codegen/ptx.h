//===-- ptx.h - gpu.modules to PTX ----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_PTX_H
#define RESQ_LOWERING_GPU_PTX_H

#include "backend.h"
#include "mlir-c/IR.h"
#include "lowering/entries/entry.h"

/// Compiles the gpu.module that resq_lower_gpu left in `module` for each entry, for every target:
/// microkernels are linked, specialised and inlined into their wrappers. Each entry gets its images;
/// the bodies of the gpu.modules are in the LLVM dialect afterwards.
bool resq_gpu_compile(MlirOperation module, resq_entries *entries, resq_error *err);

/// The same for one target, as text, one function after the other: PTX, or LLVM IR with
/// RESQ_OBJECT_LLVM.
bool resq_gpu_print(MlirOperation module, const resq_entries *entries,
                    const resq_gpu_target *target, resq_object_form form, resq_bytes *out,
                    resq_error *err);

#endif // RESQ_LOWERING_GPU_PTX_H
