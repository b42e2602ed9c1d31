//===-- chat_format.c - Python's % formatting of text ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_text.h"
#include "text/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct formatter {
  chat_context *c;
  resq_text text;
  size_t at; ///< in text
  chat_value values;
  size_t used; ///< values taken
} formatter;

typedef struct form {
  bool left, zero, sign, blank, other, named, has_precision;
  resq_text name;
  int64_t width, precision;
  char type;
} form;

enum { MAX_WIDTH = 1 << 16 };

static chat_value next_value(formatter *f) {
  bool many = f->values.kind == CHAT_TUPLE;
  size_t count = many ? f->values.list->count : 1;
  if (f->used >= count) {
    chat_fail(f->c, "%% of text: not enough values for its formats");
    return chat_none();
  }
  return many ? f->values.list->items[f->used++] : (f->used++, f->values);
}

static char peek(const formatter *f) { return f->at < f->text.size ? f->text.data[f->at] : 0; }

static int64_t read_size(formatter *f) {
  int64_t size = 0;
  if (peek(f) == '*') {
    chat_fail(f->c, "%%* in a format is not supported");
    return 0;
  }
  for (; peek(f) >= '0' && peek(f) <= '9'; ++f->at)
    size = size < MAX_WIDTH ? 10 * size + (peek(f) - '0') : size;
  if (size > MAX_WIDTH)
    chat_fail(f->c, "a width or precision of more than %d in a format", MAX_WIDTH);
  return size;
}

static void read_form(formatter *f, form *out) {
  *out = (form){0};
  if (peek(f) == '(') {
    size_t start = ++f->at;
    int depth = 1;
    for (; f->at < f->text.size && depth; ++f->at)
      depth += (peek(f) == '(') - (peek(f) == ')');
    out->named = true;
    out->name = (resq_text){f->text.data + start, f->at - start - (depth == 0)};
    if (depth)
      chat_fail(f->c, "%% of text: a name without its )");
  }
  for (;; ++f->at) {
    char x = peek(f);
    if (x == '-')
      out->left = true;
    else if (x == '0')
      out->zero = true;
    else if (x == '+')
      out->sign = true;
    else if (x == ' ')
      out->blank = true;
    else if (x == '#')
      out->other = true;
    else
      break;
  }
  out->width = read_size(f);
  if (peek(f) == '.') {
    ++f->at;
    out->has_precision = true;
    out->precision = read_size(f);
  }
  while (peek(f) == 'l' || peek(f) == 'h' || peek(f) == 'L')
    ++f->at;
  out->type = peek(f);
  f->at += f->at < f->text.size;
}

/// sign and digits, filled up to the width.
static void write_padded(formatter *f, chat_buffer *out, const form *o, const char *sign,
                         resq_text body, size_t length) {
  size_t used = strlen(sign) + length,
         fill = o->width > (int64_t)used ? (size_t)o->width - used : 0;
  bool zeros = o->zero && !o->left;
  for (size_t i = 0; !o->left && !zeros && i < fill; ++i)
    chat_write(f->c, out, " ", 1);
  chat_write_text(f->c, out, sign);
  for (size_t i = 0; zeros && i < fill; ++i)
    chat_write(f->c, out, "0", 1);
  chat_write(f->c, out, body.data, body.size);
  for (size_t i = 0; o->left && i < fill; ++i)
    chat_write(f->c, out, " ", 1);
}

static void write_text(formatter *f, chat_buffer *out, const form *o, chat_value v) {
  chat_buffer printed = {0};
  chat_print(f->c, &printed, v, o->type == 'r');
  resq_text text = chat_buffer_text(&printed);
  if (o->has_precision)
    text.size = chat_offset(f->c, text, o->precision);
  form plain = *o;
  plain.zero = false;
  write_padded(f, out, &plain, "", text, o->width ? chat_length(f->c, text) : text.size);
}

static void write_integer(formatter *f, chat_buffer *out, const form *o, chat_value v) {
  int64_t i;
  bool is_decimal = strchr("diu", o->type) != NULL;
  if (v.kind == CHAT_FLOAT && is_decimal && fabs(v.number) < 0x1p62)
    v = chat_int((int64_t)v.number);
  if (!chat_as_int(v, &i)) {
    chat_fail(f->c, "%%%c of a value of type %s", o->type, chat_kind_name(v));
    return;
  }
  if (o->precision > 60) {
    chat_fail(f->c, "a precision of more than 60 for an integer");
    return;
  }
  char digits[100];
  const char format[] = {'%', '.', '*', 'l', 'l', is_decimal ? 'u' : o->type, 0};
  unsigned long long size = i < 0 ? 0 - (unsigned long long)i : (unsigned long long)i;
  // The format is built from the characters above alone.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(digits, sizeof digits, format, o->has_precision && o->precision ? (int)o->precision : 1,
           size);
