//===-- tokenizer_build.c - checkpoint metadata to a tokenizer blob -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs in the compiler. Names are resolved here, once: the blob holds ids and bytes.
//===----------------------------------------------------------------------===//
#include "base/checked.h"
#include "text/tokenizer_builder.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

static uint64_t table_size(uint64_t entries) {
  uint64_t size = 2;
  while (size < 2 * entries + 1)
    size *= 2;
  return size;
}

static bool no_memory(resq_error *err) {
  return resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory to build the tables");
}

static uint32_t *empty_table(uint64_t size) {
  uint32_t *table = malloc(size * sizeof *table);
  if (table)
    memset(table, 0xFF, size * sizeof *table);
  return table;
}

static bool check_source(const resq_tokenizer_source *s, resq_error *err) {
  if (s->n_tokens < 1 || s->n_tokens > RESQ_TOKENIZER_MAX_TOKENS)
    return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: %lld tokens; 1 to %lld are allowed",
                     (long long)s->n_tokens, (long long)RESQ_TOKENIZER_MAX_TOKENS);
  if (s->n_merges < 0 || s->n_merges > 4 * RESQ_TOKENIZER_MAX_TOKENS)
    return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: %lld merges; 0 to %lld are allowed",
                     (long long)s->n_merges, (long long)(4 * RESQ_TOKENIZER_MAX_TOKENS));
  if (!s->pre || !resq_pretokenizer_known(s->pre))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "tokenizer: pre-tokenizer \"%.64s\" is not known; known: %s",
                     s->pre ? s->pre : "", resq_pretokenizer_names());
  const int64_t ids[2] = {s->bos, s->eos};
  for (int i = 0; i < 2; ++i)
    if (ids[i] < -1 || ids[i] >= s->n_tokens)
      return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: %s id %lld; -1 (none) to %lld are allowed",
                       i ? "eos" : "bos", (long long)ids[i], (long long)s->n_tokens - 1);
  for (int64_t i = 0; i < s->n_ends; ++i)
    if (s->ends[i] < 0 || s->ends[i] >= s->n_tokens)
      return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: end token %d; 0 to %lld are allowed",
                       (int)s->ends[i], (long long)s->n_tokens - 1);
  for (int64_t i = 0; i < s->n_tokens; ++i) {
    if (s->tokens[i].size > RESQ_TOKENIZER_MAX_TOKEN_BYTES)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "tokenizer: token %lld has %zu bytes; at most %u are allowed", (long long)i,
                       s->tokens[i].size, RESQ_TOKENIZER_MAX_TOKEN_BYTES);
    if (s->token_types && (s->token_types[i] < 0 || s->token_types[i] > RESQ_TOKEN_BYTE))
      return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: token %lld has type %d; 0 to 6 are allowed",
                       (long long)i, (int)s->token_types[i]);
  }
  return true;
}

/// The byte that a code point of the byte-level alphabet stands for, -1 for none. Printable bytes
/// stand for themselves; the others were given 256, 257, ... in ascending order.
static int byte_of(uint32_t code) {
  if ((code >= 0x21 && code <= 0x7E) || (code >= 0xA1 && code <= 0xAC) ||
      (code >= 0xAE && code <= 0xFF))
    return (int)code;
  if (code >= 256 && code < 256 + 33)
    return (int)(code - 256);
  if (code >= 256 + 33 && code < 256 + 67)
    return (int)(code - 289 + 0x7F);
  return code == 256 + 67 ? 0xAD : -1;
}

/// Decodes one token into out (room for its size). Returns the bytes written.
static size_t decode_token(resq_text text, uint8_t kind, char *out) {
  size_t count = 0;
  for (size_t at = 0; !resq_token_is_special(kind) && at < text.size;) {
    uint32_t code;
    size_t bad, length = resq_utf8_decode(text.data + at, text.size - at, &code, &bad);
    int byte = length ? byte_of(code) : -1;
    if (byte < 0) {
      count = 0;
      break;
    }
    out[count++] = (char)byte;
    at += length;
  }
  // Added tokens are plain text, and so is a token with a character outside of the alphabet.
  if (count == 0 && text.size) {
    memcpy(out, text.data, text.size);
    count = text.size;
  }
  return count;
}

