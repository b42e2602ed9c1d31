//===-- object.h - lowered modules to object code -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_OBJECT_H
#define RESQ_LOWERING_OBJECT_H

#include "backend.h"
#include "mlir-c/IR.h"

/// LLVM IR on its way to an object, in a context of its own: threads compile several at a time.
typedef struct resq_object_source {
  const resq_target *target;
  LLVMContextRef context;
  LLVMModuleRef module;
} resq_object_source;

/// Lowers what --resq-lower-cpu left (func, arith, llvm) to the LLVM dialect and translates it.
/// Entries are the public functions with a body. Several modules (entries of one level) become one
/// object, in which they share their specialized kernels.
bool resq_object_translate(const MlirOperation *modules, int count, const resq_level *level,
                           resq_object_source *source, resq_error *err);

/// Links the target's kernels in, specializes, optimizes and emits. Entries stay visible. Takes the
/// source, after an error, too; any thread may call it.
bool resq_object_compile(resq_object_source *source, resq_object_form form, resq_bytes *out,
                         resq_error *err);
void resq_object_discard(resq_object_source *source);

/// Both, of one module.
bool resq_object_emit(MlirOperation module, const resq_level *level, resq_object_form form,
                      resq_bytes *out, resq_error *err);

/// Object code of an LLVM module as it stands: data, without kernels.
bool resq_object_from_llvm(LLVMModuleRef module, const resq_level *level, resq_bytes *out,
                           resq_error *err);

#endif // RESQ_LOWERING_OBJECT_H
