//===-- tokenizer_stages.h - what a tokenizer.json does to a text ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_STAGES_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_STAGES_H

#include "dialect/import/huggingface/json_reader.h"

typedef struct resq_tokenizer_stages {
  const char *pre;      ///< a name of runtime/text/pretokenizers.def
  bool normalizes;      ///< text is brought to normal form C first
  int64_t template_bos; ///< the token that the post-processor puts first; -1: none
} resq_tokenizer_stages;

/// Reads normalizer, pre_tokenizer, post_processor and decoder of a tokenizer.json, and ignore_merges of its
/// model. A stage that resq does not compute is refused by its name.
bool resq_tokenizer_stages_read(const resq_json_reader *root, resq_tokenizer_stages *out);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_STAGES_H
