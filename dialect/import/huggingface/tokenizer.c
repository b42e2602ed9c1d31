//===-- tokenizer.c - what a Hugging Face folder says of its tokenizer ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/tokenizer.h"

#include "dialect/import/checkpoint/decoder_config.h"
#include "dialect/import/huggingface/folder.h"
#include "dialect/import/huggingface/json_reader.h"
#include "dialect/import/huggingface/tokenizer_stages.h"
#include "dialect/import/huggingface/tokenizer_tables.h"
#include "dialect/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/// The folder's files as JSON, and what is read from them.
typedef struct reading {
  const resq_checkpoint *c;
  json_t *json[RESQ_HUGGING_FACE_FILES]; ///< NULL: not there
  resq_checkpoint_tokenizer *out;
  resq_tokenizer_stages stages;
  resq_error *err;
} reading;

static resq_json_reader reader_of(const reading *r, resq_hugging_face_file which) {
  const resq_checkpoint_file *file = resq_hugging_face_file_get(r->c, which);
  return (resq_json_reader){file ? file->path : r->c->path, r->json[which], r->err};
}

//===-- Ids ---------------------------------------------------------------===//

/// The id of a token that a file names by its text: a string, or an object with `content`; -1 in *id when it
/// names none.
static bool read_named(const reading *r, resq_hugging_face_file which, const char *key,
                       int64_t *id) {
  const resq_json_reader reader = reader_of(r, which);
  const json_t *value = resq_json_get(reader.object, key);
  const json_t *content = json_is_object(value) ? json_object_get(value, "content") : value;
  *id = -1;
  if (!value)
    return true;
  if (json_is_string(content))
    *id = resq_tokenizer_tables_find(&r->out->source, json_string_value(content));
  return *id >= 0 || resq_json_refuse(&reader, key, value, "a token of the vocabulary is needed");
}

static bool check_id(const reading *r, const resq_json_reader *reader, const char *key,
                     const json_t *value) {
  return (json_is_integer(value) && json_integer_value(value) >= 0 &&
          json_integer_value(value) < r->out->source.n_tokens) ||
         resq_json_refuse(reader, key, value, "an id of the vocabulary is needed");
}

/// The ids of a key, one or a list of them, go to the ends.
static bool add_ends(reading *r, resq_hugging_face_file which, int32_t **ends) {
  const char *key = "eos_token_id";
  const resq_json_reader reader = reader_of(r, which);
  const json_t *value = resq_json_get(reader.object, key);
  size_t n = !value ? 0 : json_is_array(value) ? json_array_size(value) : 1;
  for (size_t i = 0; i < n; ++i) {
    const json_t *id = json_is_array(value) ? json_array_get(value, i) : value;
    if (!check_id(r, &reader, key, id))
      return false;
    *ends = RESQ_GROW(*ends, r->out->source.n_ends);
    (*ends)[r->out->source.n_ends++] = (int32_t)json_integer_value(id);
    r->out->source.ends = *ends;
  }
  return true;
}

static bool read_eos(reading *r) {
  resq_tokenizer_source *s = &r->out->source;
  int32_t *ends = NULL;
  if (!add_ends(r, RESQ_HUGGING_FACE_GENERATION, &ends) ||
      !add_ends(r, RESQ_HUGGING_FACE_CONFIG, &ends) ||
      !read_named(r, RESQ_HUGGING_FACE_TOKENIZER_CONFIG, "eos_token", &s->eos) ||
      (s->eos < 0 && !read_named(r, RESQ_HUGGING_FACE_SPECIAL_TOKENS, "eos_token", &s->eos)))
    return false;
  if (s->eos < 0 && s->n_ends)
    s->eos = ends[0];
  return true;
}

static bool read_bos(reading *r) {
  resq_tokenizer_source *s = &r->out->source;
  const resq_json_reader config = reader_of(r, RESQ_HUGGING_FACE_CONFIG);
  const json_t *stated = resq_json_get(config.object, "bos_token_id");
  if (!read_named(r, RESQ_HUGGING_FACE_TOKENIZER_CONFIG, "bos_token", &s->bos) ||
      (s->bos < 0 && !read_named(r, RESQ_HUGGING_FACE_SPECIAL_TOKENS, "bos_token", &s->bos)))
    return false;
  if (s->bos < 0 && stated) {
    if (!check_id(r, &config, "bos_token_id", stated))
      return false;
    s->bos = json_integer_value(stated);
  }
  const int64_t first = r->stages.template_bos;
  const char *path = reader_of(r, RESQ_HUGGING_FACE_TOKENIZER).path;
  if (first >= s->n_tokens || (first >= 0 && s->bos >= 0 && s->bos != first))
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: key 'post_processor' puts token %" PRId64
                     " before a text; the BOS token, %" PRId64 ", is supported",
                     path, first, s->bos);
  s->bos = first >= 0 ? first : s->bos;
  return true;
}

/// Whether a text gets a BOS token in front: where the post-processor has one, or the configuration asks for one.
static bool read_add_bos(reading *r) {
  resq_tokenizer_source *s = &r->out->source;
  const resq_json_reader config = reader_of(r, RESQ_HUGGING_FACE_TOKENIZER_CONFIG);
  bool has = r->stages.template_bos >= 0, asked = has, eos = false, space = false;
  if (!config.object) {
    s->add_bos = has;
    return true;
  }
  if (!resq_json_bool(&config, "add_bos_token", &asked) ||
      !resq_json_bool(&config, "add_eos_token", &eos) ||
      !resq_json_bool(&config, "add_prefix_space", &space))
    return false;
  if (eos || space)
    return resq_json_refuse(&config, eos ? "add_eos_token" : "add_prefix_space", json_true(),
                            "false is needed");
  if (has && !asked)
    return resq_json_refuse(&config, "add_bos_token", json_false(),
                            "tokenizer.json's post_processor adds a BOS token");
  if (asked && s->bos < 0)
    return resq_json_refuse(&config, "add_bos_token", json_true(), "there is no bos_token");
  s->add_bos = asked;
  return true;
}

