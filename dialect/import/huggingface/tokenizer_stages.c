//===-- tokenizer_stages.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/tokenizer_stages.h"

#include <string.h>

enum { MAX_STAGES = 6, MAX_DEPTH = 4 };

/// The regex that ByteLevel applies by itself with use_regex.
#define RESQ_BYTE_LEVEL                                                                            \
  "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

typedef struct row {
  const char *name;
  bool nfc, whole, covers;
  const char *stages[MAX_STAGES + 1];
} row;

static const row rows[] = {
#define RESQ_STAGES(name, nfc, whole, covers, ...) {name, nfc, whole, covers, {__VA_ARGS__}},
#include "dialect/import/huggingface/pretokenizer_stages.def"
};

/// What was found so far.
typedef struct stages {
  const resq_json_reader *root;
  const char *regex[MAX_STAGES + 1];
  size_t n;
  bool inverted;   ///< one regex is applied as "Removed" with "invert"
  bool byte_level; ///< the last stage was there
  bool nfc;
  resq_tokenizer_stages *out;
} stages;

static const char *type_of(const json_t *stage) {
  const char *type = json_string_value(json_object_get(stage, "type"));
  return type ? type : "";
}

static bool is_type(const json_t *stage, const char *type) { return !strcmp(type_of(stage), type); }

/// "PATH: KEY: stage 'Metaspace' is not supported; ALLOWED"
static bool refuse_stage(const stages *s, const char *key, const json_t *stage,
                         const char *allowed) {
  return resq_fail(s->root->err, RESQ_BAD_INPUT, "%s: key '%s': stage '%.64s' is not supported; %s",
                   s->root->path, key, type_of(stage), allowed);
}

/// Refuses a stage's flag at another value than the one that is needed; `missing` is its value where it is not
/// there.
static bool check_flag(const stages *s, const json_t *stage, const char *key, bool missing,
                       bool needed) {
  bool found = missing;
  const resq_json_reader r = {s->root->path, stage, s->root->err};
  if (!resq_json_bool(&r, key, &found))
    return false;
  return found == needed ||
         resq_fail(s->root->err, RESQ_BAD_INPUT, "%s: stage '%s': key '%s' is %s; %s is supported",
                   s->root->path, type_of(stage), key, found ? "true" : "false",
                   needed ? "true" : "false");
}

typedef bool stage_reader(stages *s, const json_t *stage, int depth);

/// The stages of a Sequence, whose key of them differs.
static bool read_sequence(stages *s, const json_t *stage, const char *key, stage_reader *read,
                          int depth) {
  const json_t *list = json_object_get(stage, key);
  const resq_json_reader r = {s->root->path, stage, s->root->err};
  if (!json_is_array(list) || depth == MAX_DEPTH)
    return resq_json_refuse(&r, key, list, "a list of stages is needed");
  for (size_t i = 0; i < json_array_size(list); ++i)
    if (!read(s, json_array_get(list, i), depth + 1))
      return false;
  return true;
}

//===-- Normalizers -------------------------------------------------------===//

static bool read_normalizer(stages *s, const json_t *stage, int depth) {
  if (is_type(stage, "Sequence"))
    return read_sequence(s, stage, "normalizers", read_normalizer, depth);
  s->nfc |= is_type(stage, "NFC");
  return is_type(stage, "NFC") || refuse_stage(s, "normalizer", stage, "NFC is");
}

//===-- Pre-tokenizers ----------------------------------------------------===//

static bool add_regex(stages *s, const char *regex) {
  if (s->n == MAX_STAGES)
    return resq_fail(s->root->err, RESQ_BAD_INPUT,
                     "%s: key 'pre_tokenizer': more than %d stages; at most %d are supported",
                     s->root->path, MAX_STAGES, MAX_STAGES);
  s->regex[s->n++] = regex;
  return true;
}

static bool read_split(stages *s, const json_t *stage) {
  const json_t *pattern = json_object_get(stage, "pattern");
  const char *regex = json_string_value(json_object_get(pattern, "Regex"));
  const char *behavior = json_string_value(json_object_get(stage, "behavior"));
  bool invert = json_is_true(json_object_get(stage, "invert"));
  const resq_json_reader r = {s->root->path, stage, s->root->err};
  if (!regex)
    return resq_json_refuse(&r, "pattern", pattern, "a \"Regex\" is supported");
  bool isolated = behavior && !strcmp(behavior, "Isolated") && !invert;
  bool removed = behavior && !strcmp(behavior, "Removed") && invert;
  s->inverted |= removed;
  return isolated || removed
             ? add_regex(s, regex)
             : resq_json_refuse(&r, "behavior", json_object_get(stage, "behavior"),
                                "\"Isolated\", or \"Removed\" with \"invert\", is supported");
}

