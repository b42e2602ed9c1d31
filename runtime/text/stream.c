//===-- stream.c - token bytes to text that can be shown ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/stream.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct bytes {
  char *data;
  size_t begin, size, capacity; ///< the bytes are data[begin, begin + size)
} bytes;

/// A stop string, and how much of it the text ends in (Knuth, Morris and Pratt): a byte costs a
/// step or two, however long the string is and however much of it the text repeats.
typedef struct stop {
  resq_text text;
  uint32_t *border; ///< [size + 1]: the longest proper end of the first k bytes that is a beginning
  size_t matched;
} stop;

struct resq_stream {
  stop *stops;
  size_t n_stops;
  int stopped;
  uint64_t work;
  bytes held; ///< not given out yet
  bytes text; ///< what the last call gave out
};

static const char *start(const bytes *b) { return b->data + b->begin; }

static bool append(bytes *b, const char *data, size_t size, resq_error *err) {
  if (size > b->capacity - b->begin - b->size && b->begin >= b->size) {
    // What was taken from the front is at least as much as what is moved.
    if (b->size)
      memcpy(b->data, start(b), b->size);
    b->begin = 0;
  }
  if (size > b->capacity - b->begin - b->size) {
    size_t used = b->begin + b->size;
    size_t capacity = 2 * b->capacity > used + size ? 2 * b->capacity : used + size + 64;
    char *grown = realloc(b->data, capacity);
    if (!grown)
      return resq_fail(err, RESQ_NO_MEMORY, "no memory for %zu bytes of text", capacity);
    b->data = grown;
    b->capacity = capacity;
  }
  if (size)
    memcpy(b->data + b->begin + b->size, data, size);
  b->size += size;
  return true;
}

static void clear(bytes *b) { b->begin = b->size = 0; }

/// The state of a stop string behind one more byte.
static size_t advance(const stop *s, size_t matched, char byte, uint64_t *work) {
  for (;; matched = s->border[matched]) {
    ++*work;
    if (matched < s->text.size && s->text.data[matched] == byte)
      return matched + 1;
    if (matched == 0)
      return 0;
  }
}

static bool add_stop(resq_stream *s, const char *text, resq_error *err) {
  size_t size = strlen(text);
  if (!size || size >= UINT32_MAX)
    return resq_fail(err, RESQ_USAGE, "stop string %zu is %s", s->n_stops + 1,
                     size ? "too long" : "empty");
  stop *added = &s->stops[s->n_stops++];
  char *copy = strdup(text);
  added->text = (resq_text){copy, size};
  added->border = calloc(size + 1, sizeof *added->border);
  if (!copy || !added->border)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for a stop string");
  for (size_t i = 1; i < size; ++i)
    added->border[i + 1] = (uint32_t)advance(added, added->border[i], text[i], &s->work);
  return true;
}

resq_stream *resq_stream_create(const char *const *stops, size_t n_stops, resq_error *err) {
  resq_stream *s = calloc(1, sizeof *s);
  if (s)
    s->stops = calloc(n_stops + 1, sizeof *s->stops);
  bool ok = (s && s->stops) || resq_fail(err, RESQ_NO_MEMORY, "no memory for a text stream");
  for (size_t i = 0; ok && i < n_stops; ++i)
    ok = add_stop(s, stops[i], err);
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
  for (size_t i = 0; i < s->n_stops; ++i) {
    free((char *)s->stops[i].text.data);
    free(s->stops[i].border);
  }
  free(s->stops);
  free(s->held.data);
  free(s->text.data);
  free(s);
}

void resq_stream_reset(resq_stream *s) {
  clear(&s->held);
  clear(&s->text);
  for (size_t i = 0; i < s->n_stops; ++i)
    s->stops[i].matched = 0;
  s->stopped = -1;
}

int resq_stream_stopped(const resq_stream *s) { return s->stopped; }
uint64_t resq_stream_work(const resq_stream *s) { return s->work; }

/// Bytes of `in` up to the end of the stop string that is complete first, the longest of those; all
/// of them when there is none. Completion, not beginning, decides: so the result does not depend
/// on how the text was cut into tokens.
static size_t find_stop(resq_stream *s, resq_text in) {
  for (size_t at = 0; at < in.size; ++at) {
    for (size_t i = 0; i < s->n_stops; ++i) {
      stop *one = &s->stops[i];
      one->matched = advance(one, one->matched, in.data[at], &s->work);
      if (one->matched == one->text.size &&
          (s->stopped < 0 || one->text.size > s->stops[s->stopped].text.size))
        s->stopped = (int)i;
    }
    if (s->stopped >= 0)
      return at + 1;
  }
  return in.size;
}

/// Bytes at the end that may be the beginning of a stop string.
static size_t undecided_stop(const resq_stream *s) {
  size_t longest = 0;
  for (size_t i = 0; i < s->n_stops; ++i)
    if (s->stops[i].matched > longest)
      longest = s->stops[i].matched;
  return longest;
}

/// Moves the first `size` held bytes to the text, as UTF-8; with `all` a cut sequence at their end
/// too.
static bool give(resq_stream *s, size_t size, bool all, resq_error *err) {
  size_t at = 0;
  while (at < size) {
    uint32_t code;
    size_t bad, length = resq_utf8_decode(start(&s->held) + at, size - at, &code, &bad);
    if (length == 0 && bad == 0) { // cut short
      if (!all)
        break;
      bad = size - at;
    }
    if (!append(&s->text, length ? start(&s->held) + at : "\xEF\xBF\xBD", length ? length : 3, err))
      return false;
    at += length ? length : bad;
  }
  s->held.begin += at;
  s->held.size -= at;
  return true;
}

bool resq_stream_push(resq_stream *s, resq_text in, resq_text *out_text, resq_error *err) {
  clear(&s->text);
  *out_text = (resq_text){"", 0};
  if (s->stopped >= 0 || in.size == 0)
    return true;
  if (!append(&s->held, in.data, find_stop(s, in), err))
    return false;
  bool stopped = s->stopped >= 0;
  size_t size = s->held.size - (stopped ? s->stops[s->stopped].text.size : undecided_stop(s));
  // Held bytes that end in a stop string are complete: a cut sequence before it is ill-formed.
  if (!give(s, size, stopped, err))
    return false;
  if (stopped)
    clear(&s->held);
  *out_text = (resq_text){s->text.data ? s->text.data : "", s->text.size};
  return true;
}

bool resq_stream_finish(resq_stream *s, resq_text *out_text, resq_error *err) {
  clear(&s->text);
  *out_text = (resq_text){"", 0};
  if (s->held.size && !give(s, s->held.size, true, err))
    return false;
  *out_text = (resq_text){s->text.data ? s->text.data : "", s->text.size};
  return true;
}
