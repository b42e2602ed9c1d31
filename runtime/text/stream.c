//===-- stream.c - token bytes to text that can be shown ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "text/stream.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct bytes {
  char *data;
  size_t size, capacity;
} bytes;

struct resq_stream {
  resq_text *stops;
  size_t n_stops;
  int stopped;
  bytes held; ///< not given out yet
  bytes text; ///< what the last call gave out
};

static bool append(bytes *b, const char *data, size_t size, resq_error *err) {
  if (size > b->capacity - b->size) {
    size_t capacity = 2 * b->capacity > b->size + size ? 2 * b->capacity : b->size + size + 64;
    char *grown = realloc(b->data, capacity);
    if (!grown)
      return resq_fail(err, RESQ_NO_MEMORY, "no memory for %zu bytes of text", capacity);
    b->data = grown;
    b->capacity = capacity;
  }
  if (size)
    memcpy(b->data + b->size, data, size);
  b->size += size;
  return true;
}

resq_stream *resq_stream_create(const char *const *stops, size_t n_stops, resq_error *err) {
  resq_stream *s = calloc(1, sizeof *s);
  if (s)
    s->stops = calloc(n_stops + 1, sizeof *s->stops);
  bool ok = (s && s->stops) || resq_fail(err, RESQ_NO_MEMORY, "no memory for a text stream");
  for (size_t i = 0; ok && i < n_stops; ++i) {
    size_t size = strlen(stops[i]);
    char *copy = size ? strdup(stops[i]) : NULL;
    ok = copy || (size ? resq_fail(err, RESQ_NO_MEMORY, "no memory for a stop string")
                       : resq_fail(err, RESQ_USAGE, "stop string %zu is empty", i + 1));
    if (ok)
      s->stops[s->n_stops++] = (resq_text){copy, size};
  }
  if (ok) {
    s->stopped = -1;
    return s;
  }
  resq_stream_destroy(s);
  return NULL;
}

void resq_stream_destroy(resq_stream *s) {
  if (!s)
    return;
  for (size_t i = 0; i < s->n_stops; ++i)
    free((char *)s->stops[i].data);
  free(s->stops);
  free(s->held.data);
  free(s->text.data);
  free(s);
}

void resq_stream_reset(resq_stream *s) {
  s->held.size = s->text.size = 0;
  s->stopped = -1;
}

int resq_stream_stopped(const resq_stream *s) { return s->stopped; }

/// Where the stop string that is complete first begins, the end of the held bytes for none.
/// Completion, not beginning, decides: so the result does not depend on how the text was cut into
/// tokens.
static size_t find_stop(resq_stream *s) {
  size_t begin = s->held.size, end = SIZE_MAX;
  for (size_t i = 0; s->held.size && i < s->n_stops; ++i) {
    const char *found = memmem(s->held.data, s->held.size, s->stops[i].data, s->stops[i].size);
    if (!found)
      continue;
    size_t at = (size_t)(found - s->held.data), stop = at + s->stops[i].size;
    if (stop < end || (stop == end && at < begin)) {
      begin = at;
      end = stop;
      s->stopped = (int)i;
    }
  }
  return begin;
}

/// Bytes at the end that may be the beginning of a stop string.
static size_t undecided_stop(const resq_stream *s) {
  size_t longest = 0;
  for (size_t i = 0; i < s->n_stops; ++i) {
    size_t size = s->stops[i].size - 1;
    if (size > s->held.size)
      size = s->held.size;
    for (; size > longest; --size)
      if (memcmp(s->held.data + s->held.size - size, s->stops[i].data, size) == 0)
        longest = size;
  }
  return longest;
}

/// Moves the first `size` held bytes to the text, as UTF-8; with `all` a cut sequence at their end
/// too.
static bool give(resq_stream *s, size_t size, bool all, resq_error *err) {
  size_t at = 0;
  while (at < size) {
    uint32_t code;
    size_t bad, length = resq_utf8_decode(s->held.data + at, size - at, &code, &bad);
    if (length == 0 && bad == 0) { // cut short
      if (!all)
        break;
      bad = size - at;
    }
    if (!append(&s->text, length ? s->held.data + at : "\xEF\xBF\xBD", length ? length : 3, err))
      return false;
    at += length ? length : bad;
  }
  s->held.size -= at;
  memmove(s->held.data, s->held.data + at, s->held.size);
  return true;
}

bool resq_stream_push(resq_stream *s, resq_text in, resq_text *out_text, resq_error *err) {
  s->text.size = 0;
  *out_text = (resq_text){"", 0};
  if (s->stopped >= 0 || in.size == 0)
    return true;
  if (!append(&s->held, in.data, in.size, err))
    return false;
  size_t stop = find_stop(s);
  size_t size = s->stopped >= 0 ? stop : s->held.size - undecided_stop(s);
  // Held bytes that end in a stop string are complete: a cut sequence before it is ill-formed.
  if (!give(s, size, s->stopped >= 0, err))
    return false;
  if (s->stopped >= 0)
    s->held.size = 0;
  *out_text = (resq_text){s->text.data ? s->text.data : "", s->text.size};
  return true;
}

bool resq_stream_finish(resq_stream *s, resq_text *out_text, resq_error *err) {
  s->text.size = 0;
  *out_text = (resq_text){"", 0};
  if (s->held.size && !give(s, s->held.size, true, err))
    return false;
  *out_text = (resq_text){s->text.data ? s->text.data : "", s->text.size};
  return true;
}
