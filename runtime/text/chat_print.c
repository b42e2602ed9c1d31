//===-- chat_print.c - values as Python writes them -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_syntax.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

void chat_print_float(chat_context *c, chat_buffer *out, double x) {
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
  if (chat_charge(c, CHAT_STEP * 4))
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
  if (!chat_charge(c, text.size * CHAT_SCAN))
    return;
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

static void print_list(chat_context *c, chat_buffer *out, chat_value v) {
  static const char *const open[] = {"[", "(", "dict_keys([", "dict_values([", "dict_items(["};
  static const char *const close[] = {"]", ")", "])", "])", "])"};
  int form = v.kind - CHAT_LIST;
  chat_write_text(c, out, open[form]);
  for (size_t i = 0; i < v.list->count && !c->failed; ++i) {
    if (i)
      chat_write_text(c, out, ", ");
    chat_print(c, out, v.list->items[i], true);
  }
  if (v.kind == CHAT_TUPLE && v.list->count == 1)
    chat_write_text(c, out, ",");
  chat_write_text(c, out, close[form]);
}

static void print_dict(chat_context *c, chat_buffer *out, chat_value v) {
  bool is_dict = v.kind == CHAT_DICT;
  chat_write_text(c, out, is_dict ? "{" : "<Namespace {");
  for (size_t i = 0; i < v.dict->count && !c->failed; ++i) {
    if (i)
      chat_write_text(c, out, ", ");
    chat_print(c, out, v.dict->keys[i], true);
    chat_write_text(c, out, ": ");
    chat_print(c, out, v.dict->values[i], true);
  }
  chat_write_text(c, out, is_dict ? "}" : "}>");
}

static void print_number(chat_context *c, chat_buffer *out, const char *format, int64_t a,
                         int64_t b) {
  char text[100];
  snprintf(text, sizeof text, format, (long long)a, (long long)b);
  chat_write_text(c, out, text);
}

void chat_print(chat_context *c, chat_buffer *out, chat_value v, bool quoted) {
  if (!chat_charge(c, CHAT_STEP))
    return;
  switch (v.kind) {
  case CHAT_UNDEFINED:
    if (quoted)
      chat_write_text(c, out, "Undefined");
    break;
  case CHAT_NONE:
    chat_write_text(c, out, "None");
    break;
  case CHAT_BOOL:
    chat_write_text(c, out, v.truth ? "True" : "False");
    break;
  case CHAT_INT:
    print_number(c, out, "%lld", v.integer, 0);
    break;
  case CHAT_FLOAT:
    chat_print_float(c, out, v.number);
    break;
  case CHAT_STRING:
    if (quoted && v.safe)
      chat_write_text(c, out, "Markup(");
    if (quoted)
      print_quoted(c, out, v.text);
    else
      chat_write(c, out, v.text.data, v.text.size);
    if (quoted && v.safe)
      chat_write_text(c, out, ")");
    break;
  case CHAT_LIST:
  case CHAT_TUPLE:
  case CHAT_KEYS:
  case CHAT_VALUES:
  case CHAT_ITEMS:
    if (chat_enter(c))
      print_list(c, out, v);
    chat_leave(c);
    break;
  case CHAT_DICT:
  case CHAT_NAMESPACE:
    if (chat_enter(c))
      print_dict(c, out, v);
    chat_leave(c);
    break;
  case CHAT_RANGE:
    print_number(c, out, "range(%lld, %lld", v.range->start, v.range->stop);
    if (v.range->step != 1)
      print_number(c, out, ", %lld", v.range->step, 0);
    chat_write_text(c, out, ")");
    break;
  case CHAT_LOOP:
    print_number(c, out, "<LoopContext %lld/%lld>", v.loop->index0 + 1,
                 chat_loop_length(c, v.loop));
    break;
  case CHAT_MACRO:
    chat_write_text(c, out, "<Macro ");
    if (v.macro->node->text.size)
      print_quoted(c, out, v.macro->node->text);
    else
      chat_write_text(c, out, "anonymous");
    chat_write_text(c, out, ">");
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
