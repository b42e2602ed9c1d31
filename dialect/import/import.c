//===-- import.c - a file of either kind to a module ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells formats apart by content.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"
#include "base/file.h"

#include <string.h>

MlirModule resq_import(MlirContext ctx, const char *path, resq_error *err) {
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return (MlirModule){NULL};
  bool is_gguf = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
  resq_map_close(&map);
  return is_gguf ? resq_import_gguf(ctx, path, err) : resq_import_mlir(ctx, path, err);
}
