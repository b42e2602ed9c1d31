//===-- chat_text.c - positions, stripping and searching in text ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "text/chat_text.h"
#include "text/utf8.h"

#include <string.h>

bool chat_is_white(uint32_t x) {
  return (x >= 9 && x <= 13) || (x >= 0x1C && x <= 0x20) || x == 0x85 || x == 0xA0 || x == 0x1680 ||
         (x >= 0x2000 && x <= 0x200A) || x == 0x2028 || x == 0x2029 || x == 0x202F || x == 0x205F ||
         x == 0x3000;
}

size_t chat_last_step(resq_text text, uint32_t *code) {
  size_t start = text.size - 1;
  while (start > 0 && text.size - start < 4 && ((unsigned char)text.data[start] & 0xC0) == 0x80)
    --start;
  size_t length = resq_utf8_step(text.data + start, text.size - start, code);
  if (start + length == text.size)
    return length;
  *code = 0xFFFD; // not a code point: its last byte alone
  return 1;
}

size_t chat_length(chat_context *c, resq_text text) {
  size_t count = 0;
  if (!chat_charge(c, text.size * CHAT_SCAN))
    return 0;
  for (size_t at = 0; at < text.size; ++count) {
    uint32_t code;
    at += resq_utf8_step(text.data + at, text.size - at, &code);
  }
  return count;
}

size_t chat_offset(chat_context *c, resq_text text, int64_t index) {
  size_t at = 0, i = 0;
  uint32_t code;
  if (c->cursor.data == text.data && (int64_t)c->cursor.index <= index &&
      c->cursor.at <= text.size) {
    at = c->cursor.at;
    i = c->cursor.index;
  }
  for (; (int64_t)i < index && at < text.size; ++i) {
    size_t step = resq_utf8_step(text.data + at, text.size - at, &code);
    if (!chat_charge(c, step * CHAT_SCAN))
      return text.size;
    at += step;
  }
  c->cursor.data = text.data;
  c->cursor.index = i;
  c->cursor.at = at;
  return at;
}

