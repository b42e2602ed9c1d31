//===-- chat_iterate.c - walking over values ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filters as map and select give iterators that do their work when an item is asked
// for and can be walked over once, as Python's generators are: what a template sees
// depends on it.
//===----------------------------------------------------------------------===//
#include "text/chat_text.h"
#include "text/utf8.h"

static bool next_of_list(chat_context *c, chat_iterator *it, chat_value *out) {
  (void)c;
  const chat_list *list = it->source.list;
  if (it->at >= list->count)
    return false;
  *out = list->items[it->at++];
  return true;
}

static bool next_of_dict(chat_context *c, chat_iterator *it, chat_value *out) {
  (void)c;
  const chat_dict *dict = it->source.dict;
  if (it->at >= dict->count)
    return false;
  *out = dict->keys[it->at++];
  return true;
}

static bool next_of_text(chat_context *c, chat_iterator *it, chat_value *out) {
  (void)c;
  resq_text text = it->source.text;
  uint32_t code;
  if (it->at >= text.size)
    return false;
  size_t length = resq_utf8_step(text.data + it->at, text.size - it->at, &code);
  *out = chat_string((resq_text){text.data + it->at, length});
  it->at += length;
  return true;
}

static bool next_of_range(chat_context *c, chat_iterator *it, chat_value *out) {
  (void)c;
  const chat_range *r = it->source.range;
  if ((int64_t)it->at >= chat_range_count(r))
    return false;
  *out = chat_int(r->start + (int64_t)it->at++ * r->step);
  return true;
}

static bool next_of_nothing(chat_context *c, chat_iterator *it, chat_value *out) {
  (void)c, (void)it, (void)out;
  return false;
}

chat_value chat_new_iterator(chat_context *c, chat_next_function next, chat_value source,
                             chat_iterator *inner, void *state) {
  chat_iterator *it = chat_alloc(c, sizeof *it);
  if (!it)
    return chat_none();
  *it = (chat_iterator){.next = next, .source = source, .inner = inner, .state = state};
  return (chat_value){.kind = CHAT_ITERATOR, .iterator = it};
}

chat_iterator *chat_iterate(chat_context *c, chat_value v) {
  chat_next_function next = NULL;
  if (c->failed)
    return NULL;
  if (v.kind == CHAT_ITERATOR)
    return v.iterator;
  if (chat_has_list(v))
    next = next_of_list;
  else if (v.kind == CHAT_DICT)
    next = next_of_dict;
  else if (v.kind == CHAT_STRING)
    next = next_of_text;
  else if (v.kind == CHAT_RANGE)
    next = next_of_range;
  else if (v.kind == CHAT_UNDEFINED)
    next = next_of_nothing;
  else
    chat_fail(c, "a value of type %s cannot be walked over; lists, dicts and strings can",
              chat_kind_name(v));
  chat_value made = next ? chat_new_iterator(c, next, v, NULL, NULL) : chat_none();
  return made.kind == CHAT_ITERATOR ? made.iterator : NULL;
}

bool chat_next_item(chat_context *c, chat_iterator *it, chat_value *out) {
  // An iterator may draw from another: that is nesting, too.
  bool more = chat_enter(c) && it->next(c, it, out);
  chat_leave(c);
  return more && !c->failed;
}

chat_list *chat_collect(chat_context *c, chat_value v) {
  chat_iterator *it = chat_iterate(c, v);
  chat_value list = chat_new_list(c), item;
  while (it && !c->failed && chat_next_item(c, it, &item))
    chat_append(c, list, item);
  return c->failed ? NULL : list.list;
}

bool chat_size(chat_context *c, chat_value v, int64_t *out) {
  if (chat_has_list(v))
    *out = (int64_t)v.list->count;
  else if (v.kind == CHAT_DICT)
    *out = (int64_t)v.dict->count;
  else if (v.kind == CHAT_STRING)
    *out = (int64_t)chat_length(c, v.text);
  else if (v.kind == CHAT_RANGE)
    *out = chat_range_count(v.range);
  else if (v.kind == CHAT_UNDEFINED)
    *out = 0;
  else
    return false;
  return true;
}

int64_t chat_range_count(const chat_range *r) {
  // The bounds lie within 2^41 of each other.
  if (r->step > 0 ? r->start >= r->stop : r->start <= r->stop)
    return 0;
  int64_t distance = r->step > 0 ? r->stop - r->start : r->start - r->stop;
  int64_t step = r->step > 0 ? r->step : -r->step;
  return (distance + step - 1) / step;
}

bool chat_item_at(chat_context *c, chat_value v, int64_t i, chat_value *out) {
  int64_t count;
  if (v.kind == CHAT_STRING) {
    resq_text found;
    if (!chat_character(c, v.text, i, &found))
      return false;
    *out = chat_string(found);
    return true;
  }
  if ((!chat_is_sequence(v) && v.kind != CHAT_RANGE) || !chat_size(c, v, &count))
    return false;
  i += i < 0 && i >= -count ? count : 0;
  if (i < 0 || i >= count)
    return false;
  *out = v.kind == CHAT_RANGE ? chat_int(v.range->start + i * v.range->step) : v.list->items[i];
  return true;
}
