//===-- bytecode.h - bytecode is read in a child process first ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's reader of bytecode aborts on some damaged files, never ends on others, and on others writes
// to memory that it has freed. Programs that read a file of bytecode ask here first.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_BYTECODE_H
#define RESQ_DIALECT_BYTECODE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define RESQ_BYTECODE_MAGIC "ML\xefR" ///< the first four bytes of MLIR bytecode

#ifdef __cplusplus
extern "C" {
#endif

/// Reads the file at `path`; false, with a message where there is one, where MLIR refuses it. Runs in the child, which
/// ends afterwards, so that what was read need not be freed.
typedef bool resq_bytecode_parser(const char *path, void *user, resq_error *err);

/// Whether a file of `size` bytes, at most some hundred megabytes, can be read by `parses` within
/// bounds: a child process tries, with limits of time and memory. False, with the reason (code
/// RESQ_BAD_INPUT where the file is the cause), where it cannot; the caller must not read it then.
bool resq_bytecode_is_harmless(const char *path, uint64_t size, resq_bytecode_parser *parses,
                               void *user, resq_error *err);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_BYTECODE_H
