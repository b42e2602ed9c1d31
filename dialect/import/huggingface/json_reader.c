//===-- json_reader.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/json_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

json_t *resq_json_parse(const char *path, const uint8_t *data, uint64_t size, uint64_t limit,
                        resq_error *err) {
  json_error_t why;
  if (size > limit) {
    resq_fail(err, RESQ_BAD_INPUT, "%s: %" PRIu64 " bytes of JSON; at most %" PRIu64 " are allowed",
              path, size, limit);
    return NULL;
  }
  json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &why);
  if (!root) {
    resq_fail(err,
              json_error_code(&why) == json_error_out_of_memory ? RESQ_NO_MEMORY : RESQ_BAD_INPUT,
              "%s:%d:%d: not JSON: %s", path, why.line, why.column, why.text);
  } else if (!json_is_object(root)) {
    resq_fail(err, RESQ_BAD_INPUT, "%s: not a JSON object", path);
    json_decref(root);
    root = NULL;
  }
  return root;
}

const json_t *resq_json_get(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_null(value) ? NULL : value;
}

/// A value as the file has it, cut to fit a message.
static void value_text(const json_t *value, char *out, size_t size) {
  size_t n = value ? json_dumpb(value, out, size - 1, JSON_ENCODE_ANY | JSON_COMPACT) : 0;
  out[n < size ? n : size - 1] = 0;
  if (n >= size)
    memcpy(out + size - 4, "...", 4);
}

bool resq_json_refuse(const resq_json_reader *r, const char *key, const json_t *value,
                      const char *allowed) {
  char found[64];
  value_text(value, found, sizeof found);
  return resq_fail(r->err, RESQ_BAD_INPUT, "%s: key '%s' %s%s; %s", r->path, key,
                   value ? "is " : "is missing", found, allowed);
}

bool resq_json_size(const resq_json_reader *r, const char *key, int64_t limit, int64_t *out) {
  const json_t *v = resq_json_get(r->object, key);
  if (!v && *out)
    return true;
  char allowed[64];
  snprintf(allowed, sizeof allowed, "1 to %" PRId64 " are allowed", limit);
  if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > limit)
    return resq_json_refuse(r, key, v, allowed);
  *out = json_integer_value(v);
  return true;
}

bool resq_json_positive(const resq_json_reader *r, const char *key, double *out) {
  const json_t *v = resq_json_get(r->object, key);
  if (!v && *out != 0)
    return true;
  // What is computed is f32: a number that is too large or too small for it is none.
  const float f = (float)json_number_value(v);
  if (!json_is_number(v) || !(f > 0) || !isfinite(f))
    return resq_json_refuse(r, key, v, "a positive f32 is needed");
  *out = json_number_value(v);
  return true;
}

bool resq_json_bool(const resq_json_reader *r, const char *key, bool *out) {
  const json_t *v = resq_json_get(r->object, key);
  if (v && !json_is_boolean(v))
    return resq_json_refuse(r, key, v, "true or false is needed");
  if (v)
    *out = json_is_true(v);
  return true;
}

//===-- Keys --------------------------------------------------------------===//

static bool is_neutral(const json_t *value, const resq_json_rule *rule) {
  const char *text = json_string_value(value);
  if (rule->use == RESQ_JSON_TEXT)
    return text && ((rule->texts[0] && !strcmp(text, rule->texts[0])) ||
                    (rule->texts[1] && !strcmp(text, rule->texts[1])));
  return json_is_false(value) ||
         (json_is_number(value) && json_number_value(value) == rule->neutral);
}

static bool check_value(const resq_json_reader *r, const json_t *value,
                        const resq_json_rule *rule) {
  if (rule->use <= RESQ_JSON_ANY || json_is_null(value) || is_neutral(value, rule))
    return true;
  char allowed[96];
  if (rule->use == RESQ_JSON_TEXT)
    snprintf(allowed, sizeof allowed, "\"%s\"%s%s%s is needed", rule->texts[0],
             rule->texts[1] ? " or \"" : "", rule->texts[1] ? rule->texts[1] : "",
             rule->texts[1] ? "\"" : "");
  else if (json_is_number(value))
    snprintf(allowed, sizeof allowed, "%g is needed", rule->neutral);
  else
    snprintf(allowed, sizeof allowed, "%s is needed", json_is_boolean(value) ? "false" : "null");
  return resq_json_refuse(r, rule->key, value, allowed);
}

static bool check_key(const resq_json_reader *r, const char *key, const json_t *value,
                      const resq_json_rule *rules, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (!strcmp(rules[i].key, key))
      return check_value(r, value, &rules[i]);
  return resq_json_refuse(r, key, value,
                          "the key is not known, and might change what the model computes");
}

bool resq_json_check_keys(const resq_json_reader *r, const resq_json_rule *rules, size_t n) {
  // The iterator of jansson takes what is not const, and changes nothing.
  json_t *object = (json_t *)(uintptr_t)r->object, *value;
  const char *key;
  json_object_foreach(object, key, value) if (!check_key(r, key, value, rules, n)) return false;
  return true;
}
