//===-- chat_operators.c - operators, attributes and slices ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Python's meaning, within 64-bit integers: overflow is an error, not a big number.
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE
#include "text/chat_syntax.h"
#include "text/tokenizer_blob.h"
#include "text/utf8.h"

#include <math.h>
#include <string.h>

static chat_value refuse(chat_context *c, resq_text op, chat_value a, chat_value b) {
  chat_value missing = a.kind == CHAT_UNDEFINED ? a : b;
  if (missing.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined", (int)(missing.text.size < 80 ? missing.text.size : 80),
              missing.text.data);
  else
    chat_fail(c, "operator %.*s between %s and %s", (int)op.size, op.data, chat_kind_name(a),
              chat_kind_name(b));
  return chat_none();
}

static chat_value join_texts(chat_context *c, resq_text a, resq_text b) {
  chat_buffer out = {0};
  chat_write(c, &out, a.data, a.size);
  chat_write(c, &out, b.data, b.size);
  return chat_string(chat_buffer_text(&out));
}

static chat_value join_lists(chat_context *c, const chat_list *a, const chat_list *b) {
  chat_value out = chat_new_list(c);
  for (size_t i = 0; i < a->count + b->count && chat_charge(c, 1); ++i)
    chat_append(c, out, i < a->count ? a->items[i] : b->items[i - a->count]);
  return out;
}

static chat_value repeat(chat_context *c, chat_value v, int64_t times) {
  if (v.kind == CHAT_STRING) {
    chat_buffer out = {0};
    for (int64_t i = 0; v.text.size && i < times && chat_charge(c, 1); ++i)
      chat_write(c, &out, v.text.data, v.text.size);
    return chat_string(chat_buffer_text(&out));
  }
  chat_value out = chat_new_list(c);
  for (int64_t i = 0; v.list->count && i < times && !c->failed; ++i)
    for (size_t j = 0; j < v.list->count && chat_charge(c, 1); ++j)
      chat_append(c, out, v.list->items[j]);
  return out;
}

static int64_t power(int64_t base, int64_t exponent, bool *overflow) {
  int64_t result = 1;
  while (exponent > 0 && !*overflow) {
    if (exponent & 1)
      *overflow |= __builtin_mul_overflow(result, base, &result);
    exponent >>= 1;
    if (exponent)
      *overflow |= __builtin_mul_overflow(base, base, &base);
  }
  return result;
}

static chat_value integers(chat_context *c, resq_text op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false, divides = chat_text_is(op, "//") || chat_text_is(op, "%");
  if (divides && b == 0) {
    chat_fail(c, "division by zero");
    return chat_none();
  }
  if (chat_text_is(op, "+"))
    overflow = __builtin_add_overflow(a, b, &result);
  else if (chat_text_is(op, "-"))
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (chat_text_is(op, "*"))
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (chat_text_is(op, "**"))
    result = power(a, b, &overflow);
  else if (divides && b == -1) // INT64_MIN / -1 traps
    overflow = op.size == 2 && __builtin_sub_overflow((int64_t)0, a, &result);
  else if (divides) {
    int64_t rest = a % b; // rounded down, as Python does
    bool down = rest != 0 && (rest < 0) != (b < 0);
    result = op.size == 2 ? a / b - down : rest + (down ? b : 0);
  }
  if (overflow)
    chat_fail(c, "an integer beyond 64 bits");
  return chat_int(result);
}

static chat_value numbers(chat_context *c, resq_text op, double a, double b) {
  bool divides = op.data[0] == '/' || op.data[0] == '%';
  if (divides && b == 0) {
    chat_fail(c, "division by zero");
    return chat_none();
  }
  if (chat_text_is(op, "+"))
    return chat_float(a + b);
  if (chat_text_is(op, "-"))
    return chat_float(a - b);
  if (chat_text_is(op, "*"))
    return chat_float(a * b);
  if (chat_text_is(op, "**"))
    return chat_float(pow(a, b));
  if (chat_text_is(op, "/"))
    return chat_float(a / b);
  return chat_float(op.size == 2 ? floor(a / b) : a - b * floor(a / b));
}

chat_value chat_binary(chat_context *c, resq_text op, chat_value a, chat_value b) {
  int64_t i, j = 0;
  double x, y;
  if (chat_text_is(op, "~"))
    return join_texts(c, chat_str(c, a), chat_str(c, b));
  bool ints = chat_as_int(a, &i) && chat_as_int(b, &j);
  if (ints && !chat_text_is(op, "/") && !(chat_text_is(op, "**") && j < 0))
    return integers(c, op, i, j);
  if (chat_as_number(a, &x) && chat_as_number(b, &y))
    return numbers(c, op, x, y);
  bool plus = chat_text_is(op, "+"), times = chat_text_is(op, "*");
  if (plus && a.kind == CHAT_STRING && b.kind == CHAT_STRING)
    return join_texts(c, a.text, b.text);
  if (plus && a.kind == CHAT_LIST && b.kind == CHAT_LIST)
    return join_lists(c, a.list, b.list);
  if (times && (a.kind == CHAT_STRING || a.kind == CHAT_LIST) && chat_as_int(b, &j))
    return repeat(c, a, j);
  if (times && (b.kind == CHAT_STRING || b.kind == CHAT_LIST) && chat_as_int(a, &i))
    return repeat(c, b, i);
  return refuse(c, op, a, b);
}

