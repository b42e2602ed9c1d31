//===-- gguf_reader.h - keys of an architecture's namespace ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed reading of "llama.block_count" by its stem "block_count", with the bounds that
// the configuration needs.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_GGUF_READER_H
#define RESQ_DIALECT_IMPORT_GGUF_READER_H

#include "dialect/import/gguf/gguf.h"

/// The file, and whose keys are read.
typedef struct resq_key_reader {
  const resq_gguf *gguf;
  const char *architecture;
  resq_error *err;
} resq_key_reader;

/// "llama.block_count" of "block_count".
typedef struct resq_full_key {
  char text[96];
} resq_full_key;

resq_full_key resq_key_of(const resq_key_reader *r, const char *stem);
bool resq_key_present(const resq_key_reader *r, const char *stem);

/// Required: 1 to `limit`.
bool resq_key_size(const resq_key_reader *r, const char *stem, int64_t limit, int64_t *out);
/// Leaves *out alone when the key is absent.
bool resq_key_optional_size(const resq_key_reader *r, const char *stem, int64_t limit,
                            int64_t *out);
/// Required: as resq_key_size, or an array of the same size for each layer.
bool resq_key_layer_size(const resq_key_reader *r, const char *stem, int64_t layers, int64_t limit,
                         int64_t *out);
/// Required: a positive f32.
bool resq_key_positive(const resq_key_reader *r, const char *stem, float *out);
/// Leaves *out alone when the key is absent, or 0, which writers put for "not set".
bool resq_key_optional_positive(const resq_key_reader *r, const char *stem, float *out);

#endif // RESQ_DIALECT_IMPORT_GGUF_READER_H
