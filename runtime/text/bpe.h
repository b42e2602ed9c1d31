//===-- bpe.h - merging byte pairs by rank --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Repeatedly merges the pair of lowest rank, the leftmost of equals, as Hugging
// Face's BPE does; O(n log n) in the length of a piece.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_BPE_H
#define RESQ_TEXT_BPE_H

#include "base/error.h"
#include <stdint.h>

/// One slot of the merge table.
typedef struct resq_bpe_merge {
  uint32_t left, right; ///< token ids; left UINT32_MAX: a free slot
  uint32_t rank;        ///< lower merges first
  uint32_t result;      ///< token id
} resq_bpe_merge;

typedef struct resq_bpe {
  const resq_bpe_merge *merges;
  uint64_t mask;           ///< slots - 1
  const uint32_t *singles; ///< [256] byte to token, UINT32_MAX for none
  int64_t unknown;         ///< token of a byte without one; -1: dropped
} resq_bpe;

/// First slot to probe for a pair; the format of the table.
static inline uint64_t resq_bpe_hash(uint32_t left, uint32_t right) {
  uint64_t key = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15ull;
  return key ^ key >> 29;
}

/// The merge of a pair, NULL for none.
const resq_bpe_merge *resq_bpe_find(const resq_bpe *bpe, uint32_t left, uint32_t right);

typedef struct resq_bpe_symbol {
  uint32_t id;
  int32_t previous, next; ///< -1: none
} resq_bpe_symbol;

typedef struct resq_bpe_candidate {
  uint32_t rank, left, right,
      result; ///< left: index of a symbol; right: the id that stood after it
  uint32_t left_id;
} resq_bpe_candidate;

/// Memory kept from piece to piece. Zero-initialise; release with resq_bpe_scratch_free.
typedef struct resq_bpe_scratch {
  resq_bpe_symbol *symbols;
  size_t symbol_capacity;
  resq_bpe_candidate *heap;
  size_t heap_size, heap_capacity;
} resq_bpe_scratch;

void resq_bpe_scratch_free(resq_bpe_scratch *scratch);

/// Encodes one piece (at most 2^31 - 1 bytes) into out_ids, which has room for `size` ids.
bool resq_bpe_encode(const resq_bpe *bpe, resq_bpe_scratch *scratch, const char *piece, size_t size,
                     int32_t *out_ids, size_t *out_count, resq_error *err);

#endif // RESQ_TEXT_BPE_H
