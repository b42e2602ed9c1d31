//===-- gguf_writer.h - GGUF files in memory, for tests -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes what it is told, right or wrong: tests of the reader need both. Ends in
// a tiny llama model of which single parts can be left out or changed.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_GGUF_WRITER_H
#define RESQ_TESTS_GGUF_WRITER_H

#include "tests/unit/byte_alphabet.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct gguf_bytes {
  uint8_t *data;
  size_t size, capacity;
} gguf_bytes;

/// Fields may be changed before gguf_writer_finish to lie in the header.
typedef struct gguf_writer {
  gguf_bytes values, infos, data;
  uint32_t version;
  uint64_t n_values, n_tensors;
  uint64_t alignment;
} gguf_writer;

enum { // value types, as in the file
  GGUF_W_U8,
  GGUF_W_I8,
  GGUF_W_U16,
  GGUF_W_I16,
  GGUF_W_U32,
  GGUF_W_I32,
  GGUF_W_F32,
  GGUF_W_BOOL,
  GGUF_W_STRING,
  GGUF_W_ARRAY,
  GGUF_W_U64,
  GGUF_W_I64,
  GGUF_W_F64
};

static inline void gguf_put(gguf_bytes *to, const void *data, size_t size) {
  if (to->size + size > to->capacity) {
    to->capacity = (to->size + size) * 2 + 256;
    to->data = realloc(to->data, to->capacity);
    if (!to->data)
      abort();
  }
  if (size)
    memcpy(to->data + to->size, data, size);
  to->size += size;
}

static inline void gguf_put_u32(gguf_bytes *to, uint32_t value) { gguf_put(to, &value, 4); }
static inline void gguf_put_u64(gguf_bytes *to, uint64_t value) { gguf_put(to, &value, 8); }
static inline void gguf_put_text(gguf_bytes *to, const char *text, size_t size) {
  gguf_put_u64(to, size);
  gguf_put(to, text, size);
}

static inline gguf_writer gguf_writer_begin(void) {
  return (gguf_writer){.version = 3, .alignment = 32};
}

//===-- Metadata ----------------------------------------------------------===//

/// Key and type; the value's bytes follow by gguf_put* into w->values.
static inline void gguf_key(gguf_writer *w, const char *key, uint32_t type) {
  gguf_put_text(&w->values, key, strlen(key));
  gguf_put_u32(&w->values, type);
  ++w->n_values;
}

static inline void gguf_u32(gguf_writer *w, const char *key, uint32_t value) {
  gguf_key(w, key, GGUF_W_U32);
  gguf_put_u32(&w->values, value);
}

static inline void gguf_f32(gguf_writer *w, const char *key, float value) {
  gguf_key(w, key, GGUF_W_F32);
  gguf_put(&w->values, &value, 4);
}

static inline void gguf_bool(gguf_writer *w, const char *key, uint8_t value) {
  gguf_key(w, key, GGUF_W_BOOL);
  gguf_put(&w->values, &value, 1);
}

static inline void gguf_text(gguf_writer *w, const char *key, const char *value) {
  gguf_key(w, key, GGUF_W_STRING);
  gguf_put_text(&w->values, value, strlen(value));
}

static inline void gguf_array(gguf_writer *w, const char *key, uint32_t element, uint64_t count) {
  gguf_key(w, key, GGUF_W_ARRAY);
  gguf_put_u32(&w->values, element);
  gguf_put_u64(&w->values, count);
}

//===-- Tensors -----------------------------------------------------------===//

static inline void gguf_pad(gguf_bytes *to, uint64_t alignment) {
  static const uint8_t zero;
  while (to->size % alignment)
    gguf_put(to, &zero, 1);
}

/// One entry of the tensor table, as given.
static inline void gguf_info(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                             const uint64_t *dims, uint64_t offset) {
  gguf_put_text(&w->infos, name, strlen(name));
  gguf_put_u32(&w->infos, n_dims);
  for (uint32_t i = 0; i < n_dims; ++i)
    gguf_put_u64(&w->infos, dims[i]);
  gguf_put_u32(&w->infos, type);
  gguf_put_u64(&w->infos, offset);
  ++w->n_tensors;
}

/// Entry and bytes.
static inline void gguf_tensor(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                               const uint64_t *dims, const void *data, size_t size) {
  gguf_pad(&w->data, w->alignment);
  gguf_info(w, name, type, n_dims, dims, w->data.size);
  gguf_put(&w->data, data, size);
}

