//===-- tokenizer.c - opening a tokenizer blob ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every offset and id of the blob is checked once, here; the rest of the code relies
// on it. What a blob *means* cannot be checked, so a bad one gives odd ids, no crash.
//===----------------------------------------------------------------------===//
#include "base/checked.h"
#include "text/tokenizer_blob.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t resq_tokenizer_hash(const char *data, size_t size) { return XXH3_64bits(data, size); }

int resq_text_compare(resq_text a, resq_text b) {
  size_t common = a.size < b.size ? a.size : b.size;
  int order = common ? memcmp(a.data, b.data, common) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

/// The address of a section, NULL when it does not lie in the blob.
static const void *section(const uint8_t *blob, uint64_t size, resq_tokenizer_section s,
                           uint64_t element) {
  uint64_t bytes;
  if (!resq_mul_u64(s.count, element, &bytes) || s.offset % 8 ||
      !resq_inside_u64(s.offset, bytes, size))
    return NULL;
  return blob + s.offset;
}

static bool power_of_two(uint64_t n) { return n && !(n & (n - 1)); }

static bool bad(resq_error *err, const char *what) {
  return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: damaged (%s)", what);
}

static bool check_header(const uint8_t *blob, uint64_t size, resq_error *err) {
  if (size < sizeof(resq_tokenizer_header))
    return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: %llu bytes; at least %zu are needed",
                     (unsigned long long)size, sizeof(resq_tokenizer_header));
  if ((uintptr_t)blob % 8)
    return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: the blob is not aligned to 8 bytes");
  const resq_tokenizer_header *h = (const resq_tokenizer_header *)blob;
  if (h->magic != RESQ_TOKENIZER_MAGIC)
    return bad(err, "no magic number");
  if (h->version != RESQ_TOKENIZER_VERSION)
    return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: version %u; this build reads %u", h->version,
                     RESQ_TOKENIZER_VERSION);
  int64_t n = (int64_t)h->n_tokens;
  if (n < 1 || n > RESQ_TOKENIZER_MAX_TOKENS)
    return bad(err, "token count");
  if (h->add_bos > 1 || h->bos < -1 || h->bos >= n || h->eos < -1 || h->eos >= n ||
      h->unknown < -1 || h->unknown >= n || (h->add_bos && h->bos < 0))
    return bad(err, "bos, eos or unknown id");
  if (h->starts.count != h->n_tokens + 1 || h->kinds.count != h->n_tokens ||
      h->singles.count != 256 || !power_of_two(h->merges.count) || !power_of_two(h->lookup.count) ||
      !h->pre.count || !h->chat.count)
    return bad(err, "section sizes");
  return true;
}

static bool map_sections(resq_tokenizer *t, const uint8_t *blob, uint64_t size, resq_error *err) {
  const resq_tokenizer_header *h = t->header = (const resq_tokenizer_header *)blob;
  t->starts = section(blob, size, h->starts, 4);
  t->bytes = section(blob, size, h->bytes, 1);
  t->kinds = section(blob, size, h->kinds, 1);
  t->bpe.singles = section(blob, size, h->singles, 4);
  t->bpe.merges = section(blob, size, h->merges, sizeof(resq_bpe_merge));
  t->lookup = section(blob, size, h->lookup, 4);
  t->special_ids = section(blob, size, h->specials, 4);
  t->ends = section(blob, size, h->ends, 4);
  t->chat = section(blob, size, h->chat, 1);
  const char *pre = section(blob, size, h->pre, 1);
  if (!t->starts || !t->bytes || !t->kinds || !t->bpe.singles || !t->bpe.merges || !t->lookup ||
      !t->special_ids || !t->ends || !t->chat || !pre)
    return bad(err, "a section lies outside");
  if (pre[h->pre.count - 1] || t->chat[h->chat.count - 1])
    return bad(err, "a string without an end");
  t->bpe.mask = h->merges.count - 1;
  t->bpe.unknown = h->unknown;
  t->pre = resq_pretokenizer_create(pre, err);
  return t->pre != NULL;
}

static bool check_tokens(const resq_tokenizer *t, resq_error *err) {
  uint64_t n = t->header->n_tokens;
  for (uint64_t i = 0; i < n; ++i) {
    if (t->starts[i] > t->starts[i + 1] ||
        t->starts[i + 1] - t->starts[i] > RESQ_TOKENIZER_MAX_TOKEN_BYTES)
      return bad(err, "token offsets");
    if (t->kinds[i] < RESQ_TOKEN_NORMAL || t->kinds[i] > RESQ_TOKEN_BYTE)
      return bad(err, "token kinds");
  }
  if (t->starts[n] > t->header->bytes.count)
    return bad(err, "token bytes");
  return true;
}

/// Ids in range, or EMPTY where allowed. A table that is probed must keep free slots, so that
/// probing ends.
static bool check_ids(const resq_tokenizer *t, const uint32_t *ids, uint64_t count,
                      bool allow_empty, uint64_t max_used, resq_error *err) {
  uint64_t used = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (allow_empty && ids[i] == RESQ_TOKENIZER_EMPTY)
      continue;
    ++used;
    if (ids[i] >= t->header->n_tokens)
      return bad(err, "a token id out of range");
  }
  return used <= max_used || bad(err, "a table too full");
}

