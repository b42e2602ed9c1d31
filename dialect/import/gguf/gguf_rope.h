//===-- gguf_rope.h - a GGUF file's keys of rotary embedding --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_GGUF_ROPE_H
#define RESQ_DIALECT_IMPORT_GGUF_ROPE_H

#include "dialect/import/checkpoint/decoder_rope.h"
#include "dialect/import/gguf/gguf.h"

/// Reads the keys `<architecture>.rope.*` but the number of elements that turn.
bool resq_gguf_rope_read(const resq_gguf *gguf, const char *architecture, resq_decoder_rope *out,
                         resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GGUF_ROPE_H
