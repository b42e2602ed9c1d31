//===-- gguf_keys.h - which keys of a GGUF file may be there --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A key that changes what a model computes, or how its text is tokenized, and that
// resq does not know would give wrong text without a word. So every key of the
// architecture's namespace and of `tokenizer.` stands in a table: it is computed, it
// changes nothing, or it is allowed at the value alone that changes nothing.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_GGUF_KEYS_H
#define RESQ_DIALECT_IMPORT_GGUF_KEYS_H

#include "dialect/import/gguf/gguf.h"

/// Refuses files that hold no model (adapters, importance matrices): to be called before anything
/// else is read, because those lack what a model has.
bool resq_gguf_check_kind(const resq_gguf *gguf, resq_error *err);

/// Refuses, by name and with its value, the first key that has no place in the tables. Keys that
/// are computed are checked where they are read.
bool resq_gguf_check_keys(const resq_gguf *gguf, const char *architecture, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GGUF_KEYS_H
