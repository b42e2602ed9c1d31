//===-- llama_config.h - the shape of a llama model, checked --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Read from a GGUF file's metadata; every tensor of the file is then checked
// against it, so that building the module can't meet a surprise. No MLIR here.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_LLAMA_CONFIG_H
#define RESQ_DIALECT_IMPORT_LLAMA_CONFIG_H

#include "dialect/import/gguf.h"

typedef struct resq_llama_config {
  int64_t layers, width, heads, kv_heads, head_size, mlp_width, vocabulary, context_length;
  float eps, rope_base;
  bool tied;          ///< no output.weight: the head reads the embedding
  bool rope_factors;  ///< rope_freqs.weight stands in the file
  resq_text name;     ///< general.name, or ""
} resq_llama_config;

/// The tensors of a layer, in graph order. Names and shapes: resq_llama_layer_tensors.
typedef enum resq_llama_site {
  RESQ_LLAMA_ATTN_NORM, RESQ_LLAMA_Q, RESQ_LLAMA_K, RESQ_LLAMA_V, RESQ_LLAMA_O,
  RESQ_LLAMA_MLP_NORM, RESQ_LLAMA_GATE, RESQ_LLAMA_UP, RESQ_LLAMA_DOWN,
  RESQ_LLAMA_SITES
} resq_llama_site;

typedef struct resq_llama_tensor {
  const char *site;   ///< ours: "q", a part of "l0.q"
  const char *stem;   ///< the file's: "attn_q" of "blk.0.attn_q.weight"
  uint32_t rank;      ///< 1 (norms) or 2
  int64_t shape[2];   ///< outermost first: [out, in]
  bool may_have_bias; ///< "blk.0.attn_q.bias" of shape [out]
} resq_llama_tensor;

void resq_llama_layer_tensors(const resq_llama_config *config,
                              resq_llama_tensor out[RESQ_LLAMA_SITES]);

/// "blk.0.attn_q.weight" into a buffer of RESQ_GGUF_MAX_NAME + 1 bytes. `part` is "weight" or "bias".
void resq_llama_tensor_name(char *out, int64_t layer, const char *stem, const char *part);

/// Reads the configuration and checks that the file holds every tensor it calls for, in shape, and no others.
bool resq_llama_config_read(const resq_gguf *gguf, resq_llama_config *out, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_LLAMA_CONFIG_H
