//===-- module_tokenizer.h - the tokenizer blob of a module ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_MODULE_TOKENIZER_H
#define RESQ_LOWERING_MODULE_TOKENIZER_H

#include "base/error.h"
#include "mlir-c/IR.h"
#include <stdint.h>

/// Tables from the checkpoint that the module's resq.tokenizer names, rules (pre-tokenizer, special
/// ids, chat template) from the op. *out_blob is malloc'ed, NULL with true when the module has no
/// tokenizer.
bool resq_module_tokenizer(MlirOperation module, uint8_t **out_blob, uint64_t *out_size,
                           resq_error *err);

#endif // RESQ_LOWERING_MODULE_TOKENIZER_H
