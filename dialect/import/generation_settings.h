//===-- generation_settings.h - what a checkpoint says of sampling --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_GENERATION_SETTINGS_H
#define RESQ_DIALECT_IMPORT_GENERATION_SETTINGS_H

#include "dialect/import/gguf.h"
#include "mlir-c/IR.h"

/// Sets the attribute `resq.generation` of the module from the keys general.sampling.*: a dictionary of f64 with those
/// of temperature, top_k, top_p, min_p, repeat_penalty, repeat_window, xtc_probability and mirostat that the
/// checkpoint has; without any of them, no attribute. An ill-typed value, or one outside of what sampling allows, is
/// refused with its key.
bool resq_import_generation_settings(const resq_gguf *gguf, MlirOperation module, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GENERATION_SETTINGS_H
