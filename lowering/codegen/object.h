//===-- object.h - LLVM-dialect modules to object code --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_OBJECT_H
#define RESQ_LOWERING_OBJECT_H

#include "base/error.h"
#include "lowering/support/levels.h"
#include "mlir-c/IR.h"
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Types.h>
#include <stdint.h>

/// Bytes owned by the holder; freed with resq_bytes_free.
typedef struct resq_bytes {
  uint8_t *data;
  size_t size;
} resq_bytes;
void resq_bytes_free(resq_bytes *bytes);

/// What comes out.
typedef enum resq_object_form {
  RESQ_OBJECT_LLVM,
  RESQ_OBJECT_ASSEMBLY,
  RESQ_OBJECT_CODE
} resq_object_form;

/// LLVM IR on its way to an object, in a context of its own: threads compile several at a time.
typedef struct resq_object_source {
  const resq_level *level;
  LLVMContextRef context;
  LLVMModuleRef module;
} resq_object_source;

/// Lowers what --resq-lower-cpu left (func, arith, llvm) to the LLVM dialect and translates it. Several
/// modules (entries of one level) become one object, in which they share their specialised kernels.
bool resq_object_translate(const MlirOperation *modules, int count, const resq_level *level,
                           resq_object_source *source, resq_error *err);

/// Links the level's kernels in, specialises, optimises and emits. Entries stay visible. Takes the
/// source, after an error, too; any thread may call it.
bool resq_object_compile(resq_object_source *source, resq_object_form form, resq_bytes *out,
                         resq_error *err);
void resq_object_discard(resq_object_source *source);

/// Both, of one module.
bool resq_object_emit(MlirOperation module, const resq_level *level, resq_object_form form,
                      resq_bytes *out, resq_error *err);

/// Runs LLVM's O3 for the machine's target. `what` begins the message of an error.
bool resq_object_optimise(LLVMModuleRef module, LLVMTargetMachineRef machine, const char *what,
                          resq_error *err);

/// Object code of an LLVM module as it stands.
bool resq_object_from_llvm(LLVMModuleRef module, const resq_level *level, resq_bytes *out,
                           resq_error *err);

#endif // RESQ_LOWERING_OBJECT_H
