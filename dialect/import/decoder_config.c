//===-- decoder_config.c - reading and checking a configuration -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What resq does not compute is refused by name: keys in decoder_keys.c, numbers that
// need a look at others here. Loading such a model anyway would give wrong text.
//===----------------------------------------------------------------------===//
#include "dialect/import/decoder_config.h"

#include "dialect/import/decoder_keys.h"
#include "dialect/import/decoder_reader.h"
#include "dialect/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

//===-- Architectures -----------------------------------------------------===//

static const resq_architecture architectures[] = {
    {.name = "llama", .rope_interleaved = true, .rope_factors = true},
    {.name = "qwen2", .qkv_biases = true},
};

static bool text_is(resq_text text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static int shown(resq_text text) { return text.size < 64 ? (int)text.size : 64; }

const resq_architecture *resq_decoder_architecture_find(resq_text name) {
  for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; ++i)
    if (text_is(name, architectures[i].name))
      return &architectures[i];
  return NULL;
}

static bool read_architecture(const resq_gguf *gguf, const resq_architecture **out,
                              resq_error *err) {
  resq_text name;
  if (!resq_gguf_string(gguf, "general.architecture", &name, err))
    return false;
  *out = resq_decoder_architecture_find(name);
  return *out ||
         resq_fail(
             err, RESQ_BAD_INPUT,
             "%s: key 'general.architecture' is '%.*s'; resq compiles " RESQ_DECODER_ARCHITECTURES,
             gguf->path, shown(name), name.data);
}

//===-- Metadata ----------------------------------------------------------===//

typedef resq_key_reader reader;

/// Attention must be causal, over all that came before: a window as long as the context is no window.
static bool check_attention(const reader *r, int64_t context) {
  resq_full_key causal_key = resq_key_of(r, "attention.causal");
  resq_full_key window_key = resq_key_of(r, "attention.sliding_window");
  bool causal = true;
  uint64_t window = 0;
  if (resq_key_present(r, "attention.causal") &&
      !resq_gguf_bool(r->gguf, causal_key.text, &causal, r->err))
    return false;
  if (!causal)
    return resq_fail(r->err, RESQ_BAD_INPUT, "%s: key '%s' is false; true is needed", r->gguf->path,
                     causal_key.text);
  if (resq_key_present(r, "attention.sliding_window") &&
      !resq_gguf_u64(r->gguf, window_key.text, &window, r->err))
    return false;
  return window == 0 || window >= (uint64_t)context ||
         resq_fail(r->err, RESQ_BAD_INPUT,
                   "%s: key '%s' is %" PRIu64 "; 0 or at least the context of %" PRId64
                   " tokens is supported: resq does not compute sliding windows",
                   r->gguf->path, window_key.text, window, context);
}

/// What scores are multiplied by: the file's number, or 1 / sqrt(head); RoPE's factor stands in queries and keys.
static bool read_attention_scale(const reader *r, resq_decoder_config *out) {
  out->attention_scale = 1.0f / sqrtf((float)out->head_size);
  if (!resq_key_optional_positive(r, "attention.scale", &out->attention_scale))
    return false;
  out->attention_scale *= out->rope.attn_factor * out->rope.attn_factor;
  return (out->attention_scale > 0 && isfinite(out->attention_scale)) ||
         resq_fail(r->err, RESQ_BAD_INPUT, "%s: key '%s' is %g; scores would be multiplied by %g",
                   r->gguf->path, resq_key_of(r, "rope.scaling.attn_factor").text,
                   (double)out->rope.attn_factor, (double)out->attention_scale);
}

static bool read_head_counts(const reader *r, resq_decoder_config *out) {
  if (!resq_key_layer_size(r, "attention.head_count", out->layers, RESQ_DECODER_MAX_HEADS,
                           &out->heads))
    return false;
  out->kv_heads = out->heads;
  if (resq_key_present(r, "attention.head_count_kv") &&
      !resq_key_layer_size(r, "attention.head_count_kv", out->layers, RESQ_DECODER_MAX_HEADS,
                           &out->kv_heads))
    return false;
  return out->heads % out->kv_heads == 0 ||
         resq_fail(r->err, RESQ_BAD_INPUT,
                   "%s: key '%s' is %" PRId64 "; a divisor of the %" PRId64 " heads is needed",
                   r->gguf->path, resq_key_of(r, "attention.head_count_kv").text, out->kv_heads,
                   out->heads);
}

