//===-- decoder_shape.c ---------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // memmem
#endif
#include "dialect/import/decoder_shape.h"

#include "base/file.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/// No configuration is larger; whatever is has been taken for one by mistake.
enum { MAX_BYTES = 1 << 20 };

typedef struct reader {
  const char *path;
  const json_t *object;
  resq_error *err;
} reader;

//===-- Values ------------------------------------------------------------===//

/// A value as the file has it, cut to fit a message.
static void value_text(const json_t *value, char *out, size_t size) {
  size_t n = value ? json_dumpb(value, out, size - 1, JSON_ENCODE_ANY | JSON_COMPACT) : 0;
  out[n < size ? n : size - 1] = 0;
  if (n >= size)
    memcpy(out + size - 4, "...", 4);
}

static bool refuse(const reader *r, const char *key, const json_t *value, const char *allowed) {
  char found[64];
  value_text(value, found, sizeof found);
  return resq_fail(r->err, RESQ_BAD_INPUT, "%s: key '%s' %s%s; %s", r->path, key,
                   value ? "is " : "is missing", found, allowed);
}

/// 1 to `limit`. Where the key is missing, *out stays as it is if it is not 0.
static bool read_size(const reader *r, const char *key, int64_t limit, int64_t *out) {
  const json_t *v = json_object_get(r->object, key);
  if (!v && *out)
    return true;
  char allowed[64];
  snprintf(allowed, sizeof allowed, "1 to %" PRId64 " are allowed", limit);
  if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > limit)
    return refuse(r, key, v, allowed);
  *out = json_integer_value(v);
  return true;
}

/// A positive f32. Where the key is missing, *out stays as it is if it is not 0.
static bool read_positive(const reader *r, const json_t *object, const char *key, float *out) {
  const json_t *v = json_object_get(object, key);
  if (!v && *out != 0)
    return true;
  const float f = (float)json_number_value(v);
  if (!json_is_number(v) || !(f > 0) || !isfinite(f))
    return refuse(r, key, v, "a positive f32 is needed");
  *out = f;
  return true;
}

//===-- Keys --------------------------------------------------------------===//

/// What a key may be.
typedef enum key_rule {
  READ,      ///< by this file, with checks of its own
  DESCRIBES, ///< the file, the training or the text: no part of a shape
  IS_FALSE,
  IS_SILU,
} key_rule;

static const struct {
  const char *name;
  key_rule rule;
} keys[] = {
    {"model_type", READ},
    {"hidden_size", READ},
    {"num_hidden_layers", READ},
    {"num_attention_heads", READ},
    {"num_key_value_heads", READ},
    {"head_dim", READ},
    {"intermediate_size", READ},
    {"vocab_size", READ},
    {"max_position_embeddings", READ},
    {"rms_norm_eps", READ},
    {"rope_theta", READ},
    {"rope_scaling", READ},
    {"tie_word_embeddings", READ},
    {"attention_bias", IS_FALSE},
    {"mlp_bias", IS_FALSE},
    {"use_sliding_window", IS_FALSE},
    {"hidden_act", IS_SILU},
    {"_name_or_path", DESCRIBES},
    {"architectures", DESCRIBES},
    {"attention_dropout", DESCRIBES},
    {"bos_token_id", DESCRIBES},
    {"dtype", DESCRIBES},
    {"eos_token_id", DESCRIBES},
    {"initializer_range", DESCRIBES},
    {"is_llama_config", DESCRIBES},
    {"max_window_layers", DESCRIBES}, // of use_sliding_window
    {"pad_token_id", DESCRIBES},
    {"pretraining_tp", DESCRIBES},
    {"rope_interleaved", IS_FALSE},
    {"sliding_window", DESCRIBES}, // of use_sliding_window
    {"torch_dtype", DESCRIBES},
    {"transformers.js_config", DESCRIBES},
    {"transformers_version", DESCRIBES},
    {"use_cache", DESCRIBES},
};

static bool check_key(const reader *r, const char *key, const json_t *value) {
  const size_t n = sizeof keys / sizeof *keys;
  size_t i = 0;
  while (i < n && strcmp(keys[i].name, key))
    i++;
  if (i == n)
    return refuse(r, key, value, "the key is not known, and might change what the model computes");
  if (keys[i].rule == IS_FALSE && !json_is_false(value))
    return refuse(r, key, value, "false is needed");
  const char *text = json_string_value(value);
  if (keys[i].rule == IS_SILU && (!text || strcmp(text, "silu")))
    return refuse(r, key, value, "\"silu\" is needed");
  return true;
}

static bool check_keys(const reader *r) {
  // The iterator of jansson takes what is not const, and changes nothing.
  json_t *object = (json_t *)(uintptr_t)r->object, *value;
  const char *key;
  json_object_foreach(object, key, value) if (!check_key(r, key, value)) return false;
  return true;
}

//===-- The configuration -------------------------------------------------===//

static bool read_architecture(const reader *r, resq_decoder_config *out) {
  const json_t *v = json_object_get(r->object, "model_type");
  if (json_is_string(v))
    out->architecture =
        resq_decoder_architecture_find((resq_text){json_string_value(v), json_string_length(v)});
  return out->architecture ||
         refuse(r, "model_type", v, "resq compiles " RESQ_DECODER_ARCHITECTURES);
}

