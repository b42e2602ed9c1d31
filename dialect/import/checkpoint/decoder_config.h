//===-- decoder_config.h - the shape of a decoder model -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the driver of a format reads from a checkpoint's metadata, and all that the module's builder
// knows of a model. The tensors are checked against it (decoder_tensors.h), so that building the
// module can't meet a surprise. No MLIR here.
//
// The architectures that resq imports share one graph (pre-norm blocks of grouped RoPE attention and
// a SiLU-gated MLP); what tells them apart is a row of data.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_CONFIG_H
#define RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_CONFIG_H

#include "dialect/import/checkpoint/checkpoint.h"
#include "dialect/import/checkpoint/decoder_rope.h"

/// Bounds far beyond any model; products of two of them fit an int64.
enum {
  RESQ_DECODER_MAX_LAYERS = 4096,
  RESQ_DECODER_MAX_WIDTH = 1 << 20,
  RESQ_DECODER_MAX_HEADS = 1 << 14,
  RESQ_DECODER_MAX_HEAD_SIZE = 1 << 12,
  RESQ_DECODER_MAX_VOCABULARY = 1 << 24,
  RESQ_DECODER_MAX_CONTEXT = INT32_MAX,
};

/// A family of models: GGUF's key general.architecture, and config.json's model_type.
typedef struct resq_architecture {
  const char *name;
  bool rope_factors; ///< frequencies may have factors of their own (Llama 3.1's scaling)
  bool qkv_biases;   ///< q, k and v have biases, always; elsewhere any linear may have one
} resq_architecture;

/// The architecture of that name; NULL when there is none.
const resq_architecture *resq_decoder_architecture_find(resq_text name);
#define RESQ_DECODER_ARCHITECTURES "'llama' and 'qwen2'" // for messages

typedef enum resq_decoder_bias {
  RESQ_DECODER_NO_BIAS,
  RESQ_DECODER_MAY_HAVE_BIAS, ///< the tensors say
  RESQ_DECODER_HAS_BIAS
} resq_decoder_bias;

/// The tensors of a layer, in graph order.
typedef enum resq_decoder_site {
  RESQ_DECODER_ATTN_NORM,
  RESQ_DECODER_Q,
  RESQ_DECODER_K,
  RESQ_DECODER_V,
  RESQ_DECODER_O,
  RESQ_DECODER_MLP_NORM,
  RESQ_DECODER_GATE,
  RESQ_DECODER_UP,
  RESQ_DECODER_DOWN,
  RESQ_DECODER_SITES
} resq_decoder_site;

/// What a format calls a model's tensors: a row of data for each format.
typedef struct resq_decoder_names {
  const char *embedding, *final_norm, *head; ///< whole names
  const char *rope_factors;                  ///< whole name; NULL: not a tensor in this format
  const char *layer;                         ///< "blk." of "blk.0.attn_q.weight"
  const char *stems[RESQ_DECODER_SITES];     ///< "attn_q"
  const char *overlooked; ///< names with this end hold what is computed anyway; NULL: none
} resq_decoder_names;

typedef struct resq_decoder_config {
  const resq_architecture *architecture;
  const resq_decoder_names *names;
  int64_t layers, width, heads, kv_heads, head_size, mlp_width, vocabulary, context_length;
  float eps;
  float attention_scale; ///< of scores, with RoPE's factor
  resq_decoder_rope rope;
  resq_decoder_bias qkv_bias, o_bias, mlp_bias;
  bool rows_interleaved; ///< rows of q and k are stored for RoPE of the pairs (2i, 2i + 1), not
                         ///< (i, i + size/2)
  bool tied_stated;      ///< the metadata says whether the head is tied; otherwise the tensors do
  bool tied;             ///< the head reads the embedding
  bool rope_factors;     ///< the tensor names->rope_factors is there
  resq_text name;        ///< of the model, or ""; the checkpoint's
} resq_decoder_config;

#endif // RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_CONFIG_H
