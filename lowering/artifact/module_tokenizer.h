//===-- module_tokenizer.h - the tokenizer blob of a module ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_MODULE_TOKENIZER_H
#define RESQ_LOWERING_MODULE_TOKENIZER_H

#include "base/error.h"
#include "dialect/import/checkpoints.h"
#include "mlir-c/IR.h"
#include <stdint.h>

/// Who hears what a tokenizer's file leaves open.
typedef struct resq_tokenizer_warnings {
  void (*say)(void *user, const char *text);
  void *user;
  bool pretokenizer_chosen; ///< --pre-tokenizer was given: that the file names none is no news
} resq_tokenizer_warnings;

/// Puts a pre-tokenizer in place of the one that the file names, with what its name means for BOS
/// where the file does not say. A name that is not known, or a module without a tokenizer, is a
/// usage error.
bool resq_module_set_pretokenizer(MlirOperation module, const char *name,
                                  resq_checkpoints *checkpoints, resq_error *err);

/// Tables from the checkpoint that the module's resq.tokenizer names, rules (pre-tokenizer, special
/// ids, chat template) from the op. *out_blob is malloc'ed, NULL with true when the module has no
/// tokenizer. `warnings` may be NULL.
bool resq_module_tokenizer(MlirOperation module, resq_checkpoints *checkpoints,
                           const resq_tokenizer_warnings *warnings, uint8_t **out_blob,
                           uint64_t *out_size, resq_error *err);

#endif // RESQ_LOWERING_MODULE_TOKENIZER_H