static bool fill_kinds(resq_tokenizer_builder *b, resq_error *err) {
  const resq_tokenizer_source *s = b->source;
  b->kinds = malloc((size_t)s->n_tokens);
  if (!b->kinds)
    return no_memory(err);
  b->unknown = -1;
  for (int64_t i = 0; i < s->n_tokens; ++i) {
    // Type 0 is "undefined": what some converters write for ordinary text.
    b->kinds[i] =
        s->token_types && s->token_types[i] ? (uint8_t)s->token_types[i] : RESQ_TOKEN_NORMAL;
    if (b->kinds[i] == RESQ_TOKEN_UNKNOWN && b->unknown < 0)
      b->unknown = i;
  }
  return true;
}

static bool decode_tokens(resq_tokenizer_builder *b, resq_error *err) {
  const resq_tokenizer_source *s = b->source;
  uint64_t total = 0;
  for (int64_t i = 0; i < s->n_tokens; ++i)
    total += s->tokens[i].size; // at most 2^24 * 2^16: no overflow
  if (total > UINT32_MAX)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "tokenizer: the tokens have %llu bytes; at most 2^32 - 1 are allowed",
                     (unsigned long long)total);
  b->starts = malloc(((size_t)s->n_tokens + 1) * sizeof *b->starts);
  b->bytes = malloc(total + 1);
  if (!b->starts || !b->bytes)
    return no_memory(err);
  uint32_t at = 0;
  for (int64_t i = 0; i < s->n_tokens; ++i) {
    b->starts[i] = at;
    at += (uint32_t)decode_token(s->tokens[i], b->kinds[i], b->bytes + at);
  }
  b->starts[s->n_tokens] = at;
  return true;
}

int64_t resq_tokenizer_builder_find(const resq_tokenizer_builder *b, resq_text text) {
  uint64_t slot = resq_tokenizer_hash(text.data, text.size) & (b->by_text_size - 1);
  for (; b->by_text[slot] != RESQ_TOKENIZER_EMPTY; slot = (slot + 1) & (b->by_text_size - 1)) {
    resq_text token = b->source->tokens[b->by_text[slot]];
    if (token.size == text.size && memcmp(token.data, text.data, text.size) == 0)
      return b->by_text[slot];
  }
  return -1;
}

static bool index_texts(resq_tokenizer_builder *b, resq_error *err) {
  const resq_tokenizer_source *s = b->source;
  b->by_text_size = table_size((uint64_t)s->n_tokens);
  b->by_text = empty_table(b->by_text_size);
  if (!b->by_text)
    return no_memory(err);
  for (uint32_t i = 0; i < (uint32_t)s->n_tokens; ++i) {
    resq_text token = s->tokens[i];
    if (!token.size) // padding, of which there may be more: no text is this token
      continue;
    uint64_t slot = resq_tokenizer_hash(token.data, token.size) & (b->by_text_size - 1);
    for (; b->by_text[slot] != RESQ_TOKENIZER_EMPTY; slot = (slot + 1) & (b->by_text_size - 1)) {
      resq_text other = s->tokens[b->by_text[slot]];
      if (other.size == token.size && memcmp(other.data, token.data, token.size) == 0)
        return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: tokens %u and %u are both \"%.*s\"",
                         b->by_text[slot], i, (int)(token.size < 64 ? token.size : 64), token.data);
    }
    b->by_text[slot] = i;
  }
  return true;
}

static void put_merge(resq_tokenizer_builder *b, resq_bpe_merge merge) {
  uint64_t slot = resq_bpe_hash(merge.left, merge.right) & (b->merges_size - 1);
  while (b->merges[slot].left != RESQ_TOKENIZER_EMPTY &&
         (b->merges[slot].left != merge.left || b->merges[slot].right != merge.right))
    slot = (slot + 1) & (b->merges_size - 1);
  b->merges[slot] = merge; // a pair given twice: the last rank counts, as in the original
}

