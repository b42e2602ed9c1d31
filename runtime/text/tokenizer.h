//===-- tokenizer.h - byte-level BPE over one read-only blob --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler builds a blob from checkpoint metadata (resq_tokenizer_build); the
// artifact carries it as a section; the binary opens it in place. Semantics are
// those of Hugging Face tokenizer.json for byte-level BPE (GPT-2 lineage).
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_TOKENIZER_H
#define RESQ_TEXT_TOKENIZER_H

#include "base/error.h"
#include <stdint.h>

typedef struct resq_text {
  const char *data;
  size_t size;
} resq_text;

/// What the building of a tokenizer overlooked.
typedef struct resq_tokenizer_notes {
  int64_t ignored_merges;      ///< merges whose sides or result are no tokens
  int64_t first_ignored_merge; ///< index of the first of them; -1: none
} resq_tokenizer_notes;

/// What a checkpoint says. token_types (GGUF): 0 undefined (as 1), 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte.
typedef struct resq_tokenizer_source {
  const resq_text *tokens;    ///< [n_tokens], byte-level alphabet (Ġ for space)
  const int32_t *token_types; ///< [n_tokens] or NULL
  int64_t n_tokens;
  const resq_text *merges; ///< [n_merges] "left right", best first
  int64_t n_merges;
  const char *pre;           ///< pre-tokenizer, a name of pretokenizers.def
  const char *chat_template; ///< Jinja text, "" for none
  int64_t bos, eos;          ///< -1: none
  bool add_bos;
  const int32_t *ends; ///< [n_ends] further ids that end a generation
  int64_t n_ends;
  resq_tokenizer_notes *notes; ///< NULL, or filled by resq_tokenizer_build
} resq_tokenizer_source;

/// Blob bytes (malloc), deterministic. Refuses: unknown pre, merges that are not two words, duplicate tokens, ids out of
/// range, more than 2^24 tokens. A merge that names no token is overlooked, and noted.
uint8_t *resq_tokenizer_build(const resq_tokenizer_source *source, uint64_t *out_size,
                              resq_error *err);

typedef struct resq_tokenizer resq_tokenizer;

/// Opens a blob in place (it must outlive the tokenizer); every offset is checked. NULL on failure.
resq_tokenizer *resq_tokenizer_open(const uint8_t *blob, uint64_t size, resq_error *err);
void resq_tokenizer_close(resq_tokenizer *t);

int64_t resq_tokenizer_size(const resq_tokenizer *t);
int64_t resq_tokenizer_bos(const resq_tokenizer *t);
int64_t resq_tokenizer_eos(const resq_tokenizer *t);
bool resq_tokenizer_add_bos(const resq_tokenizer *t);
/// True for ids that end a generation: eos, the source's ends, and tokens named <|im_end|>, <|eot_id|>, <|endoftext|>, ...
/// (tokenizer_ends.c), whatever their type.
bool resq_tokenizer_is_end(const resq_tokenizer *t, int32_t id);
const char *resq_tokenizer_chat_template(const resq_tokenizer *t);

/// Text to ids (malloc'ed *out_ids). `special`: control-token text in the input becomes control tokens (chat
/// templates); otherwise it is plain text. Invalid UTF-8 bytes are encoded as bytes. No BOS is added.
bool resq_tokenizer_encode(const resq_tokenizer *t, resq_text text, bool special, int32_t **out_ids,
                           int64_t *out_count, resq_error *err);

/// Bytes of one token (not NUL-terminated, may be part of a UTF-8 sequence); control tokens give their text.
/// Valid until t closes. An id out of range gives "".
resq_text resq_tokenizer_bytes(const resq_tokenizer *t, int32_t id);
bool resq_tokenizer_is_control(const resq_tokenizer *t, int32_t id);

/// XXH3-64 of what the ids mean: every token's kind and bytes, in order; never 0. Equal for two tokenizers that
/// differ in merges, pre-tokenizer or chat template alone.
uint64_t resq_tokenizer_vocabulary_hash(const resq_tokenizer *t);

#endif // RESQ_TEXT_TOKENIZER_H