bool chat_character(chat_context *c, resq_text text, int64_t i, resq_text *out) {
  uint32_t code;
  if (i >= 0) {
    size_t at = chat_offset(c, text, i);
    if (at >= text.size || c->failed)
      return false;
    *out = (resq_text){text.data + at, resq_utf8_step(text.data + at, text.size - at, &code)};
    return true;
  }
  for (; text.size; ++i) {
    size_t length = chat_last_step(text, &code);
    if (!chat_charge(c, length * CHAT_SCAN))
      return false;
    text.size -= length;
    if (i == -1) {
      *out = (resq_text){text.data + text.size, length};
      return true;
    }
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Stripping
//===----------------------------------------------------------------------===//

/// A set of code points: a bit each below 128, a hash table above.
typedef struct code_set {
  uint64_t ascii[2];
  uint32_t *table; ///< 0 is free
  size_t size;
} code_set;

static size_t set_slot(const code_set *s, uint32_t code) {
  size_t at = (code * 2654435761u) & (s->size - 1);
  while (s->table[at] && s->table[at] != code)
    at = (at + 1) & (s->size - 1);
  return at;
}

static bool make_set(chat_context *c, code_set *s, resq_text text) {
  size_t others = 0;
  if (!chat_charge(c, text.size * CHAT_SCAN * 2))
    return false;
  for (size_t i = 0; i < text.size; ++i)
    others += (unsigned char)text.data[i] >= 0x80;
  if (others) {
    for (s->size = 8; s->size < 2 * others;)
      s->size *= 2;
    s->table = chat_alloc_array(c, s->size, sizeof *s->table);
    if (!s->table)
      return false;
  }
  for (size_t at = 0; at < text.size;) {
    uint32_t code;
    at += resq_utf8_step(text.data + at, text.size - at, &code);
    if (code < 128)
      s->ascii[code / 64] |= (uint64_t)1 << (code % 64);
    else
      s->table[set_slot(s, code)] = code;
  }
  return true;
}

static bool in_set(const code_set *s, uint32_t code) {
  if (code < 128)
    return s->ascii[code / 64] >> (code % 64) & 1;
  return s->table && s->table[set_slot(s, code)] == code;
}

resq_text chat_strip(chat_context *c, resq_text text, const resq_text *set, bool left, bool right) {
  uint32_t code;
  code_set codes = {0};
  if (set && !make_set(c, &codes, *set))
    return text;
  while (left && text.size) {
    size_t length = resq_utf8_step(text.data, text.size, &code);
    if (!(set ? in_set(&codes, code) : chat_is_white(code)) || !chat_charge(c, length * CHAT_SCAN))
      break;
    text = (resq_text){text.data + length, text.size - length};
  }
  while (right && text.size) {
    size_t length = chat_last_step(text, &code);
    if (!(set ? in_set(&codes, code) : chat_is_white(code)) || !chat_charge(c, length * CHAT_SCAN))
      break;
    text.size -= length;
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Searching
//===----------------------------------------------------------------------===//

/// Without a charge: memmem takes linear time.
static size_t search(resq_text text, size_t from, resq_text what) {
  if (from > text.size || what.size > text.size - from)
    return SIZE_MAX;
  if (what.size == 0)
    return from;
  const char *found = memmem(text.data + from, text.size - from, what.data, what.size);
  return found ? (size_t)(found - text.data) : SIZE_MAX;
}

size_t chat_find(chat_context *c, resq_text text, resq_text what) {
  return chat_charge(c, text.size + what.size) ? search(text, 0, what) : SIZE_MAX;
}

static resq_text reversed_bytes(chat_context *c, resq_text text) {
  char *data = chat_charge(c, text.size) ? chat_alloc(c, text.size + 1) : NULL;
  for (size_t i = 0; data && i < text.size; ++i)
    data[i] = text.data[text.size - 1 - i];
  return (resq_text){data ? data : "", data ? text.size : 0};
}

size_t chat_find_last(chat_context *c, resq_text text, resq_text what) {
  size_t found = chat_find(c, reversed_bytes(c, text), reversed_bytes(c, what));
  return found == SIZE_MAX || c->failed ? SIZE_MAX : text.size - found - what.size;
}

size_t chat_count(chat_context *c, resq_text text, resq_text what) {
  if (what.size == 0)
    return chat_length(c, text) + 1;
  if (!chat_charge(c, 2 * (text.size + what.size)))
    return 0;
  size_t count = 0;
  for (size_t at = 0; (at = search(text, at, what)) != SIZE_MAX; at += what.size)
    ++count;
  return count;
}

/// Python puts `fresh` before every code point and at the end.
static void replace_empty(chat_context *c, chat_buffer *out, resq_text text, resq_text fresh,
                          int64_t limit) {
  size_t at = 0;
  for (; limit != 0 && !c->failed; limit -= limit > 0) {
    uint32_t code;
    chat_write(c, out, fresh.data, fresh.size);
    if (at >= text.size)
      return;
    size_t length = resq_utf8_step(text.data + at, text.size - at, &code);
    if (!chat_charge(c, CHAT_SCAN))
      return;
    chat_write(c, out, text.data + at, length);
    at += length;
  }
  chat_write(c, out, text.data + at, text.size - at);
}

resq_text chat_replace(chat_context *c, resq_text text, resq_text old, resq_text fresh,
                       int64_t limit) {
  chat_buffer out = {0};
  if (old.size == 0) {
    replace_empty(c, &out, text, fresh, limit);
    return chat_buffer_text(&out);
  }
  if (!chat_charge(c, text.size + old.size))
    return text;
  size_t at = 0, found;
  while (limit != 0 && !c->failed && (found = search(text, at, old)) != SIZE_MAX) {
    if (!chat_charge(c, CHAT_STEP))
      break;
    chat_write(c, &out, text.data + at, found - at);
    chat_write(c, &out, fresh.data, fresh.size);
    at = found + old.size;
    limit -= limit > 0;
  }
  if (at == 0)
    return text;
  chat_write(c, &out, text.data + at, text.size - at);
  return chat_buffer_text(&out);
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

static void reverse_list(chat_list *list) {
  for (size_t i = 0; i < list->count / 2; ++i) {
    chat_value swap = list->items[i];
    list->items[i] = list->items[list->count - 1 - i];
    list->items[list->count - 1 - i] = swap;
  }
}

static void split_words(chat_context *c, resq_text text, int64_t limit, bool from_right,
                        chat_value out) {
  uint32_t code;
  for (;;) {
    text = chat_strip(c, text, NULL, !from_right, from_right);
    if (text.size == 0 || c->failed)
      return;
    size_t size = 0;
    while (size < text.size && limit != 0) {
      resq_text rest = from_right ? (resq_text){text.data, text.size - size}
                                  : (resq_text){text.data + size, text.size - size};
      size_t step =
          from_right ? chat_last_step(rest, &code) : resq_utf8_step(rest.data, rest.size, &code);
      if (chat_is_white(code) || !chat_charge(c, step * CHAT_SCAN))
        break;
      size += step;
    }
    if (limit == 0) { // the rest, less the white space at its far end
      resq_text rest = from_right ? chat_strip(c, text, NULL, false, true)
                                  : chat_strip(c, text, NULL, true, false);
      chat_append(c, out, chat_string(rest));
      return;
    }
    limit -= limit > 0;
    resq_text word = {from_right ? text.data + text.size - size : text.data, size};
    chat_append(c, out, chat_string(word));
    text = (resq_text){from_right ? text.data : text.data + size, text.size - size};
  }
}

chat_value chat_split(chat_context *c, resq_text text, const resq_text *separator, int64_t limit,
                      bool from_right) {
  chat_value out = chat_new_list(c);
  if (c->failed)
    return out;
  if (!separator) {
    split_words(c, text, limit, from_right, out);
  } else if (chat_charge(c, text.size + separator->size)) {
    resq_text where = from_right ? reversed_bytes(c, text) : text;
    resq_text what = from_right ? reversed_bytes(c, *separator) : *separator;
    size_t at = 0, found;
    while (!c->failed && limit != 0 && (found = search(where, at, what)) != SIZE_MAX) {
      size_t start = from_right ? text.size - found : at;
      if (!chat_charge(c, CHAT_STEP))
        break;
      chat_append(c, out, chat_string((resq_text){text.data + start, found - at}));
      at = found + what.size;
      limit -= limit > 0;
    }
    resq_text rest = {text.data + (from_right ? 0 : at), text.size - at};
    chat_append(c, out, chat_string(rest));
  }
  if (from_right && !c->failed)
    reverse_list(out.list);
  return out;
}

static bool ends_line(uint32_t code) {
  return (code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
         code == 0x2028 || code == 0x2029;
}

chat_value chat_split_lines(chat_context *c, resq_text text, bool keep_ends) {
  chat_value out = chat_new_list(c);
  if (!chat_charge(c, text.size * CHAT_SCAN))
    return out;
  for (size_t at = 0; at < text.size && !c->failed;) {
    size_t start = at, end = at;
    uint32_t code = 0;
    bool found = false;
    while (at < text.size && !found) {
      end = at;
      at += resq_utf8_step(text.data + at, text.size - at, &code);
      found = ends_line(code);
    }
    if (!found)
      end = at;
    if (found && code == '\r' && at < text.size && text.data[at] == '\n')
      ++at;
    chat_append(c, out,
                chat_string((resq_text){text.data + start, (keep_ends ? at : end) - start}));
  }
  return out;
}
