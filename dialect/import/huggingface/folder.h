//===-- folder.h - a Hugging Face folder as a checkpoint ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// config.json and safetensors files, one or as many as model.safetensors.index.json names, are needed;
// generation_config.json, tokenizer.json and what belongs to it are read where they are there.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_FOLDER_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_FOLDER_H

#include "dialect/import/checkpoint/checkpoint.h"

#include <jansson.h>

/// Whether the path is a folder, of whatever contents.
bool resq_hugging_face_is_folder(const char *path);

/// NULL after filling err.
resq_checkpoint *resq_hugging_face_checkpoint_open(const char *path, resq_error *err);

//===-- For the other files of this layer ---------------------------------===//

/// The files beside the weights.
typedef enum resq_hugging_face_file {
  RESQ_HUGGING_FACE_CONFIG,
  RESQ_HUGGING_FACE_GENERATION,
  RESQ_HUGGING_FACE_TOKENIZER,
  RESQ_HUGGING_FACE_TOKENIZER_CONFIG,
  RESQ_HUGGING_FACE_SPECIAL_TOKENS,
  RESQ_HUGGING_FACE_CHAT_TEMPLATE,
  RESQ_HUGGING_FACE_FILES
} resq_hugging_face_file;

/// NULL when the folder does not have it.
const resq_checkpoint_file *resq_hugging_face_file_get(const resq_checkpoint *c,
                                                       resq_hugging_face_file which);
/// The file as an object in *out, which is NULL when the folder does not have it; freed with
/// json_decref.
bool resq_hugging_face_json(const resq_checkpoint *c, resq_hugging_face_file which, json_t **out,
                            resq_error *err);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_FOLDER_H
