//===-- llama_config.c - reading and checking a llama configuration -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What resq does not compute is refused here by name: experts, scaled RoPE,
// partial RoPE, split files. Loading such a model anyway would give wrong text.
//===----------------------------------------------------------------------===//
#include "dialect/import/llama_config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/// Bounds far beyond any llama model; products of two of them fit an int64.
enum {
  MAX_LAYERS = 4096,
  MAX_WIDTH = 1 << 20,
  MAX_HEADS = 1 << 14,
  MAX_HEAD_SIZE = 1 << 12,
  MAX_VOCABULARY = 1 << 24,
  MAX_CONTEXT = INT32_MAX,
};

//===-- Metadata ----------------------------------------------------------===//

static bool read_size(const resq_gguf *gguf, const char *key, int64_t limit, int64_t *out,
                      resq_error *err) {
  uint64_t value;
  if (!resq_gguf_u64(gguf, key, &value, err))
    return false;
  if (value == 0 || value > (uint64_t)limit)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %" PRIu64 "; 1 to %" PRId64 " are allowed",
                     gguf->path, key, value, limit);
  *out = (int64_t)value;
  return true;
}

/// Leaves *out alone when the key is absent.
static bool read_optional_size(const resq_gguf *gguf, const char *key, int64_t limit, int64_t *out,
                               resq_error *err) {
  return !resq_gguf_get(gguf, key) || read_size(gguf, key, limit, out, err);
}

static bool read_positive(const resq_gguf *gguf, const char *key, float *out, resq_error *err) {
  double value;
  if (!resq_gguf_f64(gguf, key, &value, err))
    return false;
  // The double may be outside f32, or too small for it.
  if (!((float)value > 0.0f) || (float)value > 3e38f)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %g; a positive f32 is needed", gguf->path,
                     key, value);
  *out = (float)value;
  return true;
}

static bool text_is(resq_text text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static int shown(resq_text text) { return text.size < 64 ? (int)text.size : 64; }

/// Keys that must be absent or have the one value that changes nothing.
static bool refuse_unsupported(const resq_gguf *gguf, resq_error *err) {
  static const struct {
    const char *key;
    uint64_t most;
    const char *what;
  } counts[] = {
      {"split.count", 1, "resq reads models in one file (gguf-split --merge joins them)"},
      {"llama.expert_count", 0, "resq does not compile mixtures of experts"},
      {"llama.expert_used_count", 0, "resq does not compile mixtures of experts"},
  };
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i) {
    uint64_t value;
    if (!resq_gguf_get(gguf, counts[i].key))
      continue;
    if (!resq_gguf_u64(gguf, counts[i].key, &value, err))
      return false;
    if (value > counts[i].most)
      return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %" PRIu64 "; %s", gguf->path,
                       counts[i].key, value, counts[i].what);
  }
  bool causal = true;
  if (resq_gguf_get(gguf, "llama.attention.causal") &&
      !resq_gguf_bool(gguf, "llama.attention.causal", &causal, err))
    return false;
  if (!causal)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key 'llama.attention.causal' is false; true is needed",
                     gguf->path);
  return true;
}

static bool check_rope_scaling(const resq_gguf *gguf, resq_error *err) {
  resq_text type;
  if (resq_gguf_get(gguf, "llama.rope.scaling.type")) {
    if (!resq_gguf_string(gguf, "llama.rope.scaling.type", &type, err))
      return false;
    if (!text_is(type, "none"))
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s: key 'llama.rope.scaling.type' is '%.*s'; 'none' is needed (Llama 3 scaling "
                       "comes as the tensor 'rope_freqs.weight')",
                       gguf->path, shown(type), type.data);
  }
  double scale = 1.0;
  if (resq_gguf_get(gguf, "llama.rope.scale_linear") &&
      !resq_gguf_f64(gguf, "llama.rope.scale_linear", &scale, err))
    return false;
  if (scale != 1.0)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key 'llama.rope.scale_linear' is %g; 1 is needed",
                     gguf->path, scale);
  return true;
}

