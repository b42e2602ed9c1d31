//===-- chat_filters_number.c - filters that give numbers -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_filters.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#define UNUSED (void)c, (void)args, (void)b

enum { MAX_NUMBER = 400 };

/// The text without white space at its ends and without underscores between digits; false where it
/// cannot be a number.
static bool clean(chat_context *c, resq_text text, char out[MAX_NUMBER]) {
  size_t n = 0;
  text = chat_strip(c, text, NULL, true, true);
  for (size_t i = 0; i < text.size; ++i) {
    unsigned char x = (unsigned char)text.data[i];
    if (x >= 0x80) {
      uint32_t code;
      resq_utf8_step(text.data + i, text.size - i, &code);
      if (utf8proc_category((utf8proc_int32_t)code) == UTF8PROC_CATEGORY_ND)
        chat_fail(c, "a number in digits beyond ASCII is not supported");
      return false;
    }
    if (x == '_' && n && i + 1 < text.size && strchr("0123456789abcdefxoABCDEFXO", out[n - 1]) &&
        text.data[i + 1] != '_')
      continue;
    if (n + 1 == MAX_NUMBER || x <= ' ' || x == '_')
      return false;
    out[n++] = (char)x;
  }
  out[n] = 0;
  return n > 0;
}

static bool parse_float(chat_context *c, resq_text text, double *out) {
  char digits[MAX_NUMBER], *end;
  if (!clean(c, text, digits))
    return false;
  const char *word = digits + (digits[0] == '-' || digits[0] == '+');
  bool is_word =
      !strcasecmp(word, "inf") || !strcasecmp(word, "infinity") || !strcasecmp(word, "nan");
  if (!is_word && strspn(digits, "0123456789+-.eE") != strlen(digits))
    return false;
  *out = strtod(digits, &end);
  return *end == 0 && end != digits;
}

/// int(text, base): false when it is none.
static bool parse_int(chat_context *c, resq_text text, int64_t base, int64_t *out) {
  char digits[MAX_NUMBER], *end;
  if (!clean(c, text, digits))
    return false;
  char *start = digits + (digits[0] == '-' || digits[0] == '+');
  char mark = start[0] == '0' ? (char)(start[1] | 32) : 0;
  int64_t marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  if (marked && (base == marked || base == 0)) {
    memmove(start, start + 2, strlen(start + 2) + 1);
    base = marked;
  } else if (base == 0) {
    base = 10;
    if (start[0] == '0' && strspn(start, "0") != strlen(start))
      return false;
  }
  // strtoll takes white space, a second sign and 0x; int does not.
  if (!((*start >= '0' && *start <= '9') || ((*start | 32) >= 'a' && (*start | 32) <= 'z')) ||
      (base == 16 && mark == 'x' && (start[1] | 32) == 'x'))
    return false;
  errno = 0;
  *out = strtoll(digits, &end, (int)base);
  if (errno == ERANGE && *end == 0)
    chat_fail(c, "int: %.60s is beyond 64 bits", digits);
  return *end == 0;
}

static chat_value whole_float(chat_context *c, double x) {
  if (fabs(x) >= 0x1p63)
    chat_fail(c, "int: %g is beyond 64 bits", x);
  return chat_int(c->failed ? 0 : (int64_t)x);
}

CHAT_FILTER_FUNCTION(chat_filter_int) {
  UNUSED;
  chat_value other = b[0] ? *b[0] : chat_int(0);
  int64_t integer, base = chat_whole(c, "int", b[1], 10);
  double x;
  if (base != 0 && (base < 2 || base > 36))
    return other; // as Python: an error that becomes the default
  if (chat_as_int(v, &integer))
    return chat_int(integer);
  if (v.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined", CHAT_SHORT(v.text));
  if (v.kind == CHAT_FLOAT && isinf(v.number))
    chat_fail(c, "int of an infinite number");
  if (c->failed)
    return chat_none();
  if (v.kind == CHAT_FLOAT)
    return isnan(v.number) ? other : whole_float(c, v.number);
  if (v.kind != CHAT_STRING)
    return other;
  if (parse_int(c, v.text, base, &integer))
    return chat_int(integer);
  if (!c->failed && parse_float(c, v.text, &x) && isfinite(x))
    return whole_float(c, x);
  return other;
}

CHAT_FILTER_FUNCTION(chat_filter_float) {
  UNUSED;
  double x;
  if (v.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined", CHAT_SHORT(v.text));
  if (v.kind == CHAT_STRING ? parse_float(c, v.text, &x) : chat_as_number(v, &x))
    return chat_float(x);
  return b[0] ? *b[0] : chat_float(0);
}

CHAT_FILTER_FUNCTION(chat_filter_abs) {
  UNUSED;
  int64_t integer;
  if (chat_as_int(v, &integer) && integer != INT64_MIN)
    return chat_int(integer < 0 ? -integer : integer);
  if (v.kind != CHAT_FLOAT)
    chat_fail(c, "abs of a value of type %s", chat_kind_name(v));
  return chat_float(v.kind == CHAT_FLOAT ? fabs(v.number) : 0);
}

CHAT_FILTER_FUNCTION(chat_filter_round) {
  UNUSED;
  int64_t precision = chat_whole(c, "round", b[0], 0), integer;
  double x;
  bool common = !b[1] || (b[1]->kind == CHAT_STRING && chat_text_is(b[1]->text, "common"));
  bool up = !common && b[1]->kind == CHAT_STRING && chat_text_is(b[1]->text, "ceil");
  if (!common && !up && !(b[1]->kind == CHAT_STRING && chat_text_is(b[1]->text, "floor")))
    chat_fail(c, "round: the method is common, ceil or floor");
  if (!chat_as_number(v, &x))
    chat_fail(c, "round of a value of type %s", chat_kind_name(v));
  if (precision < 0 || precision > 15)
    chat_fail(c, "round to %lld digits; 0 to 15 are allowed", (long long)precision);
  if (c->failed)
    return chat_none();
  if (common && chat_as_int(v, &integer))
    return chat_int(integer);
  if (!common) {
    double scale = 1;
    for (int64_t i = 0; i < precision; ++i)
      scale *= 10;
    x *= scale;
    if (!isfinite(x))
      chat_fail(c, "round of a number that is not finite");
    return chat_float((up ? ceil(x) : floor(x)) / scale + 0.0);
  }
  if (!isfinite(x))
    return chat_float(x);
  char digits[400]; // correctly rounded from the exact value, halves to even
  snprintf(digits, sizeof digits, "%.*f", (int)precision, x);
  return chat_float(strtod(digits, NULL));
}