/// The size of a head (key_length; without it the heads share the width), and that RoPE turns the whole of each.
static bool read_head_size(const reader *r, resq_decoder_config *out) {
  if (!resq_key_present(r, "attention.key_length") && out->width % out->heads != 0)
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: key '%s' is %" PRId64 "; a divisor of '%s' %" PRId64 " is needed",
                     r->gguf->path, resq_key_of(r, "attention.head_count").text, out->heads,
                     resq_key_of(r, "embedding_length").text, out->width);
  out->head_size = out->width / out->heads;
  if (!resq_key_optional_size(r, "attention.key_length", RESQ_DECODER_MAX_HEAD_SIZE,
                              &out->head_size))
    return false;
  int64_t value_size = out->head_size, turned = out->head_size;
  if (!resq_key_optional_size(r, "attention.value_length", RESQ_DECODER_MAX_HEAD_SIZE,
                              &value_size) ||
      !resq_key_optional_size(r, "rope.dimension_count", RESQ_DECODER_MAX_HEAD_SIZE, &turned))
    return false;
  if (value_size != out->head_size)
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: key '%s' is %" PRId64 "; the keys' %" PRId64 " is needed", r->gguf->path,
                     resq_key_of(r, "attention.value_length").text, value_size, out->head_size);
  if (turned != out->head_size || turned % 2 != 0 || turned > RESQ_DECODER_MAX_HEAD_SIZE)
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: RoPE turns %" PRId64 " of %" PRId64
                     " elements of a head; all of them, an even "
                     "number up to %d, is supported",
                     r->gguf->path, turned, out->head_size, RESQ_DECODER_MAX_HEAD_SIZE);
  return true;
}

static bool read_metadata(const reader *r, resq_decoder_config *out) {
  out->name = (resq_text){"", 0};
  if (resq_gguf_get(r->gguf, "general.name") &&
      !resq_gguf_string(r->gguf, "general.name", &out->name, r->err))
    return false;
  return resq_decoder_rope_read(r->gguf, r->architecture, &out->rope, r->err) &&
         resq_key_size(r, "block_count", RESQ_DECODER_MAX_LAYERS, &out->layers) &&
         resq_key_size(r, "context_length", RESQ_DECODER_MAX_CONTEXT, &out->context_length) &&
         resq_key_size(r, "embedding_length", RESQ_DECODER_MAX_WIDTH, &out->width) &&
         resq_key_layer_size(r, "feed_forward_length", out->layers, RESQ_DECODER_MAX_WIDTH,
                             &out->mlp_width) &&
         resq_key_positive(r, "attention.layer_norm_rms_epsilon", &out->eps) &&
         check_attention(r, out->context_length) && read_head_counts(r, out) &&
         read_head_size(r, out) && read_attention_scale(r, out);
}

/// The embedding's rows decide; what the metadata says of the vocabulary must agree.
static bool read_vocabulary(const reader *r, resq_decoder_config *out) {
  const resq_gguf_tensor *embedding = resq_gguf_find(r->gguf, "token_embd.weight");
  if (!embedding)
    return resq_fail(r->err, RESQ_BAD_INPUT, "%s: tensor 'token_embd.weight' is missing",
                     r->gguf->path);
  uint64_t rows = embedding->n_rows; // its shape is checked with those of the others
  if (rows > RESQ_DECODER_MAX_VOCABULARY)
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: tensor 'token_embd.weight' has %" PRIu64 " rows; at most %d are allowed",
                     r->gguf->path, rows, RESQ_DECODER_MAX_VOCABULARY);
  out->vocabulary = (int64_t)rows;
  int64_t said = out->vocabulary;
  if (!resq_key_optional_size(r, "vocab_size", RESQ_DECODER_MAX_VOCABULARY, &said))
    return false;
  const resq_gguf_value *tokens = resq_gguf_get(r->gguf, "tokenizer.ggml.tokens");
  bool counted = tokens && tokens->kind == RESQ_GGUF_ARRAY;
  if (said != out->vocabulary || (counted && tokens->count != rows))
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: tensor 'token_embd.weight' has %" PRIu64 " rows, but '%s' says %" PRIu64,
                     r->gguf->path, rows,
                     said != out->vocabulary ? resq_key_of(r, "vocab_size").text
                                             : "tokenizer.ggml.tokens",
                     said != out->vocabulary ? (uint64_t)said : tokens->count);
  return true;
}

//===-- Tensors -----------------------------------------------------------===//