/// Tokens that tokenizer_config.json adds must be those of tokenizer.json.
static bool check_added(const reading *r) {
  const resq_json_reader config = reader_of(r, RESQ_HUGGING_FACE_TOKENIZER_CONFIG);
  json_t *added = json_object_get(config.object, "added_tokens_decoder"), *token;
  const resq_tokenizer_source *s = &r->out->source;
  const char *key;
  json_object_foreach(added, key, token) {
    const char *content = json_string_value(json_object_get(token, "content"));
    char *end;
    unsigned long long id = strtoull(key, &end, 10);
    if (!content || *end || !*key || id >= (unsigned long long)s->n_tokens ||
        strlen(content) != s->tokens[id].size ||
        memcmp(content, s->tokens[id].data, s->tokens[id].size) != 0)
      return resq_fail(r->err, RESQ_BAD_INPUT,
                       "%s: key 'added_tokens_decoder': token %.20s, '%.64s', is not that of "
                       "tokenizer.json",
                       config.path, key, content ? content : "");
  }
  return true;
}

//===-- Chat templates ----------------------------------------------------===//

/// The template itself, or the one named "default" of a list; NULL: none.
static const json_t *find_template(const json_t *value) {
  if (!json_is_array(value))
    return value;
  for (size_t i = 0; i < json_array_size(value); ++i) {
    const json_t *entry = json_array_get(value, i);
    const char *name = json_string_value(json_object_get(entry, "name"));
    if (name && !strcmp(name, "default"))
      return json_object_get(entry, "template");
  }
  return NULL;
}

static bool read_chat_template(reading *r) {
  const resq_checkpoint_file *file =
      resq_hugging_face_file_get(r->c, RESQ_HUGGING_FACE_CHAT_TEMPLATE);
  const resq_json_reader config = reader_of(r, RESQ_HUGGING_FACE_TOKENIZER_CONFIG);
  const json_t *value = find_template(resq_json_get(config.object, "chat_template"));
  resq_text text = {"", 0};
  if (file)
    text = (resq_text){(const char *)file->map.data, (size_t)file->map.size};
  else if (value && !json_is_string(value))
    return resq_json_refuse(&config, "chat_template", value, "a text is needed");
  else if (value)
    text = (resq_text){json_string_value(value), json_string_length(value)};
  if (text.size && memchr(text.data, 0, text.size))
    return resq_fail(r->err, RESQ_BAD_INPUT, "%s: the chat template holds a NUL byte",
                     file ? file->path : config.path);
  r->out->source.chat_template = resq_copy_part(text.data, text.size);
  return true;
}

//===-- The whole ---------------------------------------------------------===//

static const resq_json_rule rules[] = {
    {.key = "version", .use = RESQ_JSON_ANY},
    {.key = "truncation", .use = RESQ_JSON_ANY}, // of batches, as padding
    {.key = "padding", .use = RESQ_JSON_ANY},
    {.key = "added_tokens"},
    {.key = "normalizer"},
    {.key = "pre_tokenizer"},
    {.key = "post_processor"},
    {.key = "decoder"},
    {.key = "model"},
};

static bool read_all(reading *r) {
  for (int i = 0; i < RESQ_HUGGING_FACE_FILES; ++i)
    if (i != RESQ_HUGGING_FACE_CHAT_TEMPLATE &&
        !resq_hugging_face_json(r->c, (resq_hugging_face_file)i, &r->json[i], r->err))
      return false;
  const resq_json_reader config = reader_of(r, RESQ_HUGGING_FACE_CONFIG);
  const resq_json_reader root = reader_of(r, RESQ_HUGGING_FACE_TOKENIZER);
  int64_t n_tokens = 0;
  if (!root.object)
    return resq_fail(r->err, RESQ_IO,
                     "%s: tokenizer.json is missing; resq reads no other file of tokens",
                     r->c->path);
  if (!resq_json_size(&config, "vocab_size", RESQ_DECODER_MAX_VOCABULARY, &n_tokens) ||
      !resq_json_check_keys(&root, rules, sizeof rules / sizeof *rules) ||
      !resq_tokenizer_stages_read(&root, &r->stages) ||
      !resq_tokenizer_tables_read(&root, n_tokens, r->stages.normalizes, r->out))
    return false;
  r->out->source.pre = resq_copy_text(r->stages.pre);
  return read_eos(r) && read_bos(r) && read_add_bos(r) && check_added(r) && read_chat_template(r);
}

bool resq_hugging_face_has_tokenizer(const resq_checkpoint *c) {
  return resq_hugging_face_file_get(c, RESQ_HUGGING_FACE_TOKENIZER) ||
         resq_hugging_face_file_get(c, RESQ_HUGGING_FACE_TOKENIZER_CONFIG);
}

bool resq_hugging_face_tokenizer(const resq_checkpoint *c, resq_checkpoint_tokenizer *out,
                                 resq_error *err) {
  reading r = {.c = c, .out = out, .err = err};
  out->pre_place = "tokenizer.json: key 'pre_tokenizer'";
  out->merges_place = "tokenizer.json: key 'merges'";
  bool ok = read_all(&r);
  for (int i = 0; i < RESQ_HUGGING_FACE_FILES; ++i)
    json_decref(r.json[i]);
  return ok;
}
