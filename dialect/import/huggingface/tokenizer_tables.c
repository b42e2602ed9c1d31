//===-- tokenizer_tables.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Texts point into the JSON until all are known, and are copied at the end.
//===----------------------------------------------------------------------===//
#include "dialect/import/huggingface/tokenizer_tables.h"

#include "dialect/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/// Types of tokens, numbered as resq_tokenizer_source says.
enum { ABSENT, NORMAL, CONTROL = 3, USER = 4, UNUSED = 5 };

typedef struct tables {
  const resq_json_reader *root;
  int64_t n_tokens;
  resq_text *tokens;
  int32_t *types;
  resq_text (*merges)[2]; ///< left and right
  int64_t n_merges;
} tables;

static resq_text text_of(const json_t *value) {
  return (resq_text){json_string_value(value), json_string_length(value)};
}

static bool same_text(resq_text a, resq_text b) {
  return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static int shown(resq_text text) { return text.size < 64 ? (int)text.size : 64; }

//===-- Tokens ------------------------------------------------------------===//

static bool check_id(const tables *t, resq_text text, const json_t *id) {
  return (json_is_integer(id) && json_integer_value(id) >= 0 &&
          json_integer_value(id) < t->n_tokens) ||
         resq_fail(t->root->err, RESQ_BAD_INPUT,
                   "%s: token '%.*s' has an id that is no integer from 0 to %" PRId64
                   ", the last row of the embedding",
                   t->root->path, shown(text), text.data, t->n_tokens - 1);
}

static bool read_vocabulary(tables *t, const json_t *model) {
  json_t *vocabulary = json_object_get(model, "vocab"), *id;
  const char *key;
  size_t size;
  const resq_json_reader r = {t->root->path, model, t->root->err};
  if (!json_is_object(vocabulary))
    return resq_json_refuse(&r, "vocab", vocabulary, "an object of tokens and ids is needed");
  json_object_keylen_foreach(vocabulary, key, size, id) {
    resq_text text = {key, size};
    if (!check_id(t, text, id))
      return false;
    int64_t i = json_integer_value(id);
    if (t->types[i] != ABSENT)
      return resq_fail(t->root->err, RESQ_BAD_INPUT,
                       "%s: tokens '%.*s' and '%.*s' have the same id %" PRId64, t->root->path,
                       shown(t->tokens[i]), t->tokens[i].data, shown(text), key, i);
    t->tokens[i] = text;
    t->types[i] = NORMAL;
  }
  return true;
}

/// A flag that resq does not compute.
static bool check_unset(const tables *t, const json_t *token, const char *flag, const char *why) {
  resq_text text = text_of(json_object_get(token, "content"));
  return !json_is_true(json_object_get(token, flag)) ||
         resq_fail(t->root->err, RESQ_BAD_INPUT,
                   "%s: added token '%.*s': '%s' is true; false is needed%s", t->root->path,
                   shown(text), text.data, flag, why);
}

static bool read_added_token(tables *t, const json_t *token, bool normalizes) {
  const json_t *content = json_object_get(token, "content"), *id = json_object_get(token, "id");
  resq_text text = text_of(content);
  if (!json_is_string(content))
    return resq_fail(t->root->err, RESQ_BAD_INPUT, "%s: an added token without 'content'",
                     t->root->path);
  if (!check_id(t, text, id) || !check_unset(t, token, "lstrip", "") ||
      !check_unset(t, token, "rstrip", "") || !check_unset(t, token, "single_word", "") ||
      (normalizes && !check_unset(t, token, "normalized", " beside a normalizer")))
    return false;
  int64_t i = json_integer_value(id);
  if (t->types[i] != ABSENT && !same_text(t->tokens[i], text))
    return resq_fail(t->root->err, RESQ_BAD_INPUT,
                     "%s: added token '%.*s' has the id %" PRId64 " of token '%.*s'", t->root->path,
                     shown(text), text.data, i, shown(t->tokens[i]), t->tokens[i].data);
  t->tokens[i] = text;
  t->types[i] = json_is_true(json_object_get(token, "special")) ? CONTROL : USER;
  return true;
}

/// Tokens that are sought before and after normalization are sought one kind after the other. That is the same
/// as all at once when no token of one kind can overlap one of the other: none begins inside of it.
static bool check_orders(const tables *t, const json_t *added) {
  bool first[2][256] = {{false}}, inside[2][256] = {{false}};
  for (size_t i = 0; i < json_array_size(added); ++i) {
    const json_t *token = json_array_get(added, i);
    resq_text text = text_of(json_object_get(token, "content"));
    bool kind = json_is_true(json_object_get(token, "normalized"));
    for (size_t k = 0; k < text.size; ++k) {
      first[kind][(unsigned char)text.data[k]] |= k == 0;
      inside[kind][(unsigned char)text.data[k]] = true;
    }
  }
  for (int b = 0; b < 256; ++b)
    if ((first[0][b] && inside[1][b]) || (first[1][b] && inside[0][b]))
      return resq_fail(t->root->err, RESQ_BAD_INPUT,
                       "%s: key 'added_tokens': tokens with 'normalized' true and false that might "
                       "overlap are not supported",
                       t->root->path);
  return true;
}

static bool read_added(tables *t, bool normalizes) {
  const json_t *added = resq_json_get(t->root->object, "added_tokens");
  if (added && !json_is_array(added))
    return resq_json_refuse(t->root, "added_tokens", added, "a list is needed");
  for (size_t i = 0; i < json_array_size(added); ++i)
    if (!read_added_token(t, json_array_get(added, i), normalizes))
      return false;
  return check_orders(t, added);
}

//===-- Merges ------------------------------------------------------------===//

/// "left right", or ["left", "right"].
static bool read_merge(const json_t *merge, resq_text out[2]) {
  if (json_is_string(merge)) {
    resq_text text = text_of(merge);
    const char *space = memchr(text.data, ' ', text.size);
    if (!space)
      return false;
    out[0] = (resq_text){text.data, (size_t)(space - text.data)};
    out[1] = (resq_text){space + 1, text.size - out[0].size - 1};
  } else if (json_array_size(merge) == 2) {
    for (size_t i = 0; i < 2; ++i) {
      if (!json_is_string(json_array_get(merge, i)))
        return false;
      out[i] = text_of(json_array_get(merge, i));
    }
  } else {
    return false;
  }
  for (int i = 0; i < 2; ++i)
    if (!out[i].size || memchr(out[i].data, ' ', out[i].size))
      return false;
  return true;
}

static bool read_merges(tables *t, const json_t *model) {
  const json_t *merges = json_object_get(model, "merges");
  const resq_json_reader r = {t->root->path, model, t->root->err};
  if (!json_is_array(merges))
    return resq_json_refuse(&r, "merges", merges, "a list of merges is needed");
  t->merges = resq_new(json_array_size(merges), sizeof *t->merges);
  for (size_t i = 0; i < json_array_size(merges); ++i) {
    if (!read_merge(json_array_get(merges, i), t->merges[i]))
      return resq_fail(t->root->err, RESQ_BAD_INPUT,
                       "%s: merge %zu is neither \"LEFT RIGHT\" nor [\"LEFT\", \"RIGHT\"]",
                       t->root->path, i);
    ++t->n_merges;
  }
  return true;
}

//===-- The model ---------------------------------------------------------===//

static const resq_json_rule model_rules[] = {
    {.key = "type", .use = RESQ_JSON_TEXT, .texts = {"BPE"}},
    {.key = "dropout", .use = RESQ_JSON_NEUTRAL},
    {.key = "unk_token"},
    {.key = "continuing_subword_prefix", .use = RESQ_JSON_TEXT, .texts = {""}},
    {.key = "end_of_word_suffix", .use = RESQ_JSON_TEXT, .texts = {""}},
    {.key = "fuse_unk", .use = RESQ_JSON_ANY}, // of unk_token
    {.key = "byte_fallback", .use = RESQ_JSON_NEUTRAL},
    {.key = "ignore_merges"},
    {.key = "vocab"},
    {.key = "merges"},
};

/// The character of a byte in the byte-level alphabet, as UTF-8 with a NUL.
static void byte_text(int byte, char out[3]) {
  int other = 256, code = byte;
  for (int b = 0; b <= byte; ++b) {
    bool plain = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    if (b == byte && !plain)
      code = other;
    other += !plain;
  }
  int n = 0;
  if (code >= 0x80)
    out[n++] = (char)(0xc0 | code >> 6);
  out[n++] = (char)(code >= 0x80 ? 0x80 | (code & 63) : code);
  out[n] = 0;
}

/// An unknown token stands for bytes that have no token of their own. Where all have one, none does.
static bool check_unknown(const tables *t, const json_t *model) {
  const json_t *unknown = resq_json_get(model, "unk_token");
  const resq_json_reader r = {t->root->path, model, t->root->err};
  for (int b = 0; unknown && b < 256; ++b) {
    char text[3];
    byte_text(b, text);
    if (!json_object_get(json_object_get(model, "vocab"), text))
      return resq_json_refuse(&r, "unk_token", unknown,
                              "null is needed where a byte has no token of its own");
  }
  return true;
}

static bool read_all(tables *t, bool normalizes) {
  const json_t *model = json_object_get(t->root->object, "model");
  const resq_json_reader r = {t->root->path, model, t->root->err};
  if (!json_is_object(model))
    return resq_json_refuse(t->root, "model", model, "an object is needed");
  if (!json_is_string(json_object_get(model, "type")))
    return resq_json_refuse(&r, "type", NULL, "\"BPE\" is needed");
  return resq_json_check_keys(&r, model_rules, sizeof model_rules / sizeof *model_rules) &&
         read_vocabulary(t, model) && check_unknown(t, model) && read_added(t, normalizes) &&
         read_merges(t, model);
}

//===-- Copying -----------------------------------------------------------===//

static char *put(char *at, resq_text text) {
  memcpy(at, text.data, text.size);
  return at + text.size;
}

/// Texts of their own for all tokens and merges.
static void copy_texts(const tables *t, resq_checkpoint_tokenizer *out) {
  enum { PAD = 32 }; // bytes of "[PAD<id>]", and more
  size_t size = 1;
  for (int64_t i = 0; i < t->n_tokens; ++i)
    size += t->types[i] == ABSENT ? PAD : t->tokens[i].size;
  for (int64_t i = 0; i < t->n_merges; ++i)
    size += t->merges[i][0].size + 1 + t->merges[i][1].size;
  char *at = resq_new(size, 1);
  out->storage = at;
  for (int64_t i = 0; i < t->n_tokens; ++i) {
    char pad[PAD];
    if (t->types[i] == ABSENT) {
      t->tokens[i] = (resq_text){pad, (size_t)snprintf(pad, sizeof pad, "[PAD%" PRId64 "]", i)};
      t->types[i] = UNUSED;
    }
    char *begin = at;
    at = put(at, t->tokens[i]);
    t->tokens[i].data = begin;
  }
  resq_text *merges = resq_new((size_t)t->n_merges, sizeof *merges);
  for (int64_t i = 0; i < t->n_merges; ++i) {
    merges[i].data = at;
    at = put(at, t->merges[i][0]);
    *at++ = ' ';
    at = put(at, t->merges[i][1]);
    merges[i].size = (size_t)(at - merges[i].data);
  }
  out->source.tokens = t->tokens;
  out->source.token_types = t->types;
  out->source.n_tokens = t->n_tokens;
  out->source.merges = merges;
  out->source.n_merges = t->n_merges;
}

bool resq_tokenizer_tables_read(const resq_json_reader *root, int64_t n_tokens, bool normalizes,
                                resq_checkpoint_tokenizer *out) {
  tables t = {.root = root,
              .n_tokens = n_tokens,
              .tokens = resq_new((size_t)n_tokens, sizeof *t.tokens),
              .types = resq_new((size_t)n_tokens, sizeof *t.types)};
  bool ok = read_all(&t, normalizes);
  if (ok) {
    copy_texts(&t, out);
  } else {
    free(t.tokens);
    free(t.types);
  }
  free(t.merges);
  return ok;
}

int64_t resq_tokenizer_tables_find(const resq_tokenizer_source *source, const char *text) {
  const resq_text wanted = {text, strlen(text)};
  for (int64_t i = 0; i < source->n_tokens; ++i)
    if (same_text(source->tokens[i], wanted))
      return i;
  return -1;
}