static bool read_heads(const reader *r, resq_decoder_config *out) {
  if (!read_size(r, "num_attention_heads", RESQ_DECODER_MAX_HEADS, &out->heads))
    return false;
  out->kv_heads = out->heads;
  if (!read_size(r, "num_key_value_heads", RESQ_DECODER_MAX_HEADS, &out->kv_heads))
    return false;
  if (out->heads % out->kv_heads)
    return refuse(r, "num_key_value_heads", json_object_get(r->object, "num_key_value_heads"),
                  "a divisor of num_attention_heads is needed");
  const json_t *head = json_object_get(r->object, "head_dim");
  if (!head && out->width % out->heads)
    return refuse(r, "num_attention_heads", json_object_get(r->object, "num_attention_heads"),
                  "a divisor of hidden_size is needed where head_dim is missing");
  out->head_size = out->width / out->heads;
  if (!read_size(r, "head_dim", RESQ_DECODER_MAX_HEAD_SIZE, &out->head_size))
    return false;
  return (out->head_size % 2 == 0 && out->head_size <= RESQ_DECODER_MAX_HEAD_SIZE) ||
         resq_fail(r->err, RESQ_BAD_INPUT,
                   "%s: a head has %" PRId64 " elements; an even number up to %d is supported",
                   r->path, out->head_size, RESQ_DECODER_MAX_HEAD_SIZE);
}

static bool read_rope(const reader *r, resq_decoder_config *out) {
  out->rope = (resq_decoder_rope){.base = 10000, .divisor = 1, .attn_factor = 1};
  const json_t *scaling = json_object_get(r->object, "rope_scaling");
  if (!read_positive(r, r->object, "rope_theta", &out->rope.base))
    return false;
  if (!scaling || json_is_null(scaling))
    return true;
  const json_t *type = json_object_get(scaling, "rope_type");
  if (!type)
    type = json_object_get(scaling, "type"); // its older name
  const char *text = json_string_value(type);
  if (text && !strcmp(text, "default"))
    return true;
  if (text && !strcmp(text, "linear")) {
    out->rope.divisor = 0; // the key is needed
    return read_positive(r, scaling, "factor", &out->rope.divisor);
  }
  out->rope_factors = text && !strcmp(text, "llama3") && out->architecture->rope_factors;
  return out->rope_factors ||
         refuse(r, "rope_scaling", scaling,
                "null and a rope_type of \"default\", \"linear\" and, for llama, \"llama3\" are "
                "supported");
}

static bool read_all(const reader *r, resq_decoder_config *out) {
  const json_t *tied = json_object_get(r->object, "tie_word_embeddings");
  if (!check_keys(r) || !read_architecture(r, out) ||
      !read_size(r, "hidden_size", RESQ_DECODER_MAX_WIDTH, &out->width) ||
      !read_size(r, "num_hidden_layers", RESQ_DECODER_MAX_LAYERS, &out->layers) ||
      !read_size(r, "intermediate_size", RESQ_DECODER_MAX_WIDTH, &out->mlp_width) ||
      !read_size(r, "vocab_size", RESQ_DECODER_MAX_VOCABULARY, &out->vocabulary) ||
      !read_size(r, "max_position_embeddings", RESQ_DECODER_MAX_CONTEXT, &out->context_length) ||
      !read_positive(r, r->object, "rms_norm_eps", &out->eps) || !read_heads(r, out) ||
      !read_rope(r, out))
    return false;
  if (tied && !json_is_boolean(tied))
    return refuse(r, "tie_word_embeddings", tied, "true or false is needed");
  out->tied = json_is_true(tied);
  out->attention_scale = 1.0f / sqrtf((float)out->head_size);
  return true;
}

//===-- Files -------------------------------------------------------------===//

static bool mentions(const uint8_t *data, uint64_t size, const char *word) {
  return memmem(data, size, word, strlen(word)) != NULL;
}

bool resq_decoder_shape_recognize(const uint8_t *data, uint64_t size) {
  uint64_t at = 0;
  while (at < size && data[at] && strchr(" \t\r\n", data[at]))
    at++;
  if (at == size || data[at] != '{')
    return false;
  size = size < MAX_BYTES ? size : MAX_BYTES;
  return mentions(data, size, "\"model_type\"") && mentions(data, size, "\"hidden_size\"");
}

bool resq_decoder_shape_parse(const char *path, const uint8_t *data, uint64_t size,
                              resq_decoder_config *out, resq_error *err) {
  *out = (resq_decoder_config){.name = {"", 0}};
  if (size > MAX_BYTES)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: %" PRIu64 " bytes; a model's configuration has at most %d", path, size,
                     MAX_BYTES);
  json_error_t why;
  json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &why);
  if (!root)
    return resq_fail(
        err, json_error_code(&why) == json_error_out_of_memory ? RESQ_NO_MEMORY : RESQ_BAD_INPUT,
        "%s:%d:%d: not JSON: %s", path, why.line, why.column, why.text);
  const reader r = {path, root, err};
  bool ok = json_is_object(root) ? read_all(&r, out)
                                 : resq_fail(err, RESQ_BAD_INPUT, "%s: not a JSON object", path);
  json_decref(root);
  return ok;
}

bool resq_decoder_shape_read(const char *path, resq_decoder_config *out, XXH128_hash_t *digest,
                             resq_error *err) {
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  bool ok = resq_decoder_shape_parse(path, map.data, map.size, out, err);
  if (ok)
    *digest = XXH3_128bits(map.data, map.size);
  resq_map_close(&map);
  return ok;
}
