//===-- decoder_config.h - the shape of a decoder model, checked ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Read from a GGUF file's metadata; every tensor of the file is then checked
// against it, so that building the module can't meet a surprise. No MLIR here.
//
// The architectures that resq imports share one graph (pre-norm blocks of grouped
// RoPE attention and a SiLU-gated MLP); what tells them apart is a row of data.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_DECODER_CONFIG_H
#define RESQ_DIALECT_IMPORT_DECODER_CONFIG_H

#include "dialect/import/decoder_rope.h"
#include "dialect/import/gguf.h"

/// Bounds far beyond any model; products of two of them fit an int64.
enum {
  RESQ_DECODER_MAX_LAYERS = 4096,
  RESQ_DECODER_MAX_WIDTH = 1 << 20,
  RESQ_DECODER_MAX_HEADS = 1 << 14,
  RESQ_DECODER_MAX_HEAD_SIZE = 1 << 12,
  RESQ_DECODER_MAX_VOCABULARY = 1 << 24,
  RESQ_DECODER_MAX_CONTEXT = INT32_MAX,
};

/// One value of the key general.architecture.
typedef struct resq_architecture {
  const char *name; ///< the value, and the prefix of the keys: "llama.block_count"
  bool
      rope_interleaved; ///< rows of q and k are stored for RoPE of the pairs (2i, 2i + 1), not (i, i + size/2)
  bool rope_factors; ///< the file may hold rope_freqs.weight
  bool qkv_biases;   ///< q, k and v have biases, always; elsewhere any linear may have one
} resq_architecture;

/// The architecture of that name; NULL when there is none.
const resq_architecture *resq_decoder_architecture_find(resq_text name);
#define RESQ_DECODER_ARCHITECTURES "'llama' and 'qwen2'" // for messages

typedef struct resq_decoder_config {
  const resq_architecture *architecture;
  int64_t layers, width, heads, kv_heads, head_size, mlp_width, vocabulary, context_length;
  float eps;
  float attention_scale; ///< of scores, with RoPE's factor
  resq_decoder_rope rope;
  bool tied;         ///< no output.weight: the head reads the embedding
  bool rope_factors; ///< rope_freqs.weight stands in the file
  resq_text name;    ///< general.name, or ""
} resq_decoder_config;

typedef enum resq_decoder_bias {
  RESQ_DECODER_NO_BIAS,
  RESQ_DECODER_MAY_HAVE_BIAS,
  RESQ_DECODER_HAS_BIAS
} resq_decoder_bias;

/// The tensors of a layer, in graph order. Names and shapes: resq_decoder_layer_tensors.
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

typedef struct resq_decoder_tensor {
  const char *site;       ///< ours: "q", a part of "l0.q"
  const char *stem;       ///< the file's: "attn_q" of "blk.0.attn_q.weight"
  uint32_t rank;          ///< 1 (norms) or 2
  int64_t shape[2];       ///< outermost first: [out, in]
  resq_decoder_bias bias; ///< "blk.0.attn_q.bias" of shape [out]
} resq_decoder_tensor;

void resq_decoder_layer_tensors(const resq_decoder_config *config,
                                resq_decoder_tensor out[RESQ_DECODER_SITES]);

/// "blk.0.attn_q.weight" into a buffer of RESQ_GGUF_MAX_NAME + 1 bytes. `part` is "weight" or "bias".
void resq_decoder_tensor_name(char *out, int64_t layer, const char *stem, const char *part);

/// Reads the configuration and checks that the file holds every tensor it calls for, in shape, and no others.
bool resq_decoder_config_read(const resq_gguf *gguf, resq_decoder_config *out, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_DECODER_CONFIG_H
