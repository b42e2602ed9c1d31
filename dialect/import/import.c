//===-- import.c - a file of either kind to a module ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells formats apart by content.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"
#include "base/file.h"
#include "dialect/import/decoder_shape.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/// People give the folder that they downloaded.
static bool check_not_folder(const char *path, resq_error *err) {
  struct stat about;
  if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
    return true; // what else is wrong with it is said where it is opened
  char config[4096];
  int size = snprintf(config, sizeof config, "%s/config.json", path);
  bool checkpoint = size > 0 && (size_t)size < sizeof config && stat(config, &about) == 0;
  return resq_fail(err, RESQ_IO,
                   "cannot read '%s': it is a directory, not a GGUF file or an MLIR module%s", path,
                   checkpoint ? "; convert this Hugging Face checkpoint to GGUF with llama.cpp's "
                                "convert_hf_to_gguf.py"
                              : "; give a file in it");
}

MlirModule resq_import(MlirContext ctx, const char *path, resq_checkpoints *checkpoints,
                       resq_error *err) {
  resq_map map;
  if (!check_not_folder(path, err) || !resq_map_open(&map, path, err))
    return (MlirModule){NULL};
  bool is_gguf = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
  bool is_shape = resq_decoder_shape_recognize(map.data, map.size);
  resq_map_close(&map);
  if (is_gguf)
    return resq_import_gguf(ctx, path, checkpoints, err);
  return is_shape ? resq_import_shape(ctx, path, err) : resq_import_mlir(ctx, path, err);
}
