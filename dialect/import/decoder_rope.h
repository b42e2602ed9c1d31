//===-- decoder_rope.h - what a checkpoint says of rotary embedding -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_DECODER_ROPE_H
#define RESQ_DIALECT_IMPORT_DECODER_ROPE_H

#include "dialect/import/gguf.h"

typedef struct resq_decoder_rope {
  float base;
  float divisor;     ///< of all frequencies: linear scaling; 1: none
  float attn_factor; ///< of all cosines and sines, so that scores have its square; 1: none
} resq_decoder_rope;

/// Reads the keys `<architecture>.rope.*` but the number of elements that turn.
bool resq_decoder_rope_read(const resq_gguf *gguf, const char *architecture, resq_decoder_rope *out,
                            resq_error *err);

#endif // RESQ_DIALECT_IMPORT_DECODER_ROPE_H
