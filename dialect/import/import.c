//===-- import.c - a file or folder to a module ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells formats apart by content.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"

#include "base/file.h"
#include "dialect/import/gguf/gguf_checkpoint.h"
#include "dialect/import/huggingface/config.h"
#include "dialect/import/huggingface/folder.h"

MlirModule resq_import(MlirContext ctx, const char *path, resq_checkpoints *checkpoints,
                       resq_error *err) {
  resq_map map;
  if (resq_hugging_face_is_folder(path))
    return resq_import_checkpoint(ctx, path, checkpoints, err);
  if (!resq_map_open(&map, path, err))
    return (MlirModule){NULL};
  bool is_gguf = resq_gguf_recognize(map.data, map.size);
  bool is_shape = resq_decoder_shape_recognize(map.data, map.size);
  resq_map_close(&map);
  if (is_gguf)
    return resq_import_checkpoint(ctx, path, checkpoints, err);
  return is_shape ? resq_import_shape(ctx, path, err) : resq_import_mlir(ctx, path, err);
}
