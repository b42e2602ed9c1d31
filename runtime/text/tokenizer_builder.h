//===-- tokenizer_builder.h - a tokenizer blob in the making --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_TOKENIZER_BUILDER_H
#define RESQ_TEXT_TOKENIZER_BUILDER_H

#include "text/tokenizer_blob.h"

/// Everything before it is laid out. Arrays are owned.
typedef struct resq_tokenizer_builder {
  const resq_tokenizer_source *source;
  uint8_t *kinds;
  uint32_t *starts;
  char *bytes;
  uint32_t *by_text; ///< hash of the names as the checkpoint spells them
  uint64_t by_text_size;
  uint32_t singles[256];
  resq_bpe_merge *merges;
  uint64_t merges_size;
  uint32_t *lookup;
  uint64_t lookup_size;
  uint32_t *specials;
  uint64_t n_specials;
  uint32_t *ends;
  uint64_t n_ends;
  int64_t unknown;
} resq_tokenizer_builder;

/// Id of the token that the checkpoint spells `text`, -1 for none.
int64_t resq_tokenizer_builder_find(const resq_tokenizer_builder *b, resq_text text);

/// Collects the ids that end a generation, and makes control tokens of those found by name. Needs
/// kinds, by_text and merges.
bool resq_tokenizer_mark_ends(resq_tokenizer_builder *b, resq_error *err);

#endif // RESQ_TEXT_TOKENIZER_BUILDER_H