static bool contains(chat_context *c, resq_text op, chat_value item, chat_value in) {
  if (in.kind == CHAT_STRING && item.kind == CHAT_STRING)
    return chat_charge(c, in.text.size / 16 + 1) &&
           (item.text.size == 0 ||
            memmem(in.text.data, in.text.size, item.text.data, item.text.size));
  if (in.kind == CHAT_LIST) {
    for (size_t i = 0; i < in.list->count && chat_charge(c, 1); ++i)
      if (chat_equal(c, in.list->items[i], item))
        return true;
    return false;
  }
  if (in.kind == CHAT_DICT)
    return item.kind == CHAT_STRING && chat_get(c, in, item.text);
  if (in.kind != CHAT_UNDEFINED)
    refuse(c, op, item, in);
  return false;
}

bool chat_compare(chat_context *c, resq_text op, chat_value a, chat_value b) {
  if (chat_text_is(op, "=="))
    return chat_equal(c, a, b);
  if (chat_text_is(op, "!="))
    return !chat_equal(c, a, b);
  if (chat_text_is(op, "in"))
    return contains(c, op, a, b);
  if (chat_text_is(op, "not in"))
    return !contains(c, op, a, b);
  double x, y;
  int order;
  if (chat_as_number(a, &x) && chat_as_number(b, &y)) {
    order = (x > y) - (x < y);
  } else if (a.kind == CHAT_STRING && b.kind == CHAT_STRING) {
    order = resq_text_compare(a.text, b.text); // UTF-8 sorts as its code points do
  } else {
    refuse(c, op, a, b);
    return false;
  }
  bool strict = op.size == 1;
  return op.data[0] == '<' ? (strict ? order < 0 : order <= 0) : (strict ? order > 0 : order >= 0);
}

chat_value chat_attribute(chat_context *c, chat_value from, resq_text name) {
  if (from.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined (its attribute %.*s was asked for)", (int)from.text.size,
              from.text.data, (int)name.size, name.data);
  chat_value *found = chat_get(c, from, name);
  return found ? *found : chat_undefined(name);
}

/// The i-th code point, which is there.
static resq_text character(resq_text text, size_t i) {
  uint32_t code;
  size_t at = 0;
  for (; i > 0; --i)
    at += resq_utf8_step(text.data + at, text.size - at, &code);
  return (resq_text){text.data + at, resq_utf8_step(text.data + at, text.size - at, &code)};
}

chat_value chat_item(chat_context *c, chat_value from, chat_value index) {
  int64_t i;
  if (from.kind == CHAT_UNDEFINED) {
    chat_fail(c, "'%.*s' is undefined (an item of it was asked for)", (int)from.text.size,
              from.text.data);
    return chat_none();
  }
  if (index.kind == CHAT_STRING) {
    chat_value *found = chat_get(c, from, index.text);
    return found ? *found : chat_undefined(index.text);
  }
  if (!chat_as_int(index, &i) || (from.kind != CHAT_LIST && from.kind != CHAT_STRING))
    return chat_undefined(chat_text("an item"));
  if (from.kind == CHAT_STRING && !chat_charge(c, from.text.size / 8))
    return chat_none();
  int64_t count = (int64_t)(from.kind == CHAT_LIST ? from.list->count : chat_length(from.text));
  if (i < 0 && i >= -count)
    i += count;
  if (i < 0 || i >= count)
    return chat_undefined(chat_text("an item out of range"));
  return from.kind == CHAT_LIST ? from.list->items[i]
                                : chat_string(character(from.text, (size_t)i));
}

/// A slice's bound as Python clamps it; `low` and `high` are the allowed ends.
static int64_t bound(chat_context *c, const chat_value *given, int64_t fallback, int64_t count,
                     int64_t low, int64_t high) {
  int64_t i;
  if (!given || given->kind == CHAT_NONE)
    return fallback;
  if (!chat_as_int(*given, &i)) {
    chat_fail(c, "a slice bound of type %s; int is allowed", chat_kind_name(*given));
    return fallback;
  }
  if (i < 0)
    i = i < -count ? low : i + count;
  return i < low ? low : i > high ? high : i;
}

chat_value chat_slice(chat_context *c, chat_value from, const chat_value *start,
                      const chat_value *stop, const chat_value *step) {
  bool is_text = from.kind == CHAT_STRING;
  if (from.kind != CHAT_LIST && !is_text) {
    chat_fail(c, "a slice of a value of type %s; list and string are allowed",
              chat_kind_name(from));
    return chat_none();
  }
  chat_value items = chat_items_of(c, from);
  int64_t by = 1;
  if (step && step->kind != CHAT_NONE && (!chat_as_int(*step, &by) || by == 0 || by == INT64_MIN))
    chat_fail(c, "a slice's step must be an int other than 0");
  if (c->failed)
    return chat_none();
  int64_t count = (int64_t)items.list->count;
  int64_t low = by > 0 ? 0 : -1, high = by > 0 ? count : count - 1;
  int64_t i = bound(c, start, by > 0 ? low : high, count, low, high);
  int64_t end = bound(c, stop, by > 0 ? high : low, count, low, high);
  chat_value list = chat_new_list(c);
  chat_buffer text = {0};
  while (!c->failed && (by > 0 ? i < end : i > end) && chat_charge(c, 1)) {
    chat_value item = items.list->items[i];
    if (is_text)
      chat_write(c, &text, item.text.data, item.text.size);
    else
      chat_append(c, list, item);
    if (__builtin_add_overflow(i, by, &i))
      break;
  }
  return is_text ? chat_string(chat_buffer_text(&text)) : list;
}
