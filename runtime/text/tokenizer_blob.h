//===-- tokenizer_blob.h - the bytes that build writes and open reads -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text. Little-endian; every section starts at a multiple of 8.
// Both hash tables use open addressing with linear probing and are at most half full.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_TOKENIZER_BLOB_H
#define RESQ_TEXT_TOKENIZER_BLOB_H

#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/specials.h"
#include "text/tokenizer.h"

#define RESQ_TOKENIZER_MAGIC 0x316B6F7451534552ull /* "RESQtok1" */
#define RESQ_TOKENIZER_VERSION 2u
#define RESQ_TOKENIZER_MAX_TOKENS ((int64_t)1 << 24)
/// Longest token, in bytes.
#define RESQ_TOKENIZER_MAX_TOKEN_BYTES 65535u
#define RESQ_TOKENIZER_EMPTY UINT32_MAX

/// What kind of token an id is (GGUF's numbers).
enum {
  RESQ_TOKEN_NORMAL = 1,
  RESQ_TOKEN_UNKNOWN = 2,
  RESQ_TOKEN_CONTROL = 3,
  RESQ_TOKEN_USER = 4,
  RESQ_TOKEN_UNUSED = 5,
  RESQ_TOKEN_BYTE = 6,
};

typedef struct resq_tokenizer_section {
  uint64_t offset, count; ///< bytes from the blob's start; elements
} resq_tokenizer_section;

typedef struct resq_tokenizer_header {
  uint64_t magic;
  uint32_t version;
  uint32_t add_bos; ///< 0 or 1
  int64_t bos, eos; ///< -1: none
  int64_t unknown;  ///< token of a byte that has none; -1: such bytes are dropped
  uint64_t n_tokens;
  resq_tokenizer_section starts;  ///< u32[n_tokens + 1] into bytes
  resq_tokenizer_section bytes;   ///< u8
  resq_tokenizer_section kinds;   ///< u8[n_tokens]
  resq_tokenizer_section singles; ///< u32[256]: byte to id, EMPTY for none
  resq_tokenizer_section merges;  ///< resq_bpe_merge[power of two]; left == EMPTY: free
  resq_tokenizer_section lookup;  ///< u32[power of two]: ids by hash of bytes; normal tokens only
  resq_tokenizer_section
      specials;                ///< u32: control and user-defined ids, in the order of specials.h
  resq_tokenizer_section ends; ///< u32: ids that end a generation, ascending
  resq_tokenizer_section pre;  ///< NUL-terminated name; count includes the NUL
  resq_tokenizer_section chat; ///< NUL-terminated chat template; count includes the NUL
} resq_tokenizer_header;

static inline bool resq_token_is_special(uint8_t kind) {
  return kind == RESQ_TOKEN_CONTROL || kind == RESQ_TOKEN_USER;
}

/// Hash of a token's bytes, part of the format.
uint64_t resq_tokenizer_hash(const char *data, size_t size);

/// Order by bytes, shorter first.
int resq_text_compare(resq_text a, resq_text b);

/// An open blob: pointers into it, all checked.
struct resq_tokenizer {
  const resq_tokenizer_header *header;
  const uint32_t *starts;
  const char *bytes;
  const uint8_t *kinds;
  const uint32_t *lookup;
  const uint32_t *special_ids;
  const char *chat;
  resq_bpe bpe;
  resq_pretokenizer *pre;
  resq_specials specials;
  const uint32_t *ends; ///< ids that end a generation
};

/// Id of a normal token with exactly these bytes, -1 for none.
int32_t resq_tokenizer_find(const resq_tokenizer *t, const char *data, size_t size);

#endif // RESQ_TEXT_TOKENIZER_BLOB_H
