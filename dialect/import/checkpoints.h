//===-- checkpoints.h - checkpoints that are open -------------------------===//
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

#include "dialect/import/checkpoint/checkpoint.h"

typedef struct resq_checkpoints resq_checkpoints;

resq_checkpoints *resq_checkpoints_create(void);
/// Closes all checkpoints. NULL is fine.
void resq_checkpoints_destroy(resq_checkpoints *checkpoints);

/// The checkpoint at `path`, a GGUF file or a Hugging Face folder, which is opened when no call has
/// named that path before. It stays open, and where it is, until the registry is destroyed. NULL
/// after filling err; the next call tries again.
resq_checkpoint *resq_checkpoints_open(resq_checkpoints *checkpoints, const char *path,
                                       resq_error *err);
/// Takes what was read of all files out of memory, until it is read again.
void resq_checkpoints_drop_pages(const resq_checkpoints *checkpoints);

#endif // RESQ_DIALECT_IMPORT_CHECKPOINTS_H
