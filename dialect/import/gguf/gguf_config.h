//===-- gguf_config.h - a configuration from a GGUF file's keys -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_GGUF_CONFIG_H
#define RESQ_DIALECT_IMPORT_GGUF_CONFIG_H

#include "dialect/import/checkpoint/decoder_config.h"
#include "dialect/import/gguf/gguf.h"

/// What the driver's `config` does: *out is empty but for its name.
bool resq_gguf_config(const resq_gguf *gguf, resq_decoder_config *out, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_GGUF_CONFIG_H