/// Heads, their size, and that RoPE turns the whole of each.
static bool read_heads(const resq_gguf *gguf, resq_llama_config *out, resq_error *err) {
  if (!read_size(gguf, "llama.attention.head_count", MAX_HEADS, &out->heads, err))
    return false;
  out->kv_heads = out->heads;
  if (!read_optional_size(gguf, "llama.attention.head_count_kv", MAX_HEADS, &out->kv_heads, err))
    return false;
  if (out->heads % out->kv_heads != 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: key 'llama.attention.head_count_kv' is %" PRId64
                     "; a divisor of the %" PRId64 " heads is needed",
                     gguf->path, out->kv_heads, out->heads);
  bool explicit_size = resq_gguf_get(gguf, "llama.attention.key_length") != NULL;
  if (!explicit_size && out->width % out->heads != 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: key 'llama.attention.head_count' is %" PRId64 "; a divisor of "
                     "'llama.embedding_length' %" PRId64 " is needed",
                     gguf->path, out->heads, out->width);
  out->head_size = out->width / out->heads;
  if (!read_optional_size(gguf, "llama.attention.key_length", MAX_HEAD_SIZE, &out->head_size, err))
    return false;
  int64_t value_size = out->head_size, turned = out->head_size;
  if (!read_optional_size(gguf, "llama.attention.value_length", MAX_HEAD_SIZE, &value_size, err) ||
      !read_optional_size(gguf, "llama.rope.dimension_count", MAX_HEAD_SIZE, &turned, err))
    return false;
  if (value_size != out->head_size)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: key 'llama.attention.value_length' is %" PRId64 "; the keys' %" PRId64
                     " is needed",
                     gguf->path, value_size, out->head_size);
  if (turned != out->head_size || turned % 2 != 0 || turned > MAX_HEAD_SIZE)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: RoPE turns %" PRId64 " of %" PRId64 " elements of a head; all of them, an even "
                     "number up to %d, is supported",
                     gguf->path, turned, out->head_size, MAX_HEAD_SIZE);
  return true;
}

static bool read_metadata(const resq_gguf *gguf, resq_llama_config *out, resq_error *err) {
  resq_text architecture;
  if (!resq_gguf_string(gguf, "general.architecture", &architecture, err))
    return false;
  if (!text_is(architecture, "llama"))
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key 'general.architecture' is '%.*s'; resq compiles 'llama'",
                     gguf->path, shown(architecture), architecture.data);
  out->name = (resq_text){"", 0};
  if (resq_gguf_get(gguf, "general.name") && !resq_gguf_string(gguf, "general.name", &out->name, err))
    return false;
  out->rope_base = 10000.0f;
  if (resq_gguf_get(gguf, "llama.rope.freq_base") &&
      !read_positive(gguf, "llama.rope.freq_base", &out->rope_base, err))
    return false;
  return refuse_unsupported(gguf, err) && check_rope_scaling(gguf, err) &&
         read_size(gguf, "llama.block_count", MAX_LAYERS, &out->layers, err) &&
         read_size(gguf, "llama.context_length", MAX_CONTEXT, &out->context_length, err) &&
         read_size(gguf, "llama.embedding_length", MAX_WIDTH, &out->width, err) &&
         read_size(gguf, "llama.feed_forward_length", MAX_WIDTH, &out->mlp_width, err) &&
         read_positive(gguf, "llama.attention.layer_norm_rms_epsilon", &out->eps, err) &&
         read_heads(gguf, out, err);
}

/// The embedding's rows decide; what the metadata says of the vocabulary must agree.
static bool read_vocabulary(const resq_gguf *gguf, resq_llama_config *out, resq_error *err) {
  const resq_gguf_tensor *embedding = resq_gguf_find(gguf, "token_embd.weight");
  if (!embedding)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: tensor 'token_embd.weight' is missing", gguf->path);
  uint64_t rows = embedding->dims[1];
  if (embedding->n_dims != 2 || rows > MAX_VOCABULARY)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: tensor 'token_embd.weight' has %" PRIu32 " dimensions and %" PRIu64
                     " rows; 2 dimensions and at most %d rows are allowed",
                     gguf->path, embedding->n_dims, rows, MAX_VOCABULARY);
  out->vocabulary = (int64_t)rows;
  int64_t said = out->vocabulary;
  if (!read_optional_size(gguf, "llama.vocab_size", MAX_VOCABULARY, &said, err))
    return false;
  const resq_gguf_value *tokens = resq_gguf_get(gguf, "tokenizer.ggml.tokens");
  bool counted = tokens && tokens->kind == RESQ_GGUF_ARRAY;
  if (said != out->vocabulary || (counted && tokens->count != rows))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: tensor 'token_embd.weight' has %" PRIu64 " rows, but '%s' says %" PRIu64,
                     gguf->path, rows,
                     said != out->vocabulary ? "llama.vocab_size" : "tokenizer.ggml.tokens",
                     said != out->vocabulary ? (uint64_t)said : tokens->count);
  return true;
}

//===-- Tensors -----------------------------------------------------------===//

void resq_llama_layer_tensors(const resq_llama_config *c, resq_llama_tensor out[RESQ_LLAMA_SITES]) {
  int64_t q = c->heads * c->head_size, kv = c->kv_heads * c->head_size;
  const resq_llama_tensor tensors[RESQ_LLAMA_SITES] = {
      [RESQ_LLAMA_ATTN_NORM] = {"attn_norm", "attn_norm", 1, {c->width, 0}, false},
      [RESQ_LLAMA_Q] = {"q", "attn_q", 2, {q, c->width}, true},
      [RESQ_LLAMA_K] = {"k", "attn_k", 2, {kv, c->width}, true},
      [RESQ_LLAMA_V] = {"v", "attn_v", 2, {kv, c->width}, true},
      [RESQ_LLAMA_O] = {"o", "attn_output", 2, {c->width, q}, true},
      [RESQ_LLAMA_MLP_NORM] = {"mlp_norm", "ffn_norm", 1, {c->width, 0}, false},
      [RESQ_LLAMA_GATE] = {"gate", "ffn_gate", 2, {c->mlp_width, c->width}, true},
      [RESQ_LLAMA_UP] = {"up", "ffn_up", 2, {c->mlp_width, c->width}, true},
      [RESQ_LLAMA_DOWN] = {"down", "ffn_down", 2, {c->width, c->mlp_width}, true},
  };
  memcpy(out, tensors, sizeof tensors);
}

