//===-- config.c - the config.json of a Hugging Face checkpoint -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // memmem
#endif
#include "dialect/import/huggingface/config.h"

#include "base/file.h"
#include "dialect/import/huggingface/json_reader.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/// No configuration is larger; whatever is has been taken for one by mistake.
enum { MAX_BYTES = 1 << 20 };

typedef resq_json_reader reader;

static const resq_decoder_names names = {
    .embedding = "model.embed_tokens.weight",
    .final_norm = "model.norm.weight",
    .head = "lm_head.weight",
    .layer = "model.layers.",
    .stems = {[RESQ_DECODER_ATTN_NORM] = "input_layernorm",
              [RESQ_DECODER_Q] = "self_attn.q_proj",
              [RESQ_DECODER_K] = "self_attn.k_proj",
              [RESQ_DECODER_V] = "self_attn.v_proj",
              [RESQ_DECODER_O] = "self_attn.o_proj",
              [RESQ_DECODER_MLP_NORM] = "post_attention_layernorm",
              [RESQ_DECODER_GATE] = "mlp.gate_proj",
              [RESQ_DECODER_UP] = "mlp.up_proj",
              [RESQ_DECODER_DOWN] = "mlp.down_proj"},
    .overlooked = ".rotary_emb.inv_freq", // follows from rope_theta; older checkpoints store it
};

//===-- Keys --------------------------------------------------------------===//

static const resq_json_rule rules[] = {
    {.key = "model_type"},
    {.key = "hidden_size"},
    {.key = "num_hidden_layers"},
    {.key = "num_attention_heads"},
    {.key = "num_key_value_heads"},
    {.key = "head_dim"},
    {.key = "intermediate_size"},
    {.key = "vocab_size"},
    {.key = "max_position_embeddings"},
    {.key = "rms_norm_eps"},
    {.key = "rope_theta"},
    {.key = "rope_scaling"},
    {.key = "rope_parameters"},
    {.key = "tie_word_embeddings"},
    {.key = "attention_bias"},
    {.key = "mlp_bias"},
    {.key = "layer_types"},
    {.key = "use_sliding_window", .use = RESQ_JSON_NEUTRAL},
    {.key = "partial_rotary_factor", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "rope_interleaved", .use = RESQ_JSON_NEUTRAL},
    {.key = "hidden_act", .use = RESQ_JSON_TEXT, .texts = {"silu"}},
    // About the file, the training or the text.
    {.key = "_name_or_path", .use = RESQ_JSON_ANY},
    {.key = "_attn_implementation_autoset", .use = RESQ_JSON_ANY},
    {.key = "architectures", .use = RESQ_JSON_ANY},
    {.key = "attention_dropout", .use = RESQ_JSON_ANY},
    {.key = "bos_token_id", .use = RESQ_JSON_ANY},
    {.key = "dtype", .use = RESQ_JSON_ANY},
    {.key = "eos_token_id", .use = RESQ_JSON_ANY},
    {.key = "initializer_range", .use = RESQ_JSON_ANY},
    {.key = "is_llama_config", .use = RESQ_JSON_ANY},
    {.key = "max_window_layers", .use = RESQ_JSON_ANY}, // of use_sliding_window
    {.key = "pad_token_id", .use = RESQ_JSON_ANY},
    {.key = "pretraining_tp", .use = RESQ_JSON_ANY}, // how a product is split, not what it is
    {.key = "sliding_window", .use = RESQ_JSON_ANY}, // of use_sliding_window
    {.key = "torch_dtype", .use = RESQ_JSON_ANY},
    {.key = "transformers.js_config", .use = RESQ_JSON_ANY},
    {.key = "transformers_version", .use = RESQ_JSON_ANY},
    {.key = "use_cache", .use = RESQ_JSON_ANY},
};

//===-- Rotary embedding --------------------------------------------------===//

