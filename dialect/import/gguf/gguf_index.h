//===-- gguf_index.h - the sorted tables of a GGUF file -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal to dialect/import: gguf_parse.c calls these when a table is complete. Names are sorted,
// not hashed: no choice of names makes the search for duplicates take longer than n log n.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_GGUF_INDEX_H
#define RESQ_DIALECT_IMPORT_GGUF_INDEX_H

#include "dialect/import/gguf/gguf.h"

/// Fills values_by_key, which resq_gguf_get searches. False when a key appears twice.
bool resq_gguf_index_values(resq_gguf *gguf, resq_error *err);
/// Fills tensors_by_name, which resq_gguf_find searches. False when a name appears twice or two
/// tensors share bytes: both would load and give a wrong model without a word.
bool resq_gguf_index_tensors(resq_gguf *gguf, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GGUF_INDEX_H
