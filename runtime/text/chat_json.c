//===-- chat_json.c - values as Python's json module writes them ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_text.h"
#include "text/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void write_unit(chat_context *c, chat_buffer *out, uint32_t unit) {
  char escape[8];
  snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unit & 0xFFFF));
  chat_write_text(c, out, escape);
}

/// From the code point at `at`; returns the bytes read.
static size_t write_escaped(chat_context *c, chat_buffer *out, resq_text text, size_t at) {
  static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
  unsigned char byte = (unsigned char)text.data[at];
  const char *known = byte ? strchr(from, byte) : NULL;
  if (known) {
    chat_write(c, out, "\\", 1);
    chat_write(c, out, &to[known - from], 1);
    return 1;
  }
  uint32_t code = byte;
  size_t length = byte < 0x80 ? 1 : resq_utf8_step(text.data + at, text.size - at, &code);
  if (code >= 0x10000) {
    write_unit(c, out, 0xD7C0 + (code >> 10));
    write_unit(c, out, 0xDC00 + (code & 0x3FF));
  } else {
    write_unit(c, out, code);
  }
  return length;
}

static void print_text(chat_context *c, chat_buffer *out, resq_text text, bool ascii) {
  if (!chat_charge(c, text.size))
    return;
  chat_write(c, out, "\"", 1);
  for (size_t at = 0; at < text.size && !c->failed;) {
    size_t plain = at;
    for (; plain < text.size; ++plain) {
      unsigned char x = (unsigned char)text.data[plain];
      if (x < 0x20 || x == '"' || x == '\\' || (ascii && x > 0x7E))
        break;
    }
    chat_write(c, out, text.data + at, plain - at);
    at = plain;
    if (at < text.size)
      at += write_escaped(c, out, text, at);
  }
  chat_write(c, out, "\"", 1);
}

static void print_scalar(chat_context *c, chat_buffer *out, chat_value v, bool ascii) {
  if (v.kind == CHAT_STRING)
    print_text(c, out, v.text, ascii);
  else if (v.kind == CHAT_FLOAT && !isfinite(v.number))
    chat_write_text(c, out, isnan(v.number) ? "NaN" : v.number > 0 ? "Infinity" : "-Infinity");
  else if (v.kind == CHAT_NONE)
    chat_write_text(c, out, "null");
  else if (v.kind == CHAT_BOOL)
    chat_write_text(c, out, v.truth ? "true" : "false");
  else if (v.kind == CHAT_INT || v.kind == CHAT_FLOAT)
    chat_print(c, out, v, false);
  else
    chat_fail(c, "tojson: a value of type %s has no JSON form", chat_kind_name(v));
}

/// A key that is no string is written as the string of its JSON form.
static void print_key(chat_context *c, chat_buffer *out, chat_value key, bool ascii) {
  chat_buffer text = {0};
  if (key.kind == CHAT_STRING) {
    print_text(c, out, key.text, ascii);
    return;
  }
  print_scalar(c, &text, key, ascii);
  if (!c->failed)
    print_text(c, out, chat_buffer_text(&text), ascii);
}

static void new_line(chat_context *c, chat_buffer *out, const chat_json *form, int level) {
  if (!form->pretty)
    return;
  chat_write(c, out, "\n", 1);
  for (int i = 0; i < level && !c->failed; ++i)
    chat_write(c, out, form->indent.data, form->indent.size);
}

/// The dict with its keys in order.
static chat_value sorted_dict(chat_context *c, chat_value v) {
  size_t count = v.dict->count;
  chat_value *keys = chat_alloc_array(c, count + 1, sizeof *keys);
  chat_value *places = chat_alloc_array(c, count + 1, sizeof *places);
  chat_value out = chat_new_dict(c);
  if (c->failed)
    return out;
  for (size_t i = 0; i < count; ++i) {
    keys[i] = v.dict->keys[i];
    places[i] = chat_int((int64_t)i);
  }
  chat_sort(c, keys, places, count, false);
  for (size_t i = 0; i < count && !c->failed; ++i)
    chat_put(c, out.dict, v.dict->keys[places[i].integer], v.dict->values[places[i].integer]);
  return out;
}

static void print_items(chat_context *c, chat_buffer *out, chat_value v, const chat_json *form,
                        int level) {
  bool is_dict = v.kind == CHAT_DICT;
  if (is_dict && form->sorted)
    v = sorted_dict(c, v);
  if (c->failed)
    return;
  size_t count = is_dict ? v.dict->count : v.list->count;
  chat_write(c, out, is_dict ? "{" : "[", 1);
  for (size_t i = 0; i < count && !c->failed; ++i) {
    if (i)
      chat_write(c, out, form->item_separator.data, form->item_separator.size);
    new_line(c, out, form, level + 1);
    if (is_dict) {
      print_key(c, out, v.dict->keys[i], form->ascii);
      chat_write(c, out, form->key_separator.data, form->key_separator.size);
    }
    chat_print_json(c, out, is_dict ? v.dict->values[i] : v.list->items[i], form, level + 1);
  }
  if (count)
    new_line(c, out, form, level);
  chat_write(c, out, is_dict ? "}" : "]", 1);
}

void chat_print_json(chat_context *c, chat_buffer *out, chat_value v, const chat_json *form,
                     int level) {
  if (v.kind == CHAT_DICT || chat_is_sequence(v)) {
    if (chat_enter(c))
      print_items(c, out, v, form, level);
    chat_leave(c);
  } else if (chat_charge(c, CHAT_STEP)) {
    print_scalar(c, out, v, form->ascii);
  }
}
