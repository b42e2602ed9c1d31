//===-- text_scan.h - is this MLIR text safe to hand to the parser? -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_TEXT_SCAN_H
#define RESQ_DIALECT_IMPORT_TEXT_SCAN_H

#include "base/error.h"
#include <stdint.h>

#define RESQ_TEXT_MAX_DEPTH 256 ///< brackets inside each other; signs and operators in a row
#define RESQ_TEXT_MAX_ALIASES 1024

/// MLIR's parser recurses on brackets and on operators of affine expressions, and its printer on attributes inside each
/// other, which aliases can pile up without a bracket. Refuses text that would take either too deep; `path` is for messages.
/// Everything else that is wrong with the text is the parser's to say.
bool resq_text_scan(const char *data, uint64_t size, const char *path, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_TEXT_SCAN_H
