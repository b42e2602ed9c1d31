//===-- foreign_file.h - what a file is that resq can't read --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A download that went wrong, or a checkpoint of another format, named model.gguf: the
// MLIR parser's words about it would help nobody.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_FOREIGN_FILE_H
#define RESQ_DIALECT_IMPORT_FOREIGN_FILE_H

#include "base/error.h"
#include <stdint.h>

/// Refuses what is neither GGUF nor MLIR, with what it looks like and what to do. True for MLIR
/// bytecode, for text that begins as MLIR does, and for any other text in a file whose name ends in
/// ".mlir": the parser says what is wrong with it.
bool resq_check_is_mlir(const uint8_t *data, uint64_t size, const char *path, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_FOREIGN_FILE_H