static bool read_pretokenizer(stages *s, const json_t *stage, int depth) {
  bool individual = json_is_true(json_object_get(stage, "individual_digits"));
  if (s->byte_level)
    return refuse_stage(s, "pre_tokenizer", stage, "no stage behind ByteLevel is");
  if (is_type(stage, "Sequence"))
    return read_sequence(s, stage, "pretokenizers", read_pretokenizer, depth);
  if (is_type(stage, "Digits"))
    return add_regex(s, individual ? "\\p{N}" : "\\p{N}+");
  if (is_type(stage, "Split"))
    return read_split(s, stage);
  if (!is_type(stage, "ByteLevel"))
    return refuse_stage(s, "pre_tokenizer", stage, "Split, Digits and ByteLevel are");
  s->byte_level = true;
  bool uses_regex = !json_is_false(json_object_get(stage, "use_regex"));
  return check_flag(s, stage, "add_prefix_space", true, false) &&
         (!uses_regex || add_regex(s, RESQ_BYTE_LEVEL));
}

static bool is_row(const stages *s, const row *row, bool whole) {
  if (row->nfc != s->nfc || row->whole != whole || (s->inverted && !row->covers))
    return false;
  for (size_t i = 0; i < s->n; ++i)
    if (!row->stages[i] || strcmp(row->stages[i], s->regex[i]))
      return false;
  return !row->stages[s->n];
}

static bool find_row(stages *s, bool whole) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
    if (is_row(s, &rows[i], whole)) {
      s->out->pre = rows[i].name;
      return true;
    }
  return resq_fail(s->root->err, RESQ_BAD_INPUT,
                   "%s: key 'pre_tokenizer': resq does not know these stages with%s NFC and "
                   "ignore_merges %s: %zu stage%s, the last of which is '%.200s'",
                   s->root->path, s->nfc ? "" : "out", whole ? "true" : "false", s->n,
                   s->n == 1 ? "" : "s", s->n ? s->regex[s->n - 1] : "");
}

//===-- Post-processors ---------------------------------------------------===//

/// The one id of a special token of a template; -1 when there is not one.
static int64_t template_id(const json_t *stage, const json_t *special) {
  const char *name = json_string_value(json_object_get(special, "id"));
  const json_t *token =
      name ? json_object_get(json_object_get(stage, "special_tokens"), name) : NULL;
  const json_t *ids = json_object_get(token, "ids"), *id = json_array_get(ids, 0);
  return json_array_size(ids) == 1 && json_is_integer(id) ? json_integer_value(id) : -1;
}

/// A text alone: [text], or [token, text].
static bool read_template(stages *s, const json_t *stage) {
  const json_t *single = json_object_get(stage, "single");
  size_t n = json_array_size(single);
  const json_t *special =
      n == 2 ? json_object_get(json_array_get(single, 0), "SpecialToken") : NULL;
  const json_t *text = n ? json_object_get(json_array_get(single, n - 1), "Sequence") : NULL;
  if (special)
    s->out->template_bos = template_id(stage, special);
  const resq_json_reader r = {s->root->path, stage, s->root->err};
  return (text && (n == 1 || (special && s->out->template_bos >= 0))) ||
         resq_json_refuse(&r, "single", single,
                          "a text with at most one token before it is supported");
}

static bool read_postprocessor(stages *s, const json_t *stage, int depth) {
  if (is_type(stage, "Sequence"))
    return read_sequence(s, stage, "processors", read_postprocessor, depth);
  if (is_type(stage, "TemplateProcessing"))
    return read_template(s, stage);
  return is_type(stage, "ByteLevel") || // of offsets into the text
         refuse_stage(s, "post_processor", stage, "TemplateProcessing and ByteLevel are");
}

bool resq_tokenizer_stages_read(const resq_json_reader *root, resq_tokenizer_stages *out) {
  *out = (resq_tokenizer_stages){.template_bos = -1};
  stages s = {.root = root, .out = out};
  const json_t *normalizer = resq_json_get(root->object, "normalizer");
  const json_t *pre = resq_json_get(root->object, "pre_tokenizer");
  const json_t *post = resq_json_get(root->object, "post_processor");
  const json_t *decoder = resq_json_get(root->object, "decoder");
  bool whole = false;
  const resq_json_reader model = {root->path, json_object_get(root->object, "model"), root->err};
  if (!resq_json_bool(&model, "ignore_merges", &whole) ||
      (normalizer && !read_normalizer(&s, normalizer, 0)))
    return false;
  out->normalizes = s.nfc;
  if (!pre)
    return resq_json_refuse(root, "pre_tokenizer", NULL, "its stages must end in ByteLevel");
  if (!read_pretokenizer(&s, pre, 0))
    return false;
  if (!s.byte_level)
    return refuse_stage(&s, "pre_tokenizer", pre, "stages that end in ByteLevel are");
  if (decoder && !is_type(decoder, "ByteLevel"))
    return refuse_stage(&s, "decoder", decoder, "ByteLevel is");
  return find_row(&s, whole) && (!post || read_postprocessor(&s, post, 0));
}