void resq_decoder_layer_tensors(const resq_decoder_config *c,
                                resq_decoder_tensor out[RESQ_DECODER_SITES]) {
  int64_t q = c->heads * c->head_size, kv = c->kv_heads * c->head_size;
  const resq_decoder_bias none = RESQ_DECODER_NO_BIAS, may = RESQ_DECODER_MAY_HAVE_BIAS;
  const resq_decoder_bias qkv = c->architecture->qkv_biases ? RESQ_DECODER_HAS_BIAS : may;
  const resq_decoder_tensor tensors[RESQ_DECODER_SITES] = {
      [RESQ_DECODER_ATTN_NORM] = {"attn_norm", "attn_norm", 1, {c->width, 0}, none},
      [RESQ_DECODER_Q] = {"q", "attn_q", 2, {q, c->width}, qkv},
      [RESQ_DECODER_K] = {"k", "attn_k", 2, {kv, c->width}, qkv},
      [RESQ_DECODER_V] = {"v", "attn_v", 2, {kv, c->width}, qkv},
      [RESQ_DECODER_O] = {"o", "attn_output", 2, {c->width, q}, may},
      [RESQ_DECODER_MLP_NORM] = {"mlp_norm", "ffn_norm", 1, {c->width, 0}, none},
      [RESQ_DECODER_GATE] = {"gate", "ffn_gate", 2, {c->mlp_width, c->width}, may},
      [RESQ_DECODER_UP] = {"up", "ffn_up", 2, {c->mlp_width, c->width}, may},
      [RESQ_DECODER_DOWN] = {"down", "ffn_down", 2, {c->width, c->mlp_width}, may},
  };
  memcpy(out, tensors, sizeof tensors);
}

void resq_decoder_tensor_name(char *out, int64_t layer, const char *stem, const char *part) {
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
                 : resq_fail(c->err, RESQ_BAD_INPUT, "%s: tensor '%s' is missing", c->gguf->path,
                             name);
  c->expected[tensor - c->gguf->tensors] = true;
  resq_gguf_tensor view;
  if (resq_gguf_view(tensor, rank, shape, &view))
    return true;
  char has[96] = "", wants[64];
  print_shape(has, sizeof has, tensor);
  snprintf(wants, sizeof wants, rank == 1 ? "%" PRId64 : "%" PRId64 ", %" PRId64, shape[0],
           rank == 1 ? 0 : shape[1]);
  return resq_fail(c->err, RESQ_BAD_INPUT,
                   "%s: tensor '%s' has shape [%s]; the configuration calls for [%s]",
                   c->gguf->path, name, has, wants);
}

static bool check_layer(checker *c, const resq_decoder_tensor *tensors, int64_t layer) {
  for (int i = 0; i < RESQ_DECODER_SITES; ++i) {
    char name[RESQ_GGUF_MAX_NAME + 1];
    bool present;
    resq_decoder_tensor_name(name, layer, tensors[i].stem, "weight");
    if (!check_tensor(c, name, tensors[i].rank, tensors[i].shape, NULL))
      return false;
    resq_decoder_tensor_name(name, layer, tensors[i].stem, "bias");
    bool *absent_is_fine = tensors[i].bias == RESQ_DECODER_MAY_HAVE_BIAS ? &present : NULL;
    if (tensors[i].bias != RESQ_DECODER_NO_BIAS &&
        !check_tensor(c, name, 1, tensors[i].shape, absent_is_fine))
      return false;
  }
  return true;
}

static bool check_tensors(checker *c, resq_decoder_config *config) {
  const int64_t table[] = {config->vocabulary, config->width}, turns[] = {config->head_size / 2};
  resq_decoder_tensor tensors[RESQ_DECODER_SITES];
  resq_decoder_layer_tensors(config, tensors);
  bool has_head;
  if (!check_tensor(c, "token_embd.weight", 2, table, NULL) ||
      !check_tensor(c, "output_norm.weight", 1, &config->width, NULL) ||
      !check_tensor(c, "output.weight", 2, table, &has_head))
    return false;
  if (config->architecture->rope_factors &&
      !check_tensor(c, "rope_freqs.weight", 1, turns, &config->rope_factors))
    return false;
  config->tied = !has_head;
  for (int64_t layer = 0; layer < config->layers; ++layer)
    if (!check_layer(c, tensors, layer))
      return false;
  for (uint64_t i = 0; i < c->gguf->n_tensors; ++i)
    if (!c->expected[i])
      return resq_fail(
          c->err, RESQ_BAD_INPUT, "%s: tensor '%s' is no part of a %s model of %" PRId64 " layers",
          c->gguf->path, c->gguf->tensors[i].name, config->architecture->name, config->layers);
  return true;
}

bool resq_decoder_config_read(const resq_gguf *gguf, resq_decoder_config *out, resq_error *err) {
  *out = (resq_decoder_config){0};
  if (!resq_decoder_check_kind(gguf, err) || !read_architecture(gguf, &out->architecture, err) ||
      !resq_decoder_check_keys(gguf, out->architecture->name, err))
    return false;
  const reader r = {gguf, out->architecture->name, err};
  if (!read_metadata(&r, out) || !read_vocabulary(&r, out))
    return false;
  checker c = {gguf, resq_new((size_t)gguf->n_tensors, sizeof(bool)), err};
  bool ok = check_tensors(&c, out);
  free(c.expected);
  return ok;
}
