//===-- normalize.c - Unicode normal form C -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// utf8proc decomposes and composes. The order of the marks between is ours: utf8proc_map exchanges
// neighbours until all are in order, which takes minutes for a megabyte of marks.
//===----------------------------------------------------------------------===//
#include "text/normalize.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define OPTIONS ((utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE))
enum { MAX_DECOMPOSED = 8, FEW = 16 };

static unsigned class_of(int32_t code) {
  return (unsigned)utf8proc_get_property(code)->combining_class;
}

/// A stable sort of marks by their class; `spare` has room for as many.
static void sort_marks(int32_t *marks, size_t count, int32_t *spare, uint64_t *work) {
  size_t places[256] = {0};
  if (count <= FEW) {
    for (size_t i = 1; i < count; ++i)
      for (size_t k = i; k > 0 && class_of(marks[k - 1]) > class_of(marks[k]); --k, ++*work) {
        int32_t swapped = marks[k];
        marks[k] = marks[k - 1];
        marks[k - 1] = swapped;
      }
    return;
  }
  for (size_t i = 0; i < count; ++i)
    ++places[class_of(marks[i]) & 255];
  size_t at = 0;
  for (int i = 0; i < 256; ++i) {
    size_t n = places[i];
    places[i] = at;
    at += n;
  }
  for (size_t i = 0; i < count; ++i)
    spare[places[class_of(marks[i]) & 255]++] = marks[i];
  memcpy(marks, spare, count * sizeof *marks);
  *work += count;
}

static void sort_all_marks(int32_t *codes, size_t count, int32_t *spare, uint64_t *work) {
  for (size_t at = 0; at < count;) {
    size_t end = at;
    while (end < count && class_of(codes[end]))
      ++end;
    if (end - at > 1)
      sort_marks(codes + at, end - at, spare, work);
    at = end + 1;
  }
}

/// The canonical decomposition; returns the number of codes, or utf8proc's error. *out grows.
static utf8proc_ssize_t decompose(resq_text text, int32_t **out) {
  size_t count = 0, room = text.size / 2 + 64;
  int boundary = 0;
  *out = malloc(room * sizeof **out);
  for (size_t at = 0; *out && at < text.size;) {
    uint32_t code;
    at += resq_utf8_step(text.data + at, text.size - at, &code);
    if (room - count < MAX_DECOMPOSED + 1) { // one more for utf8proc_reencode's NUL
      room *= 2;
      int32_t *grown = realloc(*out, room * sizeof *grown);
      if (!grown)
        return UTF8PROC_ERROR_NOMEM;
      *out = grown;
    }
    utf8proc_ssize_t made = utf8proc_decompose_char((utf8proc_int32_t)code, *out + count,
                                                    MAX_DECOMPOSED, OPTIONS, &boundary);
    if (made < 0 || made > MAX_DECOMPOSED)
      return made < 0 ? made : UTF8PROC_ERROR_OVERFLOW;
    count += (size_t)made;
  }
  return *out ? (utf8proc_ssize_t)count : UTF8PROC_ERROR_NOMEM;
}

bool resq_normalize(resq_text text, char **out, size_t *out_size, uint64_t *work, resq_error *err) {
  uint64_t moved = 0;
  int32_t *codes = NULL, *spare = NULL;
  utf8proc_ssize_t size = decompose(text, &codes);
  if (size > 0 && !(spare = malloc((size_t)size * sizeof *spare)))
    size = UTF8PROC_ERROR_NOMEM;
  if (size > 0) {
    sort_all_marks(codes, (size_t)size, spare, &moved);
    size = utf8proc_reencode(codes, size, OPTIONS);
  }
  free(spare);
  if (work)
    *work += moved;
  if (size < 0) {
    free(codes);
    return resq_fail(err, size == UTF8PROC_ERROR_NOMEM ? RESQ_NO_MEMORY : RESQ_FAILED,
                     "tokenizer: Unicode normalization failed (%s)", utf8proc_errmsg(size));
  }
  // The codes had four bytes each.
  char *shrunk = realloc(codes, (size_t)size + 1);
  *out = shrunk ? shrunk : (char *)codes;
  *out_size = (size_t)size;
  return true;
}
