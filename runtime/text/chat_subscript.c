//===-- chat_subscript.c - attributes, items and slices -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// a.b is an attribute, else an item; a['b'] is an item, else an attribute. Methods are
// attributes, so that message.items is dict's method also when there is such a key.
//===----------------------------------------------------------------------===//
#include "text/chat_syntax.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

/// Attributes of Python's numbers, macros and ranges: none is supported, and silence would be
/// wrong.
static const char *const known_attributes[] = {
    "real",
    "imag",
    "numerator",
    "denominator",
    "conjugate",
    "bit_length",
    "bit_count",
    "to_bytes",
    "from_bytes",
    "as_integer_ratio",
    "is_integer",
    "hex",
    "fromhex",
    "name",
    "arguments",
    "catch_kwargs",
    "catch_varargs",
    "caller",
    "explicit_caller",
    "start",
    "stop",
    "step",
    "count",
    "index",
    "send",
    "throw",
    "close",
    "isdisjoint",
    "mapping",
    "current",
    "next",
    "reset",
    "items",
    "pos",
    "sep",
    "used",
};

static bool refuse_known(chat_context *c, chat_value from, resq_text name) {
  if (from.kind == CHAT_NONE || from.kind == CHAT_STRING || from.kind == CHAT_DICT ||
      from.kind == CHAT_NAMESPACE || from.kind == CHAT_LOOP || chat_is_sequence(from))
    return false;
  for (size_t i = 0; i < sizeof known_attributes / sizeof known_attributes[0]; ++i)
    if (chat_text_is(name, known_attributes[i])) {
      chat_fail(c, "the attribute %.*s of a value of type %s is not supported", CHAT_SHORT(name),
                chat_kind_name(from));
      return true;
    }
  return false;
}

/// What Python's getattr finds.
static bool find_attribute(chat_context *c, chat_value from, resq_text name, chat_value *out) {
  if (from.kind == CHAT_LOOP)
    return chat_loop_attribute(c, from.loop, name, out);
  if (from.kind == CHAT_NAMESPACE) {
    chat_value *found = chat_get_text(c, from.dict, name);
    if (found)
      *out = *found;
    return found != NULL;
  }
  if (from.kind == CHAT_TUPLE && from.list->grouped &&
      (chat_text_is(name, "grouper") || chat_text_is(name, "list"))) {
    *out = from.list->items[name.data[0] == 'l'];
    return true;
  }
  if (chat_has_method(from, name)) {
    chat_method *method = chat_alloc(c, sizeof *method);
    if (!method)
      return false;
    *method = (chat_method){from, name};
    *out = (chat_value){.kind = CHAT_METHOD, .method = method};
    return true;
  }
  return false;
}

static bool refuse_undefined(chat_context *c, chat_value from, const char *what, resq_text name) {
  if (from.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined (its %s %.*s was asked for)", CHAT_SHORT(from.text), what,
              CHAT_SHORT(name));
  return !c->failed;
}

chat_value chat_attribute(chat_context *c, chat_value from, resq_text name) {
  chat_value found;
  if (!chat_charge(c, CHAT_STEP) || !refuse_undefined(c, from, "attribute", name) ||
      refuse_known(c, from, name))
    return chat_none();
  if (find_attribute(c, from, name, &found))
    return found;
  chat_value *item = from.kind == CHAT_DICT ? chat_get_text(c, from.dict, name) : NULL;
  return item ? *item : chat_undefined(name);
}

chat_value chat_item(chat_context *c, chat_value from, chat_value index) {
  int64_t i;
  chat_value found;
  resq_text name = index.kind == CHAT_STRING ? index.text : chat_text("item");
  if (!chat_charge(c, CHAT_STEP) || !refuse_undefined(c, from, "item", name))
    return chat_none();
  if (from.kind == CHAT_DICT) {
    bool hashable = index.kind != CHAT_LIST && index.kind != CHAT_DICT;
    chat_value *item = hashable ? chat_get(c, from.dict, index) : NULL;
    if (item)
      return *item;
  }
  if (chat_as_int(index, &i) && chat_item_at(c, from, i, &found))
    return found;
  if (index.kind == CHAT_STRING) {
    if (refuse_known(c, from, name))
      return chat_none();
    if (find_attribute(c, from, name, &found))
      return found;
  }
  return chat_undefined(name);
}

