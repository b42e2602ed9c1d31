//===-- import_checkpoint.c - a checkpoint as a resq module ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/import/checkpoint/decoder_tensors.h"
#include "dialect/import/decoder_module.h"
#include "dialect/import/huggingface/folder.h"
#include "dialect/import/import.h"

MlirModule resq_import_checkpoint(MlirContext ctx, const char *path, resq_checkpoints *checkpoints,
                                  resq_error *err) {
  resq_checkpoint *c = resq_checkpoints_open(checkpoints, path, err);
  resq_decoder_source source = {.checkpoint = c,
                                .format = resq_hugging_face_is_folder(path)
                                              ? RESQ_CHECKPOINT_FORMAT_HUGGING_FACE
                                              : RESQ_CHECKPOINT_FORMAT_GGUF};
  if (!c || !resq_decoder_config_read(c, &source.config, err))
    return (MlirModule){NULL};
  source.path = c->path;
  source.digest = resq_checkpoint_digest(c);
  return resq_decoder_module(ctx, &source, err);
}
