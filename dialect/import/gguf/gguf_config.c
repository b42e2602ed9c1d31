//===-- gguf_config.c - a configuration from a GGUF file's keys -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What resq does not compute is refused by name: keys in gguf_keys.c, numbers that
// need a look at others here. Loading such a model anyway would give wrong text.
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf_config.h"

#include "dialect/import/gguf/gguf_keys.h"
#include "dialect/import/gguf/gguf_reader.h"
#include "dialect/import/gguf/gguf_rope.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

//===-- Architectures -----------------------------------------------------===//

static const resq_decoder_names names = {
    .embedding = "token_embd.weight",
    .final_norm = "output_norm.weight",
    .head = "output.weight",
    .rope_factors = "rope_freqs.weight",
    .layer = "blk.",
    .stems = {[RESQ_DECODER_ATTN_NORM] = "attn_norm",
              [RESQ_DECODER_Q] = "attn_q",
              [RESQ_DECODER_K] = "attn_k",
              [RESQ_DECODER_V] = "attn_v",
              [RESQ_DECODER_O] = "attn_output",
              [RESQ_DECODER_MLP_NORM] = "ffn_norm",
              [RESQ_DECODER_GATE] = "ffn_gate",
              [RESQ_DECODER_UP] = "ffn_up",
              [RESQ_DECODER_DOWN] = "ffn_down"},
};

static int shown(resq_text text) { return text.size < 64 ? (int)text.size : 64; }

/// llama.cpp's converter puts the rows of q and k in the order of its own RoPE for these.
static bool interleaves_rows(const resq_architecture *architecture) {
  return strcmp(architecture->name, "llama") == 0;
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
  return resq_gguf_rope_read(r->gguf, r->architecture, &out->rope, r->err) &&
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

bool resq_gguf_config(const resq_gguf *gguf, resq_decoder_config *out, resq_error *err) {
  if (!resq_gguf_check_kind(gguf, err) || !read_architecture(gguf, &out->architecture, err) ||
      !resq_gguf_check_keys(gguf, out->architecture->name, err))
    return false;
  const reader r = {gguf, out->architecture->name, err};
  out->names = &names;
  out->rows_interleaved = interleaves_rows(out->architecture);
  out->qkv_bias =
      out->architecture->qkv_biases ? RESQ_DECODER_HAS_BIAS : RESQ_DECODER_MAY_HAVE_BIAS;
  out->o_bias = out->mlp_bias = RESQ_DECODER_MAY_HAVE_BIAS;
  return read_metadata(&r, out) && read_vocabulary(&r, out);
}