chat_value chat_attribute_path(chat_context *c, chat_value from, chat_value path,
                               const chat_value *fallback) {
  if (path.kind == CHAT_NONE)
    return from;
  if (path.kind != CHAT_STRING) {
    from = chat_item(c, from, path);
    return fallback && from.kind == CHAT_UNDEFINED ? *fallback : from;
  }
  for (size_t at = 0; at <= path.text.size && !c->failed;) {
    size_t end = at;
    bool is_number = true;
    for (; end < path.text.size && path.text.data[end] != '.'; ++end)
      is_number &= path.text.data[end] >= '0' && path.text.data[end] <= '9';
    resq_text part = {path.text.data + at, end - at};
    if (!chat_charge(c, CHAT_STEP + part.size))
      break;
    char digits[20] = {0};
    is_number &= part.size > 0 && part.size < 19;
    if (is_number)
      memcpy(digits, part.data, part.size);
    from = chat_item(c, from, is_number ? chat_int(atoll(digits)) : chat_string(part));
    if (fallback && from.kind == CHAT_UNDEFINED)
      from = *fallback;
    at = end + 1;
  }
  return from;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

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

/// Code points start, start + by, ... up to stop.
static chat_value slice_text(chat_context *c, resq_text text, int64_t start, int64_t stop,
                             int64_t by) {
  if (by == 1) {
    size_t from = chat_offset(c, text, start),
           to = start < stop ? chat_offset(c, text, stop) : from;
    return chat_string((resq_text){text.data + from, to > from ? to - from : 0});
  }
  chat_list *items = chat_collect(c, chat_string(text));
  chat_buffer out = {0};
  for (int64_t i = start; items && (by > 0 ? i < stop : i > stop) && chat_charge(c, CHAT_STEP);) {
    chat_write(c, &out, items->items[i].text.data, items->items[i].text.size);
    if (__builtin_add_overflow(i, by, &i))
      break;
  }
  return chat_string(chat_buffer_text(&out));
}

static chat_value slice_range(chat_context *c, const chat_range *r, int64_t start, int64_t stop,
                              int64_t by) {
  chat_range *out = chat_alloc(c, sizeof *out);
  int64_t step;
  if (!out)
    return chat_none();
  const int64_t limit = (int64_t)1 << 40;
  if (__builtin_mul_overflow(r->step, by, &step) || step > limit || step < -limit)
    chat_fail(c, "a slice of a range with a step of more than 2^40");
  *out = (chat_range){r->start + start * r->step, r->start + stop * r->step, step};
  return (chat_value){.kind = CHAT_RANGE, .range = out};
}

chat_value chat_slice(chat_context *c, chat_value from, const chat_value *start,
                      const chat_value *stop, const chat_value *step) {
  int64_t by = 1, count;
  if (from.kind == CHAT_UNDEFINED) {
    refuse_undefined(c, from, "slice", (resq_text){"", 0});
    return chat_none();
  }
  if (!chat_is_sequence(from) && from.kind != CHAT_STRING && from.kind != CHAT_RANGE)
    chat_fail(c, "a slice of a value of type %s", chat_kind_name(from));
  if (!chat_refuse_safe(c, "a slice", from))
    return chat_none();
  if (step && step->kind != CHAT_NONE && (!chat_as_int(*step, &by) || by == 0 || by == INT64_MIN))
    chat_fail(c, "a slice's step must be an int other than 0");
  if (c->failed || !chat_size(c, from, &count) || c->failed)
    return chat_none();
  int64_t low = by > 0 ? 0 : -1, high = by > 0 ? count : count - 1;
  int64_t i = bound(c, start, by > 0 ? low : high, count, low, high);
  int64_t end = bound(c, stop, by > 0 ? high : low, count, low, high);
  if (c->failed)
    return chat_none();
  if (from.kind == CHAT_STRING)
    return slice_text(c, from.text, i, end, by);
  if (from.kind == CHAT_RANGE)
    return slice_range(c, from.range, i, end, by);
  chat_value list = chat_new_list(c);
  while (!c->failed && (by > 0 ? i < end : i > end) && chat_charge(c, CHAT_STEP)) {
    chat_append(c, list, from.list->items[i]);
    if (__builtin_add_overflow(i, by, &i))
      break;
  }
  list.kind = c->failed ? CHAT_NONE : from.kind;
  return list;
}