/// A deterministic value in [-0.5, 0.5).
static inline float gguf_noise(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) * 0x1p-24f - 0.5f;
}

/// An f32 tensor [outer, inner] of noise; outer 0 makes it one-dimensional.
static inline void gguf_random(gguf_writer *w, const char *name, uint64_t outer, uint64_t inner) {
  const uint64_t dims[] = {inner, outer};
  size_t count = (size_t)(inner * (outer ? outer : 1));
  float *values = malloc(count * sizeof *values);
  uint32_t state = (uint32_t)w->n_tensors + 1;
  if (!values)
    abort();
  for (size_t i = 0; i < count; ++i)
    values[i] = gguf_noise(&state);
  gguf_tensor(w, name, 0, outer ? 2 : 1, dims, values, count * sizeof *values);
  free(values);
}

//===-- The file ----------------------------------------------------------===//

/// The whole file (free .data); the writer is emptied.
static inline gguf_bytes gguf_writer_finish(gguf_writer *w) {
  gguf_bytes out = {0};
  gguf_put(&out, "GGUF", 4);
  gguf_put_u32(&out, w->version);
  gguf_put_u64(&out, w->n_tensors);
  gguf_put_u64(&out, w->n_values);
  gguf_put(&out, w->values.data, w->values.size);
  gguf_put(&out, w->infos.data, w->infos.size);
  gguf_pad(&out, w->alignment);
  gguf_put(&out, w->data.data, w->data.size);
  free(w->values.data);
  free(w->infos.data);
  free(w->data.data);
  *w = gguf_writer_begin();
  return out;
}

//===-- A tiny llama ------------------------------------------------------===//

/// What to change in the model of gguf_tiny_llama: at most one key or tensor of each kind.
typedef struct gguf_tiny_options {
  const char *architecture; ///< NULL: llama
  const char *without;      ///< this key or tensor is left out
  const char *key;          ///< this u32 key ...
  uint32_t value;           ///< ... has this value
  const char *reshaped;     ///< this tensor has one row (or element) more
  const char *extra;        ///< a tensor [4] more
  bool head;                ///< output.weight of its own
  bool biases;              ///< attention biases
  bool rope_factors;        ///< rope_freqs.weight
  bool no_tokenizer;
  bool bytes; ///< tokens 2 to 257 are the bytes: the tokenizer reads any text
} gguf_tiny_options;

static inline bool gguf_tiny_keeps(const gguf_tiny_options *o, const char *name) {
  return !o->without || strcmp(o->without, name) != 0;
}

static inline void gguf_tiny_u32(gguf_writer *w, const gguf_tiny_options *o, const char *key,
                                 uint32_t value) {
  if (gguf_tiny_keeps(o, key))
    gguf_u32(w, key, o->key && strcmp(o->key, key) == 0 ? o->value : value);
}

static inline void gguf_tiny_tensor(gguf_writer *w, const gguf_tiny_options *o, const char *name,
                                    uint64_t outer, uint64_t inner) {
  if (o->reshaped && strcmp(o->reshaped, name) == 0)
    outer ? ++outer : ++inner;
  if (gguf_tiny_keeps(o, name))
    gguf_random(w, name, outer, inner);
}

/// A key of the architecture's: "llama.block_count".
static inline void gguf_tiny_size(gguf_writer *w, const gguf_tiny_options *o, const char *stem,
                                  uint32_t value) {
  char key[80];
  snprintf(key, sizeof key, "%s.%s", o->architecture ? o->architecture : "llama", stem);
  gguf_tiny_u32(w, o, key, value);
}

static inline void gguf_tiny_f32(gguf_writer *w, const gguf_tiny_options *o, const char *stem,
                                 float value) {
  char key[80];
  snprintf(key, sizeof key, "%s.%s", o->architecture ? o->architecture : "llama", stem);
  if (gguf_tiny_keeps(o, key))
    gguf_f32(w, key, value);
}