static bool check_merges(const resq_tokenizer *t, resq_error *err) {
  uint64_t used = 0, n = t->header->n_tokens;
  for (uint64_t i = 0; i <= t->bpe.mask; ++i) {
    const resq_bpe_merge *m = &t->bpe.merges[i];
    if (m->left == RESQ_TOKENIZER_EMPTY)
      continue;
    ++used;
    if (m->left >= n || m->right >= n || m->result >= n)
      return bad(err, "a merge of a token out of range");
  }
  return used <= t->header->merges.count / 2 || bad(err, "a table too full");
}

/// Makes the automaton of the special tokens, which must be in its order.
static bool open_specials(resq_tokenizer *t, resq_error *err) {
  uint64_t count = t->header->specials.count;
  if (count > t->header->n_tokens)
    return bad(err, "special tokens");
  resq_text *texts = malloc((count + 1) * sizeof *texts);
  bool *user = malloc(count + 1);
  bool ok = (texts && user) || resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory");
  for (uint64_t i = 0; ok && i < count; ++i) {
    texts[i] = resq_tokenizer_bytes(t, (int32_t)t->special_ids[i]);
    user[i] = t->kinds[t->special_ids[i]] == RESQ_TOKEN_USER;
    if (!texts[i].size || !resq_token_is_special(t->kinds[t->special_ids[i]]) ||
        (i && resq_specials_compare(texts[i - 1], texts[i]) > 0))
      ok = bad(err, "special tokens");
  }
  ok = ok &&
       resq_specials_open(&t->specials, texts, (const int32_t *)t->special_ids, user, count, err);
  free(texts);
  free(user);
  return ok;
}

resq_tokenizer *resq_tokenizer_open(const uint8_t *blob, uint64_t size, resq_error *err) {
  if (!check_header(blob, size, err))
    return NULL;
  resq_tokenizer *t = calloc(1, sizeof *t);
  if (!t) {
    resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory");
    return NULL;
  }
  const resq_tokenizer_header *h = (const resq_tokenizer_header *)blob;
  if (map_sections(t, blob, size, err) && check_tokens(t, err) && check_merges(t, err) &&
      check_ids(t, t->bpe.singles, 256, true, 256, err) &&
      check_ids(t, t->lookup, h->lookup.count, true, h->lookup.count / 2, err) &&
      check_ids(t, t->special_ids, h->specials.count, false, h->n_tokens, err) &&
      check_ids(t, t->ends, h->ends.count, false, h->n_tokens, err) && open_specials(t, err))
    return t;
  resq_tokenizer_close(t);
  return NULL;
}

void resq_tokenizer_close(resq_tokenizer *t) {
  if (!t)
    return;
  resq_pretokenizer_destroy(t->pre);
  resq_specials_close(&t->specials);
  free(t);
}

int64_t resq_tokenizer_size(const resq_tokenizer *t) { return (int64_t)t->header->n_tokens; }
int64_t resq_tokenizer_bos(const resq_tokenizer *t) { return t->header->bos; }
int64_t resq_tokenizer_eos(const resq_tokenizer *t) { return t->header->eos; }
bool resq_tokenizer_add_bos(const resq_tokenizer *t) { return t->header->add_bos != 0; }
const char *resq_tokenizer_chat_template(const resq_tokenizer *t) { return t->chat; }

bool resq_tokenizer_is_end(const resq_tokenizer *t, int32_t id) {
  for (uint64_t i = 0; id >= 0 && i < t->header->ends.count; ++i)
    if (t->ends[i] == (uint32_t)id)
      return true;
  return false;
}

resq_text resq_tokenizer_bytes(const resq_tokenizer *t, int32_t id) {
  if (id < 0 || (uint64_t)id >= t->header->n_tokens)
    return (resq_text){"", 0};
  return (resq_text){t->bytes + t->starts[id], t->starts[id + 1] - t->starts[id]};
}

bool resq_tokenizer_is_control(const resq_tokenizer *t, int32_t id) {
  return id >= 0 && (uint64_t)id < t->header->n_tokens && t->kinds[id] == RESQ_TOKEN_CONTROL;
}

uint64_t resq_tokenizer_vocabulary_hash(const resq_tokenizer *t) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (int32_t id = 0; id < (int32_t)t->header->n_tokens; ++id) {
    resq_text token = resq_tokenizer_bytes(t, id);
    const uint64_t head[] = {token.size, resq_tokenizer_is_control(t, id)};
    XXH3_64bits_update(&state, head, sizeof head);
    XXH3_64bits_update(&state, token.data, token.size);
  }
  uint64_t hash = XXH3_64bits_digest(&state);
  return hash ? hash : 1;
}

int32_t resq_tokenizer_find(const resq_tokenizer *t, const char *data, size_t size) {
  uint64_t mask = t->header->lookup.count - 1;
  uint64_t slot = resq_tokenizer_hash(data, size) & mask;
  for (; t->lookup[slot] != RESQ_TOKENIZER_EMPTY; slot = (slot + 1) & mask) {
    resq_text token = resq_tokenizer_bytes(t, (int32_t)t->lookup[slot]);
    if (token.size == size && memcmp(token.data, data, size) == 0)
      return (int32_t)t->lookup[slot];
  }
  return -1;
}
