//===-- encode.c - text to token ids --------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Special tokens cut the text first (leftmost, longest), then, where the checkpoint asks
// for it, Unicode normalization, then the pre-tokenizer, then BPE within each piece.
// The regex needs well-formed UTF-8: a run of bytes that are not is a piece of its own,
// and what stands on its two sides is cut as if each were a whole text.
//===----------------------------------------------------------------------===//
#include "text/normalize.h"
#include "text/tokenizer_blob.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

/// A piece seen before and where its ids stand in the output: words repeat, so most pieces cost one
/// probe.
typedef struct cached {
  const char *piece;
  uint32_t size, n_ids;
  int64_t first;
} cached;

enum { CACHE_SLOTS = 1 << 14, CACHE_MIN_TEXT = 4096, CACHE_MAX_PIECE = 64 };

typedef struct encoder {
  const resq_tokenizer *t;
  bool special;
  resq_pieces pieces;
  resq_bpe_scratch scratch;
  cached *cache;     ///< NULL for short texts
  char **normalized; ///< buffers that cached pieces may point into
  size_t n_normalized, normalized_capacity;
  int32_t *ids;
  size_t count, capacity;
  resq_error *err;
} encoder;

static bool no_memory(encoder *e) {
  return resq_fail(e->err, RESQ_NO_MEMORY, "tokenizer: no memory to encode");
}

static bool reserve(encoder *e, size_t more) {
  if (more <= e->capacity - e->count)
    return true;
  size_t capacity = e->capacity * 2 > e->count + more ? e->capacity * 2 : e->count + more;
  int32_t *grown = realloc(e->ids, capacity * sizeof *grown);
  if (!grown)
    return no_memory(e);
  e->ids = grown;
  e->capacity = capacity;
  return true;
}

static bool build_piece(encoder *e, const char *piece, size_t size) {
  int32_t whole = -1;
  if (resq_pretokenizer_whole_pieces(e->t->pre))
    whole = resq_tokenizer_find(e->t, piece, size);
  if (whole >= 0) {
    e->ids[e->count++] = whole;
    return true;
  }
  size_t count;
  if (!resq_bpe_encode(&e->t->bpe, &e->scratch, piece, size, e->ids + e->count, &count, e->err))
    return false;
  e->count += count;
  return true;
}

static bool encode_piece(encoder *e, const char *piece, size_t size) {
  if (!reserve(e, size))
    return false;
  if (!e->cache || size > CACHE_MAX_PIECE)
    return build_piece(e, piece, size);
  cached *slot = &e->cache[resq_tokenizer_hash(piece, size) % CACHE_SLOTS];
  if (slot->piece && slot->size == size && memcmp(slot->piece, piece, size) == 0) {
    memcpy(e->ids + e->count, e->ids + slot->first, slot->n_ids * sizeof *e->ids);
    e->count += slot->n_ids;
    return true;
  }
  size_t first = e->count;
  if (!build_piece(e, piece, size))
    return false;
  *slot = (cached){piece, (uint32_t)size, (uint32_t)(e->count - first), (int64_t)first};
  return true;
}

/// Text in normal form C, kept until the end of the call. *text is left alone when it has no byte
/// above 0x7F.
static bool normalize(encoder *e, resq_text *text) {
  size_t at = 0;
  while (at < text->size && (unsigned char)text->data[at] < 0x80)
    ++at;
  if (at == text->size)
    return true;
  char *out;
  size_t size;
  if (!resq_normalize(*text, &out, &size, NULL, e->err))
    return false;
  if (e->n_normalized == e->normalized_capacity) {
    size_t capacity = 2 * e->normalized_capacity + 16;
    char **grown = realloc(e->normalized, capacity * sizeof *grown);
    if (!grown) {
      free(out);
      return no_memory(e);
    }
    e->normalized = grown;
    e->normalized_capacity = capacity;
  }
  e->normalized[e->n_normalized++] = out;
  *text = (resq_text){out, size};
  return true;
}

static bool encode_valid(encoder *e, resq_text text) {
  if (resq_pretokenizer_normalizes(e->t->pre) && !normalize(e, &text))
    return false;
  resq_pieces_start(&e->pieces, text.data, text.size);
  for (;;) {
    const char *piece;
    size_t size;
    if (!resq_pieces_next(&e->pieces, &piece, &size, e->err))
      return false;
    if (size == 0)
      return true;
    if (!encode_piece(e, piece, size))
      return false;
  }
}

/// Text between special tokens.
static bool encode_plain(encoder *e, resq_text text) {
  while (text.size) {
    size_t good = resq_utf8_valid_prefix(text.data, text.size), bad = 0;
    if (good && !encode_valid(e, (resq_text){text.data, good}))
      return false;
    while (good + bad < text.size) {
      uint32_t code;
      size_t ill, left = text.size - good - bad;
      if (resq_utf8_decode(text.data + good + bad, left, &code, &ill))
        break;
      bad += ill ? ill : left; // 0: cut short by the end of the text
    }
    if (bad && !encode_piece(e, text.data + good, bad))
      return false;
    text = (resq_text){text.data + good + bad, text.size - good - bad};
  }
  return true;
}

/// The special tokens from left to right, and the text between them.
static bool encode_text(encoder *e, resq_text text) {
  resq_special_hit *hits;
  size_t n_hits, plain = 0;
  if (!resq_specials_find(&e->t->specials, text, e->special, &hits, &n_hits, NULL, e->err))
    return false;
  bool ok = true;
  for (size_t i = 0; ok && i < n_hits; ++i) {
    if (hits[i].at < plain) // begins inside of the last one
      continue;
    ok = encode_plain(e, (resq_text){text.data + plain, hits[i].at - plain}) && reserve(e, 1);
    if (ok)
      e->ids[e->count++] = hits[i].id;
    plain = hits[i].at + resq_tokenizer_bytes(e->t, hits[i].id).size;
  }
  free(hits);
  return ok && encode_plain(e, (resq_text){text.data + plain, text.size - plain});
}

bool resq_tokenizer_encode(const resq_tokenizer *t, resq_text text, bool special, int32_t **out_ids,
                           int64_t *out_count, resq_error *err) {
  *out_ids = NULL;
  *out_count = 0;
  if (text.size > INT32_MAX)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "tokenizer: a text of %zu bytes; at most 2^31 - 1 are allowed", text.size);
  encoder e = {.t = t, .special = special, .capacity = text.size / 2 + 16, .err = err};
  e.ids = malloc(e.capacity * sizeof *e.ids);
  if (text.size >= CACHE_MIN_TEXT)
    e.cache = calloc(CACHE_SLOTS, sizeof *e.cache);
  bool ok =
      e.ids ? resq_pieces_init(&e.pieces, t->pre, err) && encode_text(&e, text) : no_memory(&e);
  resq_pieces_free(&e.pieces);
  resq_bpe_scratch_free(&e.scratch);
  free(e.cache);
  for (size_t i = 0; i < e.n_normalized; ++i)
    free(e.normalized[i]);
  free(e.normalized);
  if (!ok) {
    free(e.ids);
    return false;
  }
  *out_ids = e.ids;
  *out_count = (int64_t)e.count;
  return true;
}
