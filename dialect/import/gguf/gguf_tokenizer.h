//===-- gguf_tokenizer.h - what a GGUF file says of its tokenizer ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_GGUF_TOKENIZER_H
#define RESQ_DIALECT_IMPORT_GGUF_TOKENIZER_H

#include "dialect/import/checkpoint/checkpoint.h"
#include "dialect/import/gguf/gguf.h"

/// True when the file has a tokenizer at all.
bool resq_gguf_has_tokenizer(const resq_gguf *gguf);

/// Fills *out, which is empty, from tokenizer.ggml.* and tokenizer.chat_template. Tokens and merges are
/// views into the file. On failure the caller frees what is in *out.
bool resq_gguf_tokenizer(const resq_gguf *gguf, resq_checkpoint_tokenizer *out, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GGUF_TOKENIZER_H
