//===-- text_buffer.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/text_buffer.h"

#include "dialect/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

/// Room for `size` more bytes and a NUL.
static void grow(resq_text_buffer *t, size_t size) {
  if (size < t->room - t->size)
    return;
  t->room = 2 * t->room + size + FIRST_ROOM;
  t->data = resq_resize(t->data, t->room, 1);
}

void resq_text_buffer_append(resq_text_buffer *t, const char *data, size_t size) {
  grow(t, size);
  if (size)
    memcpy(t->data + t->size, data, size);
  t->size += size;
  t->data[t->size] = '\0';
}

void resq_text_buffer_format(resq_text_buffer *t, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  if (size >= 0) {
    grow(t, (size_t)size);
    vsnprintf(t->data + t->size, (size_t)size + 1, format, again);
    t->size += (size_t)size;
  }
  va_end(again);
}

const char *resq_text_buffer_text(const resq_text_buffer *t) { return t->data ? t->data : ""; }

void resq_text_buffer_free(resq_text_buffer *t) {
  free(t->data);
  *t = (resq_text_buffer){0};
}

void resq_text_buffer_add(MlirStringRef piece, void *user) {
  resq_text_buffer_append(user, piece.data, piece.length);
}

void resq_text_to_file(MlirStringRef piece, void *user) {
  fwrite(piece.data, 1, piece.length, user);
}
