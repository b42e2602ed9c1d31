//===-- variant.h - a module lowered for one level and size of calls ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CODEGEN_VARIANT_H
#define RESQ_LOWERING_CODEGEN_VARIANT_H

#include "base/error.h"
#include "lowering/entries/entry.h"
#include "lowering/support/levels.h"

/// A copy of the module as code of one level, for calls of up to so many rows, and what the lowering says of it.
typedef struct resq_variant {
  MlirOperation module;
  resq_entries entries;
} resq_variant;

/// The module, which stays as it is, lowered for a level, at level cuda as `gpu` says. False after an error, with nothing to
/// be freed; what the lowering complains about is the error.
bool resq_variant_lower(MlirOperation module, const resq_level *level, const resq_gpu_lowering *gpu,
                        int64_t rows, resq_variant *out, resq_error *err);
void resq_variant_free(resq_variant *variant);

#endif // RESQ_LOWERING_CODEGEN_VARIANT_H
