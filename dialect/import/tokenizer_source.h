//===-- tokenizer_source.h - what a GGUF file says of its tokenizer -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_TOKENIZER_SOURCE_H
#define RESQ_DIALECT_IMPORT_TOKENIZER_SOURCE_H

#include "dialect/import/gguf.h"

#define RESQ_IMPORT_PRETOKENIZER_KEY "tokenizer.ggml.pre"
#define RESQ_IMPORT_ADD_BOS_KEY "tokenizer.ggml.add_bos_token"
/// What a file without the key gets. It is a guess, so whoever compiles the file says so.
#define RESQ_IMPORT_DEFAULT_PRETOKENIZER "gpt-2"

/// True when the file has a tokenizer at all.
bool resq_import_has_tokenizer(const resq_gguf *gguf);

/// Fills *out from tokenizer.ggml.* and tokenizer.chat_template. Tokens and merges are views into the file, so the source
/// must not outlive `gguf`; arrays and strings are the source's own. On failure *out is empty.
bool resq_import_tokenizer_source(const resq_gguf *gguf, resq_tokenizer_source *out,
                                  resq_error *err);
/// Frees what import allocated and empties *source.
void resq_import_tokenizer_source_free(resq_tokenizer_source *source);

#endif // RESQ_DIALECT_IMPORT_TOKENIZER_SOURCE_H
