//===-- import_shape.c - a model's shape as a resq module -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/import/decoder_module.h"
#include "dialect/import/huggingface/config.h"
#include "dialect/import/import.h"

MlirModule resq_import_shape(MlirContext ctx, const char *path, resq_error *err) {
  resq_decoder_source source = {.path = path, .format = RESQ_CHECKPOINT_FORMAT_SHAPE};
  if (!resq_decoder_shape_read(path, &source.config, &source.digest, err))
    return (MlirModule){NULL};
  return resq_decoder_module(ctx, &source, err);
}
