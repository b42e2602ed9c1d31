//===-- gguf_checkpoint.h - GGUF files as a checkpoint --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_GGUF_CHECKPOINT_H
#define RESQ_DIALECT_IMPORT_GGUF_CHECKPOINT_H

#include "dialect/import/checkpoint/checkpoint.h"

/// True for bytes that begin as a GGUF file does.
bool resq_gguf_recognize(const uint8_t *data, uint64_t size);

/// A GGUF file, or all parts of a split one, of which any may be given. NULL after filling err.
resq_checkpoint *resq_gguf_checkpoint_open(const char *path, resq_error *err);

/// One file's bytes, which outlive the checkpoint; `path` names them in messages. For tests.
resq_checkpoint *resq_gguf_checkpoint_parse(const void *data, uint64_t size, const char *path,
                                            resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GGUF_CHECKPOINT_H