void resq_llama_tensor_name(char *out, int64_t layer, const char *stem, const char *part) {
  snprintf(out, RESQ_GGUF_MAX_NAME + 1, "blk.%" PRId64 ".%s.%s", layer, stem, part);
}

typedef struct checker {
  const resq_gguf *gguf;
  bool *expected; ///< [n_tensors]: which tensors of the file the model uses
  resq_error *err;
} checker;

static void print_shape(char *out, size_t size, const resq_gguf_tensor *tensor) {
  size_t at = 0;
  for (uint32_t i = 0; i < tensor->n_dims && at < size; ++i)
    at += (size_t)snprintf(out + at, size - at, "%s%" PRIu64, i ? ", " : "",
                           resq_gguf_outer_dim(tensor, i));
}

/// Marks the tensor as expected and checks its shape; *found (or, when NULL, failure) tells that it is absent.
static bool check_tensor(checker *c, const char *name, uint32_t rank, const int64_t *shape,
                         bool *found) {
  const resq_gguf_tensor *tensor = resq_gguf_find(c->gguf, name);
  if (found)
    *found = tensor != NULL;
  if (!tensor)
    return found ? true
                 : resq_fail(c->err, RESQ_BAD_INPUT, "%s: tensor '%s' is missing", c->gguf->path, name);
  c->expected[tensor - c->gguf->tensors] = true;
  bool ok = tensor->n_dims == rank;
  for (uint32_t i = 0; ok && i < rank; ++i)
    ok = resq_gguf_outer_dim(tensor, i) == (uint64_t)shape[i];
  if (ok)
    return true;
  char has[96] = "", wants[64];
  print_shape(has, sizeof has, tensor);
  snprintf(wants, sizeof wants, rank == 1 ? "%" PRId64 : "%" PRId64 ", %" PRId64, shape[0],
           rank == 1 ? 0 : shape[1]);
  return resq_fail(c->err, RESQ_BAD_INPUT,
                   "%s: tensor '%s' has shape [%s]; the configuration calls for [%s]", c->gguf->path,
                   name, has, wants);
}

static bool check_layer(checker *c, const resq_llama_tensor *tensors, int64_t layer) {
  for (int i = 0; i < RESQ_LLAMA_SITES; ++i) {
    char name[RESQ_GGUF_MAX_NAME + 1];
    bool present;
    resq_llama_tensor_name(name, layer, tensors[i].stem, "weight");
    if (!check_tensor(c, name, tensors[i].rank, tensors[i].shape, NULL))
      return false;
    resq_llama_tensor_name(name, layer, tensors[i].stem, "bias");
    if (tensors[i].may_have_bias && !check_tensor(c, name, 1, tensors[i].shape, &present))
      return false;
  }
  return true;
}

static bool check_tensors(checker *c, resq_llama_config *config) {
  const int64_t table[] = {config->vocabulary, config->width}, turns[] = {config->head_size / 2};
  resq_llama_tensor tensors[RESQ_LLAMA_SITES];
  resq_llama_layer_tensors(config, tensors);
  bool has_head;
  if (!check_tensor(c, "token_embd.weight", 2, table, NULL) ||
      !check_tensor(c, "output_norm.weight", 1, &config->width, NULL) ||
      !check_tensor(c, "output.weight", 2, table, &has_head) ||
      !check_tensor(c, "rope_freqs.weight", 1, turns, &config->rope_factors))
    return false;
  config->tied = !has_head;
  for (int64_t layer = 0; layer < config->layers; ++layer)
    if (!check_layer(c, tensors, layer))
      return false;
  for (uint64_t i = 0; i < c->gguf->n_tensors; ++i)
    if (!c->expected[i])
      return resq_fail(c->err, RESQ_BAD_INPUT,
                       "%s: tensor '%s' is no part of a llama model of %" PRId64 " layers",
                       c->gguf->path, c->gguf->tensors[i].name, config->layers);
  return true;
}

bool resq_llama_config_read(const resq_gguf *gguf, resq_llama_config *out, resq_error *err) {
  *out = (resq_llama_config){0};
  if (!read_metadata(gguf, out, err) || !read_vocabulary(gguf, out, err))
    return false;
  checker c = {gguf, calloc((size_t)gguf->n_tensors + 1, sizeof(bool)), err};
  if (!c.expected)
    return resq_fail(err, RESQ_NO_MEMORY, "%s: no memory for the tensor table", gguf->path);
  bool ok = check_tensors(&c, out);
  free(c.expected);
  return ok;
}