/// 260 numbered tokens: tests of import need no text.
static inline void gguf_tiny_tokenizer(gguf_writer *w, const gguf_tiny_options *o) {
  enum { TOKENS = 260 };
  byte_alphabet alphabet;
  byte_alphabet_make(alphabet);
  gguf_text(w, "tokenizer.ggml.model", "gpt2");
  gguf_text(w, "tokenizer.ggml.pre", "smollm");
  gguf_array(w, "tokenizer.ggml.tokens", GGUF_W_STRING, TOKENS);
  for (int i = 0; i < TOKENS; ++i) {
    char token[16];
    int size = o->bytes && i >= 2 && i < 258 ? snprintf(token, sizeof token, "%s", alphabet[i - 2])
                                             : snprintf(token, sizeof token, "t%d", i);
    gguf_put_text(&w->values, token, (size_t)size);
  }
  gguf_array(w, "tokenizer.ggml.token_type", GGUF_W_I32, TOKENS);
  for (int i = 0; i < TOKENS; ++i)
    gguf_put_u32(&w->values, i < 2 ? 3 : 1);
  gguf_array(w, "tokenizer.ggml.merges", GGUF_W_STRING, 1);
  gguf_put_text(&w->values, "t2 t3", 5);
  gguf_tiny_u32(w, o, "tokenizer.ggml.bos_token_id", 0);
  gguf_tiny_u32(w, o, "tokenizer.ggml.eos_token_id", 1);
  gguf_bool(w, "tokenizer.ggml.add_bos_token", 1);
  gguf_text(w, "tokenizer.chat_template", "{{ messages }}");
}

static inline void gguf_tiny_layer(gguf_writer *w, const gguf_tiny_options *o, int layer) {
  static const struct {
    const char *stem;
    uint64_t outer, inner;
    bool bias;
  } tensors[] = {
      {"attn_norm", 0, 64, false}, {"attn_q", 64, 64, true},      {"attn_k", 32, 64, true},
      {"attn_v", 32, 64, true},    {"attn_output", 64, 64, true}, {"ffn_norm", 0, 64, false},
      {"ffn_gate", 96, 64, false}, {"ffn_up", 96, 64, false},     {"ffn_down", 64, 96, false}};
  for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; ++i) {
    char name[80];
    snprintf(name, sizeof name, "blk.%d.%s.weight", layer, tensors[i].stem);
    gguf_tiny_tensor(w, o, name, tensors[i].outer, tensors[i].inner);
    snprintf(name, sizeof name, "blk.%d.%s.bias", layer, tensors[i].stem);
    if (o->biases && tensors[i].bias)
      gguf_tiny_tensor(w, o, name, 0, tensors[i].outer);
  }
}

/// Hidden 64, 2 layers, 4 heads over 2 kv heads of 16, intermediate 96, 260 tokens; f32. More keys may be added before
/// gguf_writer_finish.
static inline gguf_writer gguf_tiny_llama(const gguf_tiny_options *o) {
  gguf_writer w = gguf_writer_begin();
  if (gguf_tiny_keeps(o, "general.architecture"))
    gguf_text(&w, "general.architecture", o->architecture ? o->architecture : "llama");
  gguf_text(&w, "general.name", "tiny");
  gguf_tiny_size(&w, o, "block_count", 2);
  gguf_tiny_size(&w, o, "context_length", 128);
  gguf_tiny_size(&w, o, "embedding_length", 64);
  gguf_tiny_size(&w, o, "feed_forward_length", 96);
  gguf_tiny_size(&w, o, "attention.head_count", 4);
  gguf_tiny_size(&w, o, "attention.head_count_kv", 2);
  gguf_tiny_size(&w, o, "rope.dimension_count", 16);
  gguf_tiny_size(&w, o, "vocab_size", 260);
  gguf_tiny_f32(&w, o, "rope.freq_base", 10000.0f);
  gguf_tiny_f32(&w, o, "attention.layer_norm_rms_epsilon", 1e-5f);
  if (!o->no_tokenizer)
    gguf_tiny_tokenizer(&w, o);
  gguf_tiny_tensor(&w, o, "token_embd.weight", 260, 64);
  for (int layer = 0; layer < 2; ++layer)
    gguf_tiny_layer(&w, o, layer);
  gguf_tiny_tensor(&w, o, "output_norm.weight", 0, 64);
  if (o->head)
    gguf_tiny_tensor(&w, o, "output.weight", 260, 64);
  if (o->rope_factors)
    gguf_tiny_tensor(&w, o, "rope_freqs.weight", 0, 8);
  if (o->extra)
    gguf_tiny_tensor(&w, o, o->extra, 0, 4);
  return w;
}

#endif // RESQ_TESTS_GGUF_WRITER_H
