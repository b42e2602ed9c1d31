//===-- bpe.c - merging byte pairs by rank --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Symbols form a doubly linked list over an array; candidate merges sit in a binary
// heap and are checked when popped, since a neighbour may have been merged since.
//===----------------------------------------------------------------------===//
#include "text/bpe.h"

#include <stdlib.h>

const resq_bpe_merge *resq_bpe_find(const resq_bpe *bpe, uint32_t left, uint32_t right) {
  uint64_t slot = resq_bpe_hash(left, right) & bpe->mask;
  for (;; slot = (slot + 1) & bpe->mask) {
    const resq_bpe_merge *merge = &bpe->merges[slot];
    if (merge->left == left && merge->right == right)
      return merge;
    if (merge->left == UINT32_MAX)
      return NULL;
  }
}

void resq_bpe_scratch_free(resq_bpe_scratch *scratch) {
  free(scratch->symbols);
  free(scratch->heap);
  *scratch = (resq_bpe_scratch){0};
}

static bool before(const resq_bpe_candidate *a, const resq_bpe_candidate *b) {
  return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static bool push(resq_bpe_scratch *s, resq_bpe_candidate c, resq_error *err) {
  if (s->heap_size == s->heap_capacity) {
    size_t capacity = s->heap_capacity ? 2 * s->heap_capacity : 64;
    resq_bpe_candidate *grown = realloc(s->heap, capacity * sizeof *grown);
    if (!grown)
      return resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory for %zu merges", capacity);
    s->heap = grown;
    s->heap_capacity = capacity;
  }
  size_t at = s->heap_size++;
  while (at > 0 && before(&c, &s->heap[(at - 1) / 2])) {
    s->heap[at] = s->heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  s->heap[at] = c;
  return true;
}

static resq_bpe_candidate pop(resq_bpe_scratch *s) {
  resq_bpe_candidate top = s->heap[0], last = s->heap[--s->heap_size];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= s->heap_size)
      break;
    if (child + 1 < s->heap_size && before(&s->heap[child + 1], &s->heap[child]))
      ++child;
    if (!before(&s->heap[child], &last))
      break;
    s->heap[at] = s->heap[child];
    at = child;
  }
  s->heap[at] = last;
  return top;
}

/// Offers the merge of symbol `left` with the one after it, if there is one.
static bool offer(const resq_bpe *bpe, resq_bpe_scratch *s, int32_t left, resq_error *err) {
  if (left < 0 || s->symbols[left].next < 0)
    return true;
  uint32_t left_id = s->symbols[left].id;
  uint32_t right_id = s->symbols[s->symbols[left].next].id;
  const resq_bpe_merge *merge = resq_bpe_find(bpe, left_id, right_id);
  if (!merge)
    return true;
  return push(s,
              (resq_bpe_candidate){.rank = merge->rank,
                                   .left = (uint32_t)left,
                                   .right = right_id,
                                   .result = merge->result,
                                   .left_id = left_id},
              err);
}

/// Bytes to symbols; returns their number. Bytes without a token become `unknown` or vanish, as in
/// the original.
static size_t fill_symbols(const resq_bpe *bpe, resq_bpe_symbol *symbols, const char *piece,
                           size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; ++i) {
    uint32_t id = bpe->singles[(unsigned char)piece[i]];
    if (id == UINT32_MAX) {
      if (bpe->unknown < 0)
        continue;
      id = (uint32_t)bpe->unknown;
    }
    symbols[count] = (resq_bpe_symbol){id, (int32_t)count - 1, (int32_t)count + 1};
    ++count;
  }
  if (count)
    symbols[count - 1].next = -1;
  return count;
}

static bool merge_all(const resq_bpe *bpe, resq_bpe_scratch *s, resq_error *err) {
  resq_bpe_symbol *symbols = s->symbols;
  while (s->heap_size) {
    resq_bpe_candidate c = pop(s);
    resq_bpe_symbol *left = &symbols[c.left];
    // A symbol merged away has id UINT32_MAX, which no candidate names.
    if (left->id != c.left_id || left->next < 0 || symbols[left->next].id != c.right)
      continue;
    resq_bpe_symbol *right = &symbols[left->next];
    left->id = c.result;
    left->next = right->next;
    right->id = UINT32_MAX;
    if (left->next >= 0)
      symbols[left->next].previous = (int32_t)c.left;
    if (!offer(bpe, s, left->previous, err) || !offer(bpe, s, (int32_t)c.left, err))
      return false;
  }
  return true;
}

bool resq_bpe_encode(const resq_bpe *bpe, resq_bpe_scratch *s, const char *piece, size_t size,
                     int32_t *out_ids, size_t *out_count, resq_error *err) {
  *out_count = 0;
  if (size > INT32_MAX)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "tokenizer: a piece of %zu bytes; at most 2^31 - 1 are allowed", size);
  if (s->symbol_capacity < size) {
    size_t capacity = size < 64 ? 64 : size;
    resq_bpe_symbol *grown = realloc(s->symbols, capacity * sizeof *grown);
    if (!grown)
      return resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory for a piece of %zu bytes", size);
    s->symbols = grown;
    s->symbol_capacity = capacity;
  }
  size_t count = fill_symbols(bpe, s->symbols, piece, size);
  s->heap_size = 0;
  for (size_t i = 0; i + 1 < count; ++i)
    if (!offer(bpe, s, (int32_t)i, err))
      return false;
  if (!merge_all(bpe, s, err))
    return false;
  for (int32_t i = count ? 0 : -1; i >= 0; i = s->symbols[i].next)
    out_ids[(*out_count)++] = (int32_t)s->symbols[i].id;
  return true;
}
