//===-- tokenizer_tables.h - the tokens and merges of a tokenizer.json ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_TABLES_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_TABLES_H

#include "dialect/import/checkpoint/checkpoint.h"
#include "dialect/import/huggingface/json_reader.h"

/// Fills tokens, types and merges of out->source, and out->storage, which their texts are in. The vocabulary
/// has n_tokens ids, as the model's embedding has rows: those without a token are "[PAD<id>]" and unused.
/// Special added tokens become control tokens, the others user-defined ones.
bool resq_tokenizer_tables_read(const resq_json_reader *root, int64_t n_tokens, bool normalizes,
                                resq_checkpoint_tokenizer *out);

/// The id of a token; -1 when there is none.
int64_t resq_tokenizer_tables_find(const resq_tokenizer_source *source, const char *text);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_TABLES_H
