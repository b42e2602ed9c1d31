//===-- object.h - LLVM-dialect modules to object code --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_OBJECT_H
#define RESQ_LOWERING_OBJECT_H

#include "base/error.h"
#include "lowering/levels.h"
#include "mlir-c/IR.h"
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

/// Lowers what --resq-lower-cpu left (func, arith, llvm) to the LLVM dialect, translates it, links
/// the level's kernels in, specialises, optimises and emits. Functions with a `resq.function`
/// attribute stay visible. Several modules (entries of one level) become one object, in which they
/// share their specialised kernels.
bool resq_object_emit(const MlirOperation *modules, int count, const resq_level *level, resq_object_form form,
                      resq_bytes *out, resq_error *err);

/// Object code of an LLVM module as it stands.
bool resq_object_from_llvm(LLVMModuleRef module, const resq_level *level, resq_bytes *out,
                           resq_error *err);

#endif // RESQ_LOWERING_OBJECT_H
