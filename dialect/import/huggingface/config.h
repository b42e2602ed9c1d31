//===-- config.h - the config.json of a Hugging Face checkpoint -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// It says how large a model is. In a folder with weights it is the model's configuration; alone it is
// a shape: code for it can be compiled and its speed be measured (resqc --params=absent).
//
// Keys that are read:
//   model_type                          "llama" or "qwen2"
//   hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, vocab_size,
//   max_position_embeddings, rms_norm_eps     needed
//   num_key_value_heads                 num_attention_heads without it
//   head_dim                            hidden_size / num_attention_heads without it
//   rope_theta                          10000 without it
//   rope_scaling                        null, or an object whose rope_type is "default", "linear"
//                                       (with factor) or "llama3" (with its four numbers); also
//                                       under its newer name rope_parameters, which has rope_theta
//   attention_bias, mlp_bias            false without them; qwen2's attention has biases always
//   tie_word_embeddings                 false without it
// Keys that would change what the model computes are allowed at the values alone that resq
// computes, keys that describe the file or its training are overlooked, and all others are refused.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_CONFIG_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_CONFIG_H

#include "dialect/import/checkpoint/decoder_config.h"

#include <jansson.h>
#include <xxhash.h>

/// True for bytes that look like a config.json with a model's sizes, whatever else is wrong with them.
bool resq_decoder_shape_recognize(const uint8_t *data, uint64_t size);

/// Reads the configuration; *digest is that of the file's bytes. False after filling err, which
/// names the file, the key, what was found and what is allowed.
bool resq_decoder_shape_read(const char *path, resq_decoder_config *out, XXH128_hash_t *digest,
                             resq_error *err);
/// The same of bytes in memory; `path` is for messages.
bool resq_decoder_shape_parse(const char *path, const uint8_t *data, uint64_t size,
                              resq_decoder_config *out, resq_error *err);

/// The file as an object, for what else is read from it; NULL after filling err.
json_t *resq_hugging_face_config_json(const char *path, const uint8_t *data, uint64_t size,
                                      resq_error *err);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_CONFIG_H
