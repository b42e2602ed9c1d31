//===-- backend.h - LLVM: target machines, optimization, emission ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything here is the same for CPUs and GPUs: what differs between them is in the resq_target,
// a row of a table, and in the functions of the module (kernel_library.h).
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_BACKEND_H
#define RESQ_LOWERING_BACKEND_H

#include "base/error.h"
#include "lowering/support/levels.h"
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Types.h>
#include <stdint.h>

/// Bytes owned by the holder; freed with resq_bytes_free.
typedef struct resq_bytes {
  uint8_t *data;
  size_t size;
} resq_bytes;
void resq_bytes_free(resq_bytes *bytes);

/// What comes out. Assembly of a GPU is PTX.
typedef enum resq_object_form {
  RESQ_OBJECT_LLVM,
  RESQ_OBJECT_ASSEMBLY,
  RESQ_OBJECT_CODE
} resq_object_form;

/// A machine for the target; the caller disposes of it. NULL after an error.
LLVMTargetMachineRef resq_backend_machine(const resq_target *target, resq_error *err);

/// Gives the module the target's triple and data layout.
void resq_backend_set_layout(LLVMModuleRef module, const resq_target *target,
                             LLVMTargetMachineRef machine);

/// Runs LLVM's O3 for the machine's target.
bool resq_backend_optimize(LLVMModuleRef module, const resq_target *target,
                           LLVMTargetMachineRef machine, resq_error *err);

/// Appends the module's code to `out`, with a NUL behind it that is not counted.
bool resq_backend_emit(LLVMModuleRef module, const resq_target *target,
                       LLVMTargetMachineRef machine, resq_object_form form, resq_bytes *out,
                       resq_error *err);

/// The whole way of a translated module whose entries are marked (kernel_library.h): layout, the
/// target's kernels, optimization, emission. Appends to `out`.
bool resq_backend_compile(LLVMModuleRef module, const resq_target *target, resq_object_form form,
                          resq_bytes *out, resq_error *err);

#endif // RESQ_LOWERING_BACKEND_H
