//===-- chat_print.c - values as Python and JSON would write them ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_value.h"
#include "text/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/// The shortest decimal that reads back as the same double, spelled as Python's repr does.
static void print_float(chat_context *c, chat_buffer *out, double x) {
  if (!isfinite(x)) {
    chat_write_text(c, out, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
    return;
  }
  char text[40];
  int digits = 1;
  for (; digits <= 17; ++digits) {
    snprintf(text, sizeof text, "%.*e", digits - 1, x);
    if (strtod(text, NULL) == x)
      break;
  }
  int exponent = atoi(strchr(text, 'e') + 1);
  if (exponent >= -4 && exponent < 16) {
    int decimals = digits - 1 - exponent;
    snprintf(text, sizeof text, "%.*f", decimals > 1 ? decimals : 1, x);
  }
  chat_write_text(c, out, text);
}

static bool printable(uint32_t code) {
  switch (utf8proc_category((utf8proc_int32_t)code)) {
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return false;
  case UTF8PROC_CATEGORY_ZS:
    return code == ' ';
  default:
    return true;
  }
}

static void print_quoted(chat_context *c, chat_buffer *out, resq_text text) {
  bool has_single = text.size && memchr(text.data, '\'', text.size);
  bool has_double = text.size && memchr(text.data, '"', text.size);
  char quote = has_single && !has_double ? '"' : '\'';
  chat_write(c, out, &quote, 1);
  for (size_t at = 0; at < text.size && !c->failed;) {
    uint32_t code;
    size_t length = resq_utf8_step(text.data + at, text.size - at, &code);
    char escape[16] = "";
    if (code == '\n' || code == '\t' || code == '\r')
      snprintf(escape, sizeof escape, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
    else if (code == '\\' || code == (uint32_t)quote)
      snprintf(escape, sizeof escape, "\\%c", (char)code);
    else if (!printable(code))
      snprintf(escape, sizeof escape,
               code < 0x100     ? "\\x%02x"
               : code < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
               code);
    if (escape[0])
      chat_write_text(c, out, escape);
    else
      chat_write(c, out, text.data + at, length);
    at += length;
  }
  chat_write(c, out, &quote, 1);
}

static void print_items(chat_context *c, chat_buffer *out, chat_value v) {
  bool is_list = v.kind == CHAT_LIST;
  size_t count = is_list ? v.list->count : v.dict->count;
  chat_write_text(c, out, is_list ? "[" : "{");
  for (size_t i = 0; i < count && !c->failed; ++i) {
    if (i)
      chat_write_text(c, out, ", ");
    if (!is_list) {
      print_quoted(c, out, v.dict->keys[i]);
      chat_write_text(c, out, ": ");
    }
    chat_print(c, out, is_list ? v.list->items[i] : v.dict->values[i], true);
  }
  chat_write_text(c, out, is_list ? "]" : "}");
}

void chat_print(chat_context *c, chat_buffer *out, chat_value v, bool quoted) {
  char number[32];
  switch (v.kind) {
  case CHAT_UNDEFINED:
    break;
  case CHAT_NONE:
    chat_write_text(c, out, "None");
    break;
  case CHAT_BOOL:
    chat_write_text(c, out, v.truth ? "True" : "False");
    break;
  case CHAT_INT:
    snprintf(number, sizeof number, "%lld", (long long)v.integer);
    chat_write_text(c, out, number);
    break;
  case CHAT_FLOAT:
    print_float(c, out, v.number);
    break;
  case CHAT_STRING:
    if (quoted)
      print_quoted(c, out, v.text);
    else
      chat_write(c, out, v.text.data, v.text.size);
    break;
  case CHAT_LIST:
  case CHAT_DICT:
    if (chat_enter(c))
      print_items(c, out, v);
    chat_leave(c);
    break;
  default:
    chat_fail(c, "a value of type %s cannot be written", chat_kind_name(v));
  }
}

resq_text chat_str(chat_context *c, chat_value v) {
  if (v.kind == CHAT_STRING)
    return v.text;
  chat_buffer out = {0};
  chat_print(c, &out, v, false);
  return chat_buffer_text(&out);
}

static void json_string(chat_context *c, chat_buffer *out, resq_text text) {
  static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
  chat_write_text(c, out, "\"");
  for (size_t i = 0; i < text.size && !c->failed; ++i) {
    unsigned char byte = (unsigned char)text.data[i];
    const char *known = byte ? strchr(from, byte) : NULL;
    char escape[8] = "";
    if (known)
      snprintf(escape, sizeof escape, "\\%c", to[known - from]);
    else if (byte < 0x20)
      snprintf(escape, sizeof escape, "\\u%04x", byte);
    if (escape[0])
      chat_write_text(c, out, escape);
    else
      chat_write(c, out, text.data + i, 1);
  }
  chat_write_text(c, out, "\"");
}

static void json_newline(chat_context *c, chat_buffer *out, int indent, int level) {
  if (indent < 0)
    return;
  chat_write_text(c, out, "\n");
  for (int i = 0; i < indent * level && !c->failed; ++i)
    chat_write_text(c, out, " ");
}

static void json_items(chat_context *c, chat_buffer *out, chat_value v, int indent, int level) {
  bool is_list = v.kind == CHAT_LIST;
  size_t count = is_list ? v.list->count : v.dict->count;
  chat_write_text(c, out, is_list ? "[" : "{");
  for (size_t i = 0; i < count && !c->failed; ++i) {
    if (i)
      chat_write_text(c, out, indent < 0 ? ", " : ",");
    json_newline(c, out, indent, level + 1);
    if (!is_list) {
      json_string(c, out, v.dict->keys[i]);
      chat_write_text(c, out, ": ");
    }
    chat_print_json(c, out, is_list ? v.list->items[i] : v.dict->values[i], indent, level + 1);
  }
  if (count)
    json_newline(c, out, indent, level);
  chat_write_text(c, out, is_list ? "]" : "}");
}

void chat_print_json(chat_context *c, chat_buffer *out, chat_value v, int indent, int level) {
  switch (v.kind) {
  case CHAT_NONE:
    chat_write_text(c, out, "null");
    break;
  case CHAT_BOOL:
    chat_write_text(c, out, v.truth ? "true" : "false");
    break;
  case CHAT_INT:
  case CHAT_FLOAT:
    chat_print(c, out, v, false);
    break;
  case CHAT_STRING:
    json_string(c, out, v.text);
    break;
  case CHAT_LIST:
  case CHAT_DICT:
    if (chat_enter(c))
      json_items(c, out, v, indent, level);
    chat_leave(c);
    break;
  default:
    chat_fail(c, "tojson: a value of type %s has no JSON form", chat_kind_name(v));
  }
}
