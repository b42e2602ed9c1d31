//===-- chat_compare.c - equality, order and membership as in Python ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "text/chat_value.h"
#include "text/tokenizer_blob.h"

#include <math.h>
#include <string.h>

bool chat_truth(chat_value v) {
  switch (v.kind) {
  case CHAT_UNDEFINED:
  case CHAT_NONE:
    return false;
  case CHAT_BOOL:
    return v.truth;
  case CHAT_INT:
    return v.integer != 0;
  case CHAT_FLOAT:
    return v.number != 0;
  case CHAT_STRING:
    return v.text.size != 0;
  case CHAT_LIST:
  case CHAT_TUPLE:
  case CHAT_KEYS:
  case CHAT_VALUES:
  case CHAT_ITEMS:
    return v.list->count != 0;
  case CHAT_DICT:
    return v.dict->count != 0;
  case CHAT_RANGE:
    return chat_range_count(v.range) != 0;
  default:
    return true;
  }
}

const char *chat_kind_name(chat_value v) {
  static const char *const names[] = {
      "undefined", "none",      "bool",        "int",        "float", "string",    "list",
      "tuple",     "dict keys", "dict values", "dict items", "dict",  "namespace", "range",
      "generator", "loop",      "function",    "method",     "macro", "joiner"};
  return names[v.kind];
}