static bool resolve_merge(resq_tokenizer_builder *b, int64_t rank, char *joined, resq_error *err) {
  resq_text text = b->source->merges[rank];
  const char *space = text.size ? memchr(text.data, ' ', text.size) : NULL;
  if (!space || space == text.data || space + 1 == text.data + text.size)
    return resq_fail(
        err, RESQ_BAD_INPUT,
        "tokenizer: merge %lld is \"%.*s\"; two tokens with a space between are allowed",
        (long long)rank, (int)(text.size < 64 ? text.size : 64), text.data);
  resq_text left = {text.data, (size_t)(space - text.data)};
  resq_text right = {space + 1, text.size - left.size - 1};
  int64_t ids[3] = {-1, -1, -1};
  if (text.size <= 2 * (size_t)RESQ_TOKENIZER_MAX_TOKEN_BYTES) {
    memcpy(joined, left.data, left.size);
    memcpy(joined + left.size, right.data, right.size);
    ids[0] = resq_tokenizer_builder_find(b, left);
    ids[1] = resq_tokenizer_builder_find(b, right);
    ids[2] = resq_tokenizer_builder_find(b, (resq_text){joined, left.size + right.size});
  }
  if (ids[0] < 0 || ids[1] < 0 || ids[2] < 0) {
    // A vocabulary that was cut keeps the merges of the tokens that are gone: no text can use them.
    if (b->source->notes && b->source->notes->ignored_merges++ == 0)
      b->source->notes->first_ignored_merge = rank;
    return true;
  }
  put_merge(b,
            (resq_bpe_merge){(uint32_t)ids[0], (uint32_t)ids[1], (uint32_t)rank, (uint32_t)ids[2]});
  return true;
}

static bool index_merges(resq_tokenizer_builder *b, resq_error *err) {
  int64_t count = b->source->n_merges;
  b->merges_size = table_size((uint64_t)count);
  b->merges = malloc(b->merges_size * sizeof *b->merges);
  char *joined = malloc(2 * (size_t)RESQ_TOKENIZER_MAX_TOKEN_BYTES);
  if (!b->merges || !joined) {
    free(joined);
    return no_memory(err);
  }
  memset(b->merges, 0xFF, b->merges_size * sizeof *b->merges);
  bool ok = true;
  for (int64_t i = 0; ok && i < count; ++i)
    ok = resolve_merge(b, i, joined, err);
  free(joined);
  return ok;
}

static resq_text bytes_of(const resq_tokenizer_builder *b, uint32_t id) {
  return (resq_text){b->bytes + b->starts[id], b->starts[id + 1] - b->starts[id]};
}