static const resq_json_rule scaling_rules[] = {
    {.key = "rope_type"},
    {.key = "type"}, // its older name
    {.key = "rope_theta"},
    {.key = "factor"},
    {.key = "low_freq_factor"},
    {.key = "high_freq_factor"},
    {.key = "original_max_position_embeddings"},
    {.key = "partial_rotary_factor", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
};

static bool read_float(const reader *r, const char *key, float *out) {
  double value = (double)*out;
  if (!resq_json_positive(r, key, &value))
    return false;
  *out = (float)value;
  return true;
}

static bool read_llama3(const reader *r, resq_decoder_llama3 *out) {
  *out = (resq_decoder_llama3){0};
  if (!resq_json_positive(r, "factor", &out->factor) ||
      !resq_json_positive(r, "low_freq_factor", &out->low) ||
      !resq_json_positive(r, "high_freq_factor", &out->high) ||
      !resq_json_positive(r, "original_max_position_embeddings", &out->context))
    return false;
  return out->high > out->low ||
         resq_json_refuse(r, "high_freq_factor", json_object_get(r->object, "high_freq_factor"),
                          "more than low_freq_factor is needed");
}

static bool read_scaling(const reader *r, const char *key, resq_decoder_config *out) {
  const json_t *scaling = resq_json_get(r->object, key);
  if (!scaling)
    return true;
  const reader inner = {r->path, scaling, r->err};
  if (!json_is_object(scaling))
    return resq_json_refuse(r, key, scaling, "an object is needed");
  const json_t *type = resq_json_get(scaling, "rope_type");
  if (!type)
    type = resq_json_get(scaling, "type");
  const char *text = json_string_value(type);
  bool standard = text && !strcmp(text, "default"), linear = text && !strcmp(text, "linear");
  bool llama3 = text && !strcmp(text, "llama3") && out->architecture->rope_factors;
  if (!standard && !linear && !llama3)
    return resq_json_refuse(
        r, key, scaling,
        "null and a rope_type of \"default\", \"linear\" and, for llama, \"llama3\" are "
        "supported");
  if (!resq_json_check_keys(&inner, scaling_rules, sizeof scaling_rules / sizeof *scaling_rules) ||
      !read_float(&inner, "rope_theta", &out->rope.base))
    return false;
  if (linear) {
    out->rope.divisor = 0; // the key is needed
    return read_float(&inner, "factor", &out->rope.divisor);
  }
  return standard || read_llama3(&inner, &out->rope.llama3);
}

static bool read_rope(const reader *r, resq_decoder_config *out) {
  out->rope = (resq_decoder_rope){.base = 10000, .divisor = 1, .attn_factor = 1};
  if (resq_json_get(r->object, "rope_scaling") && resq_json_get(r->object, "rope_parameters"))
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: keys 'rope_scaling' and 'rope_parameters' mean the same; one is allowed",
                     r->path);
  return read_float(r, "rope_theta", &out->rope.base) && read_scaling(r, "rope_scaling", out) &&
         read_scaling(r, "rope_parameters", out);
}

//===-- The configuration -------------------------------------------------===//

static bool read_architecture(const reader *r, resq_decoder_config *out) {
  const json_t *v = json_object_get(r->object, "model_type");
  if (json_is_string(v))
    out->architecture =
        resq_decoder_architecture_find((resq_text){json_string_value(v), json_string_length(v)});
  return out->architecture ||
         resq_json_refuse(r, "model_type", v, "resq compiles " RESQ_DECODER_ARCHITECTURES);
}

