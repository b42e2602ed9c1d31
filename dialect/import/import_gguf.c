//===-- import_gguf.c - a GGUF checkpoint as a resq module ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/import/decoder_module.h"
#include "dialect/import/import.h"

MlirModule resq_import_gguf(MlirContext ctx, const char *path, resq_checkpoints *checkpoints,
                            resq_error *err) {
  resq_checkpoint_file *file = resq_checkpoints_open(checkpoints, path, err);
  resq_decoder_source source = {.path = path, .format = RESQ_CHECKPOINT_FORMAT_GGUF};
  if (!file || !resq_decoder_config_read(&file->gguf, &source.config, err))
    return (MlirModule){NULL};
  source.gguf = &file->gguf;
  source.path = file->gguf.path;
  source.digest = resq_checkpoint_file_digest(file);
  return resq_decoder_module(ctx, &source, err);
}
