//===-- decoder_module.h - a decoder model as a resq module ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All importers of decoder models meet here: each reads and checks a configuration of its own
// format, and one builder makes the module from it.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_DECODER_MODULE_H
#define RESQ_DIALECT_IMPORT_DECODER_MODULE_H

#include "dialect/import/checkpoint/decoder_config.h"
#include "dialect/ops.h"
#include "mlir-c/IR.h"

#include <xxhash.h>

/// What a module is made from. The builder keeps no pointer into it.
typedef struct resq_decoder_source {
  const char *path;
  resq_checkpoint_format format;
  XXH128_hash_t digest; ///< of the contents: results that are cached under it are of no other's
  const resq_checkpoint
      *checkpoint; ///< where tensors and the tokenizer are; NULL: a shape, which has neither
  resq_decoder_config config;
} resq_decoder_source;

/// The module that resq_import_checkpoint (import.h) describes. A null module after an error.
MlirModule resq_decoder_module(MlirContext ctx, const resq_decoder_source *source, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_DECODER_MODULE_H