#pragma GCC diagnostic pop
  char sign[4] = {0};
  size_t n = 0;
  if (i < 0 || o->sign || o->blank)
    sign[n++] = i < 0 ? '-' : o->sign ? '+' : ' ';
  if (o->other && !is_decimal) {
    sign[n++] = '0';
    sign[n++] = o->type;
  }
  write_padded(f, out, o, sign, chat_text(digits), strlen(digits));
}

static void write_float(formatter *f, chat_buffer *out, const form *o, chat_value v) {
  double x;
  if (!chat_as_number(v, &x)) {
    chat_fail(f->c, "%%%c of a value of type %s", o->type, chat_kind_name(v));
    return;
  }
  if (o->precision > 60 || o->other || (!isfinite(x) && o->zero)) {
    chat_fail(f->c, "%%%c with this precision or flag is not supported", o->type);
    return;
  }
  char digits[400];
  const char format[] = {'%', '.', '*', o->type, 0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(digits, sizeof digits, format, o->has_precision ? (int)o->precision : 6, fabs(x));
#pragma GCC diagnostic pop
  bool negative = signbit(x) && !isnan(x);
  const char *sign = negative ? "-" : o->sign ? "+" : o->blank ? " " : "";
  write_padded(f, out, o, sign, chat_text(digits), strlen(digits));
}

static void write_character(formatter *f, chat_buffer *out, const form *o, chat_value v) {
  char bytes[4];
  int64_t code;
  resq_text text = v.kind == CHAT_STRING ? v.text : (resq_text){bytes, 0};
  if (chat_as_int(v, &code) && code >= 0 && code < 0x110000 && (code < 0xD800 || code > 0xDFFF))
    text.size = resq_utf8_encode((uint32_t)code, bytes);
  if (text.size == 0 || (v.kind == CHAT_STRING && chat_length(f->c, text) != 1))
    chat_fail(f->c, "%%c needs a character");
  else
    write_padded(f, out, o, "", text, 1);
}

static void write_value(formatter *f, chat_buffer *out, const form *o, chat_value v) {
  if (!o->type)
    chat_fail(f->c, "%% of text: an incomplete format");
  else if (strchr("sr", o->type))
    write_text(f, out, o, v);
  else if (strchr("diuxXo", o->type))
    write_integer(f, out, o, v);
  else if (strchr("eEfFgG", o->type))
    write_float(f, out, o, v);
  else if (o->type == 'c')
    write_character(f, out, o, v);
  else
    chat_fail(f->c, "the format %%%c is not supported", o->type);
}

resq_text chat_format(chat_context *c, resq_text text, chat_value values) {
  formatter f = {.c = c, .text = text, .values = values};
  chat_buffer out = {0};
  bool is_mapping = values.kind == CHAT_DICT || values.kind == CHAT_LIST ||
                    values.kind == CHAT_RANGE || values.kind == CHAT_UNDEFINED;
  while (f.at < text.size && !c->failed) {
    const char *mark = memchr(text.data + f.at, '%', text.size - f.at);
    size_t plain = mark ? (size_t)(mark - text.data) - f.at : text.size - f.at;
    chat_write(c, &out, text.data + f.at, plain);
    f.at += plain;
    if (!mark || !chat_charge(c, CHAT_STEP))
      break;
    form o;
    ++f.at;
    read_form(&f, &o);
    if (c->failed)
      break;
    if (o.type == '%') {
      chat_write(c, &out, "%", 1);
      continue;
    }
    chat_value v = chat_none();
    if (o.named) {
      chat_value *found = values.kind == CHAT_DICT ? chat_get_text(c, values.dict, o.name) : NULL;
      if (!found)
        chat_fail(c, "%% of text: no value is called %.*s", CHAT_SHORT(o.name));
      else
        v = *found;
    } else {
      v = next_value(&f);
    }
    if (!c->failed)
      write_value(&f, &out, &o, v);
  }
  size_t given = values.kind == CHAT_TUPLE ? values.list->count : 1;
  if (f.used < given && !is_mapping)
    chat_fail(c, "%% of text: more values than formats");
  return chat_buffer_text(&out);
}