static bool same_text(resq_text a, resq_text b) {
  return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/// Normal tokens by bytes, and tokens of one byte, those of the types "unused" and "byte", too. Of
/// two with the same bytes the smaller id counts.
static bool index_bytes(resq_tokenizer_builder *b, resq_error *err) {
  uint32_t count = (uint32_t)b->source->n_tokens;
  b->lookup_size = table_size(count);
  b->lookup = empty_table(b->lookup_size);
  if (!b->lookup)
    return no_memory(err);
  memset(b->singles, 0xFF, sizeof b->singles);
  for (uint32_t i = 0; i < count; ++i) {
    resq_text text = bytes_of(b, i);
    if (text.size == 0 || resq_token_is_special(b->kinds[i]) || b->kinds[i] == RESQ_TOKEN_UNKNOWN)
      continue;
    if (text.size == 1 && b->singles[(unsigned char)text.data[0]] == RESQ_TOKENIZER_EMPTY)
      b->singles[(unsigned char)text.data[0]] = i;
    if (b->kinds[i] != RESQ_TOKEN_NORMAL)
      continue;
    uint64_t slot = resq_tokenizer_hash(text.data, text.size) & (b->lookup_size - 1);
    for (; b->lookup[slot] != RESQ_TOKENIZER_EMPTY; slot = (slot + 1) & (b->lookup_size - 1))
      if (same_text(bytes_of(b, b->lookup[slot]), text))
        break;
    if (b->lookup[slot] == RESQ_TOKENIZER_EMPTY)
      b->lookup[slot] = i;
  }
  return true;
}

typedef struct special {
  resq_text text;
  uint32_t id;
} special;

static int compare_specials(const void *a, const void *b) {
  const special *x = a, *y = b;
  int order = resq_specials_compare(x->text, y->text);
  return order ? order : (x->id > y->id) - (x->id < y->id);
}

static bool sort_specials(resq_tokenizer_builder *b, resq_error *err) {
  uint32_t count = (uint32_t)b->source->n_tokens;
  special *sorted = malloc((size_t)count * sizeof *sorted);
  b->specials = malloc((size_t)count * sizeof *b->specials);
  if (!sorted || !b->specials) {
    free(sorted);
    return no_memory(err);
  }
  for (uint32_t i = 0; i < count; ++i)
    if (resq_token_is_special(b->kinds[i]) && bytes_of(b, i).size)
      sorted[b->n_specials++] = (special){bytes_of(b, i), i};
  qsort(sorted, b->n_specials, sizeof *sorted, compare_specials);
  for (uint64_t i = 0; i < b->n_specials; ++i)
    b->specials[i] = sorted[i].id;
  free(sorted);
  return true;
}

/// One section to write. `data` may be NULL when size is 0.
typedef struct part {
  resq_tokenizer_section *section;
  const void *data;
  uint64_t count, element;
} part;

static uint8_t *lay_out(const resq_tokenizer_builder *b, uint64_t *out_size, resq_error *err) {
  const resq_tokenizer_source *s = b->source;
  const char *chat = s->chat_template ? s->chat_template : "";
  uint64_t n = (uint64_t)s->n_tokens;
  resq_tokenizer_header header = {.magic = RESQ_TOKENIZER_MAGIC,
                                  .version = RESQ_TOKENIZER_VERSION,
                                  .add_bos = s->add_bos && s->bos >= 0,
                                  .bos = s->bos,
                                  .eos = s->eos,
                                  .unknown = b->unknown,
                                  .n_tokens = n};
  const part parts[] = {
      {&header.starts, b->starts, n + 1, 4},
      {&header.bytes, b->bytes, b->starts[n], 1},
      {&header.kinds, b->kinds, n, 1},
      {&header.singles, b->singles, 256, 4},
      {&header.merges, b->merges, b->merges_size, sizeof *b->merges},
      {&header.lookup, b->lookup, b->lookup_size, 4},
      {&header.specials, b->specials, b->n_specials, 4},
      {&header.ends, b->ends, b->n_ends, 4},
      {&header.pre, s->pre, strlen(s->pre) + 1, 1},
      {&header.chat, chat, strlen(chat) + 1, 1},
  };
  const size_t n_parts = sizeof parts / sizeof parts[0];
  uint64_t size = sizeof header;
  for (size_t i = 0; i < n_parts; ++i) {
    *parts[i].section = (resq_tokenizer_section){size, parts[i].count};
    size = (size + parts[i].count * parts[i].element + 7) & ~(uint64_t)7;
  }
  uint8_t *blob = calloc(1, size);
  if (!blob) {
    no_memory(err);
    return NULL;
  }
  memcpy(blob, &header, sizeof header);
  for (size_t i = 0; i < n_parts; ++i)
    if (parts[i].count)
      memcpy(blob + parts[i].section->offset, parts[i].data, parts[i].count * parts[i].element);
  *out_size = size;
  return blob;
}

uint8_t *resq_tokenizer_build(const resq_tokenizer_source *source, uint64_t *out_size,
                              resq_error *err) {
  *out_size = 0;
  if (!check_source(source, err))
    return NULL;
  if (source->notes)
    *source->notes = (resq_tokenizer_notes){.first_ignored_merge = -1};
  resq_tokenizer_builder b = {.source = source};
  uint8_t *blob = NULL;
  if (fill_kinds(&b, err) && index_texts(&b, err) && index_merges(&b, err) &&
      resq_tokenizer_mark_ends(&b, err) && decode_tokens(&b, err) && index_bytes(&b, err) &&
      sort_specials(&b, err))
    blob = lay_out(&b, out_size, err);
  free(b.kinds);
  free(b.starts);
  free(b.bytes);
  free(b.by_text);
  free(b.merges);
  free(b.lookup);
  free(b.specials);
  free(b.ends);
  return blob;
}
