//===-- text_scan.h - is this MLIR text safe to hand to the parser? -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_TEXT_SCAN_H
#define RESQ_DIALECT_IMPORT_TEXT_SCAN_H

#include "base/error.h"
#include <stdint.h>

#define RESQ_TEXT_MAX_DEPTH                                                                        \
  256 ///< brackets inside each other, aliases counted in; operators in a row
#define RESQ_TEXT_MAX_ALIASES (1u << 16)
#define RESQ_TEXT_MAX_EXPANSION (1u << 20) ///< aliases that an alias stands for, all in all

/// MLIR's parser recurses on brackets and on operators of affine expressions; its verifier and printer recurse on attributes
/// inside each other, which aliases can pile up without a bracket and double at each step. Refuses text that would take
/// them too deep or too long; `path` is for messages. Everything else that is wrong with a text is the parser's to say.
bool resq_text_scan(const char *data, uint64_t size, const char *path, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_TEXT_SCAN_H