/// An integer and a double, exactly.
static int order_mixed(int64_t i, double x) {
  if (x >= 0x1p63)
    return -1;
  if (x < -0x1p63)
    return 1;
  int64_t whole = (int64_t)x;
  if (i != whole)
    return i < whole ? -1 : 1;
  double rest = x - (double)whole;
  return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

/// Both are numbers.
static int order_numbers(chat_value a, chat_value b, bool *unordered) {
  int64_t i, j;
  bool int_a = chat_as_int(a, &i), int_b = chat_as_int(b, &j);
  *unordered = (!int_a && isnan(a.number)) || (!int_b && isnan(b.number));
  if (*unordered)
    return 1;
  if (int_a && int_b)
    return (i > j) - (i < j);
  if (int_a)
    return order_mixed(i, b.number);
  if (int_b)
    return -order_mixed(j, a.number);
  return (a.number > b.number) - (a.number < b.number);
}

static bool equal_lists(chat_context *c, const chat_list *a, const chat_list *b) {
  bool equal = a->count == b->count;
  for (size_t i = 0; equal && i < a->count && !c->failed; ++i)
    equal = chat_equal(c, a->items[i], b->items[i]);
  return equal;
}

static bool equal_dicts(chat_context *c, const chat_dict *a, const chat_dict *b) {
  bool equal = a->count == b->count;
  for (size_t i = 0; equal && i < a->count && !c->failed; ++i) {
    chat_value *other = chat_get(c, b, a->keys[i]);
    equal = other && chat_equal(c, a->values[i], *other);
  }
  return equal;
}

static bool equal_ranges(const chat_range *a, const chat_range *b) {
  int64_t count = chat_range_count(a);
  return count == chat_range_count(b) &&
         (count == 0 || (a->start == b->start && (count == 1 || a->step == b->step)));
}

bool chat_equal(chat_context *c, chat_value a, chat_value b) {
  double x, y;
  bool unordered;
  if (!chat_charge(c, CHAT_STEP / 2))
    return false;
  if (chat_as_number(a, &x) && chat_as_number(b, &y))
    return order_numbers(a, b, &unordered) == 0;
  if (a.kind != b.kind)
    return false;
  switch (a.kind) {
  case CHAT_UNDEFINED:
  case CHAT_NONE:
    return true;
  case CHAT_STRING:
  case CHAT_FUNCTION:
    return a.text.size == b.text.size &&
           (a.text.data == b.text.data ||
            (chat_charge(c, a.text.size) && chat_text_equal(a.text, b.text)));
  case CHAT_LIST:
  case CHAT_TUPLE:
  case CHAT_DICT: {
    bool equal = chat_enter(c) && (a.kind == CHAT_DICT ? equal_dicts(c, a.dict, b.dict)
                                                       : equal_lists(c, a.list, b.list));
    chat_leave(c);
    return equal && !c->failed;
  }
  case CHAT_RANGE:
    return equal_ranges(a.range, b.range);
  case CHAT_KEYS:
  case CHAT_ITEMS:
  case CHAT_METHOD:
    chat_fail(c, "comparison of two values of type %s is not supported", chat_kind_name(a));
    return false;
  default: // by identity
    return a.list == b.list;
  }
}

static int order_texts(chat_context *c, resq_text a, resq_text b) {
  if (!chat_charge(c, CHAT_STEP + (a.size < b.size ? a.size : b.size)))
    return 0;
  return resq_text_compare(a, b); // UTF-8 sorts as its code points do
}

static int order_lists(chat_context *c, const char *op, const chat_list *a, const chat_list *b,
                       bool *unordered) {
  for (size_t i = 0; i < a->count && i < b->count && !c->failed; ++i)
    if (!chat_equal(c, a->items[i], b->items[i]))
      return chat_order(c, op, a->items[i], b->items[i], unordered);
  return (a->count > b->count) - (a->count < b->count);
}

int chat_order(chat_context *c, const char *op, chat_value a, chat_value b, bool *unordered) {
  double x, y;
  int order = 0;
  *unordered = false;
  if (chat_as_number(a, &x) && chat_as_number(b, &y))
    return order_numbers(a, b, unordered);
  if (a.kind == CHAT_STRING && b.kind == CHAT_STRING)
    return order_texts(c, a.text, b.text);
  if (chat_is_sequence(a) && a.kind == b.kind) {
    if (chat_enter(c))
      order = order_lists(c, op, a.list, b.list, unordered);
    chat_leave(c);
    return order;
  }
  chat_value missing = a.kind == CHAT_UNDEFINED ? a : b;
  if (missing.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined (operator %s)", CHAT_SHORT(missing.text), op);
  else
    chat_fail(c, "operator %s between %s and %s", op, chat_kind_name(a), chat_kind_name(b));
  return 0;
}

static bool range_contains(const chat_range *r, int64_t i) {
  if (r->step > 0 ? i < r->start || i >= r->stop : i > r->start || i <= r->stop)
    return false;
  return (i - r->start) % r->step == 0;
}

bool chat_contains(chat_context *c, chat_value item, chat_value in) {
  int64_t integer;
  if (in.kind == CHAT_STRING && item.kind == CHAT_STRING)
    return chat_charge(c, in.text.size + item.text.size) &&
           (item.text.size == 0 ||
            memmem(in.text.data, in.text.size, item.text.data, item.text.size));
  if (in.kind == CHAT_STRING) {
    chat_fail(c, "operator in between %s and string", chat_kind_name(item));
    return false;
  }
  if (in.kind == CHAT_DICT)
    return chat_get(c, in.dict, item) != NULL;
  if (in.kind == CHAT_RANGE && chat_as_int(item, &integer))
    return range_contains(in.range, integer);
  chat_iterator *it = chat_iterate(c, in);
  for (chat_value v; it && chat_next_item(c, it, &v);)
    if (chat_equal(c, v, item))
      return true;
  return false;
}

void chat_sort(chat_context *c, chat_value *keys, chat_value *items, size_t count, bool reverse) {
  // Merge sort, bottom up, of the order; stable also when reversed, as Python's is.
  size_t *order = chat_alloc_array(c, 2 * count + 1, sizeof *order);
  chat_value *sorted = chat_alloc_array(c, count + 1, sizeof *sorted);
  if (!order || !sorted)
    return;
  size_t *from = order, *to = order + count;
  for (size_t i = 0; i < count; ++i)
    from[i] = i;
  for (size_t width = 1; width < count && !c->failed; width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      size_t middle = start + width < count ? start + width : count;
      size_t end = start + 2 * width < count ? start + 2 * width : count;
      size_t i = start, j = middle;
      for (size_t k = start; k < end && chat_charge(c, CHAT_STEP); ++k) {
        bool right = i >= middle, unordered;
        if (!right && j < end) {
          // Only `<` is asked, as by Python's sort.
          chat_value a = reverse ? keys[from[i]] : keys[from[j]];
          chat_value b = reverse ? keys[from[j]] : keys[from[i]];
          right = chat_order(c, "<", a, b, &unordered) < 0;
        }
        to[k] = right ? from[j++] : from[i++];
      }
      if (c->failed)
        return;
    }
    size_t *swap = from;
    from = to;
    to = swap;
  }
  for (size_t i = 0; i < count; ++i)
    sorted[i] = items[from[i]];
  if (count)
    memcpy(items, sorted, count * sizeof *items);
}
