//===-- text_buffer.h - text that grows -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR prints in pieces, to a callback: resq_text_buffer_add collects them, resq_text_to_file
// passes them on. The report's pages grow in the same way.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_TEXT_BUFFER_H
#define RESQ_DIALECT_TEXT_BUFFER_H

#include "mlir-c/Support.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/// All zero is empty. The holder owns data, which is NUL-terminated once anything was appended.
typedef struct resq_text_buffer {
  char *data;
  size_t size, room;
} resq_text_buffer;

void resq_text_buffer_append(resq_text_buffer *t, const char *data, size_t size);
void resq_text_buffer_format(resq_text_buffer *t, const char *format, va_list args);
/// What was appended; "" where nothing was.
const char *resq_text_buffer_text(const resq_text_buffer *t);
/// Frees what was appended; the buffer is empty, then.
void resq_text_buffer_free(resq_text_buffer *t);

/// An MlirStringCallback that appends; user is a resq_text_buffer.
void resq_text_buffer_add(MlirStringRef piece, void *user);
/// An MlirStringCallback that writes; user is a FILE.
void resq_text_to_file(MlirStringRef piece, void *user);

#endif // RESQ_DIALECT_TEXT_BUFFER_H
