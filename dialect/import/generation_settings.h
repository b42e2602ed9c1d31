//===-- generation_settings.h - what a checkpoint says of sampling --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_GENERATION_SETTINGS_H
#define RESQ_DIALECT_IMPORT_GENERATION_SETTINGS_H

#include "dialect/import/checkpoint/checkpoint.h"
#include "mlir-c/IR.h"

/// Sets the attribute `resq.generation` of the module: a dictionary of f64 with those of the settings of
/// text/generation_settings.def that the checkpoint has; without any of them, no attribute. An
/// ill-typed value, or one outside of what sampling allows, is refused with its key.
bool resq_import_generation_settings(const resq_checkpoint *checkpoint, MlirOperation module,
                                     resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GENERATION_SETTINGS_H
