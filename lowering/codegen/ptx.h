//===-- ptx.h - gpu.modules to PTX ----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_GPU_PTX_H
#define RESQ_LOWERING_GPU_PTX_H

#include "backend.h"
#include "mlir-c/IR.h"

/// Compiles every gpu.module that --resq-lower-gpu left in `module` for every target: microkernels
/// are linked, specialised and inlined into their wrappers. Each gpu.module gets its resq.images;
/// their bodies are in the LLVM dialect afterwards.
bool resq_gpu_compile(MlirOperation module, resq_error *err);

/// The same for one target, as text, one function after the other: PTX, or LLVM IR with
/// RESQ_OBJECT_LLVM.
bool resq_gpu_print(MlirOperation module, const resq_gpu_target *target, resq_object_form form,
                    resq_bytes *out, resq_error *err);

#endif // RESQ_LOWERING_GPU_PTX_H
