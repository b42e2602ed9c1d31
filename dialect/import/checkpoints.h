//===-- checkpoints.h - checkpoint files that are open --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compile reads its checkpoint in many places: the import its shape, the tokenizer its tables, and
// each evaluation of recipes (two programs of calibration, the report, the parameters) its tensors.
// All of them ask one registry, so that a file is mapped, parsed and hashed once, and nobody sees
// another file than the import did. The driver of a compile owns the registry and passes it down;
// where there is no compile (a pass of resq-opt), the functions that take one make their own.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_CHECKPOINTS_H
#define RESQ_DIALECT_IMPORT_CHECKPOINTS_H

#include "dialect/import/gguf.h"

typedef struct resq_checkpoints resq_checkpoints;

/// A file of the registry, which owns it.
typedef struct resq_checkpoint_file {
  resq_gguf gguf;
  XXH128_hash_t digest; ///< when hashed
  bool hashed;
} resq_checkpoint_file;

resq_checkpoints *resq_checkpoints_create(void);
/// Closes all files. NULL is fine.
void resq_checkpoints_destroy(resq_checkpoints *checkpoints);

/// The file at `path`, which is opened when no call has named that path before. It stays open, and
/// where it is, until the registry is destroyed. NULL after filling err; the next call tries again.
resq_checkpoint_file *resq_checkpoints_open(resq_checkpoints *checkpoints, const char *path,
                                            resq_error *err);
/// XXH3-128 of the whole file, which the first call reads.
XXH128_hash_t resq_checkpoint_file_digest(resq_checkpoint_file *file);
/// Takes what was read of all files out of memory, until it is read again.
void resq_checkpoints_drop_pages(const resq_checkpoints *checkpoints);

#endif // RESQ_DIALECT_IMPORT_CHECKPOINTS_H