static bool read_heads(const reader *r, resq_decoder_config *out) {
  if (!resq_json_size(r, "num_attention_heads", RESQ_DECODER_MAX_HEADS, &out->heads))
    return false;
  out->kv_heads = out->heads;
  if (!resq_json_size(r, "num_key_value_heads", RESQ_DECODER_MAX_HEADS, &out->kv_heads))
    return false;
  if (out->heads % out->kv_heads)
    return resq_json_refuse(r, "num_key_value_heads",
                            json_object_get(r->object, "num_key_value_heads"),
                            "a divisor of num_attention_heads is needed");
  if (!resq_json_get(r->object, "head_dim") && out->width % out->heads)
    return resq_json_refuse(r, "num_attention_heads",
                            json_object_get(r->object, "num_attention_heads"),
                            "a divisor of hidden_size is needed where head_dim is missing");
  out->head_size = out->width / out->heads;
  if (!resq_json_size(r, "head_dim", RESQ_DECODER_MAX_HEAD_SIZE, &out->head_size))
    return false;
  return (out->head_size % 2 == 0 && out->head_size <= RESQ_DECODER_MAX_HEAD_SIZE) ||
         resq_fail(r->err, RESQ_BAD_INPUT,
                   "%s: a head has %" PRId64 " elements; an even number up to %d is supported",
                   r->path, out->head_size, RESQ_DECODER_MAX_HEAD_SIZE);
}

static bool read_biases(const reader *r, resq_decoder_config *out) {
  bool always = out->architecture->qkv_biases, attention = always, mlp = false;
  if (!resq_json_bool(r, "attention_bias", &attention) || !resq_json_bool(r, "mlp_bias", &mlp))
    return false;
  if (always && !attention)
    return resq_json_refuse(r, "attention_bias", json_object_get(r->object, "attention_bias"),
                            "true is needed: q, k and v of this model_type have biases");
  out->qkv_bias = attention ? RESQ_DECODER_HAS_BIAS : RESQ_DECODER_NO_BIAS;
  out->o_bias = attention && !always ? RESQ_DECODER_HAS_BIAS : RESQ_DECODER_NO_BIAS;
  out->mlp_bias = mlp ? RESQ_DECODER_HAS_BIAS : RESQ_DECODER_NO_BIAS;
  return true;
}

/// Which layers attend how: all of them to all that came before.
static bool check_layer_types(const reader *r) {
  const json_t *types = resq_json_get(r->object, "layer_types");
  bool ok = !types || json_is_array(types);
  for (size_t i = 0; ok && i < json_array_size(types); ++i) {
    const char *type = json_string_value(json_array_get(types, i));
    ok = type && !strcmp(type, "full_attention");
  }
  return ok || resq_json_refuse(r, "layer_types", types,
                                "an array of \"full_attention\" alone is supported");
}

static bool read_all(const reader *r, resq_decoder_config *out) {
  if (!resq_json_check_keys(r, rules, sizeof rules / sizeof *rules) || !read_architecture(r, out) ||
      !resq_json_size(r, "hidden_size", RESQ_DECODER_MAX_WIDTH, &out->width) ||
      !resq_json_size(r, "num_hidden_layers", RESQ_DECODER_MAX_LAYERS, &out->layers) ||
      !resq_json_size(r, "intermediate_size", RESQ_DECODER_MAX_WIDTH, &out->mlp_width) ||
      !resq_json_size(r, "vocab_size", RESQ_DECODER_MAX_VOCABULARY, &out->vocabulary) ||
      !resq_json_size(r, "max_position_embeddings", RESQ_DECODER_MAX_CONTEXT,
                      &out->context_length) ||
      !read_float(r, "rms_norm_eps", &out->eps) || !read_heads(r, out) || !read_rope(r, out) ||
      !read_biases(r, out) || !check_layer_types(r) ||
      !resq_json_bool(r, "tie_word_embeddings", &out->tied))
    return false;
  out->tied_stated = true;
  out->names = &names;
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

json_t *resq_hugging_face_config_json(const char *path, const uint8_t *data, uint64_t size,
                                      resq_error *err) {
  return resq_json_parse(path, data, size, MAX_BYTES, err);
}

bool resq_decoder_shape_parse(const char *path, const uint8_t *data, uint64_t size,
                              resq_decoder_config *out, resq_error *err) {
  *out = (resq_decoder_config){.name = {"", 0}};
  json_t *root = resq_hugging_face_config_json(path, data, size, err);
  const reader r = {path, root, err};
  bool ok = root && read_all(&r, out);
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
