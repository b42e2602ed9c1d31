//===-- chat_filters_list.c - filters of lists and dicts ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_filters.h"
#include "text/chat_text.h"

#define UNUSED (void)c, (void)args, (void)b

CHAT_FILTER_FUNCTION(chat_filter_length) {
  UNUSED;
  int64_t size = 0;
  if (v.kind == CHAT_LOOP)
    return chat_int(chat_loop_length(c, v.loop));
  if (!chat_size(c, v, &size))
    chat_fail(c, "length of a value of type %s", chat_kind_name(v));
  return chat_int(size);
}

CHAT_FILTER_FUNCTION(chat_filter_default) {
  UNUSED;
  if (v.kind != CHAT_UNDEFINED && !(chat_flag(b[1]) && !chat_truth(v)))
    return v;
  return b[0] ? *b[0] : chat_string((resq_text){"", 0});
}

CHAT_FILTER_FUNCTION(chat_filter_list) {
  UNUSED;
  chat_list *list = chat_collect(c, v);
  return list ? (chat_value){.kind = CHAT_LIST, .list = list} : chat_none();
}

CHAT_FILTER_FUNCTION(chat_filter_first) {
  UNUSED;
  chat_value item;
  chat_iterator *it = chat_iterate(c, v);
  return it && chat_next_item(c, it, &item)
             ? item
             : chat_undefined(chat_text("the first item of nothing"));
}

CHAT_FILTER_FUNCTION(chat_filter_last) {
  UNUSED;
  chat_value item;
  int64_t size;
  if (v.kind == CHAT_ITERATOR || !(v.kind == CHAT_STRING || chat_size(c, v, &size)))
    chat_fail(c, "last of a value of type %s", chat_kind_name(v));
  if (c->failed)
    return chat_none();
  if (chat_has_list(v) && v.list->count)
    return v.list->items[v.list->count - 1];
  if (v.kind == CHAT_DICT && v.dict->count)
    return v.dict->keys[v.dict->count - 1];
  return chat_item_at(c, v, -1, &item) ? item
                                       : chat_undefined(chat_text("the last item of nothing"));
}

static bool next_reversed(chat_context *c, chat_iterator *it, chat_value *out) {
  (void)c;
  const chat_list *list = it->state;
  if (it->at >= list->count)
    return false;
  *out = list->items[list->count - 1 - it->at++];
  return true;
}

CHAT_FILTER_FUNCTION(chat_filter_reverse) {
  UNUSED;
  chat_value step = chat_int(-1);
  if (v.kind == CHAT_STRING)
    return chat_slice(c, v, NULL, NULL, &step);
  chat_list *list = chat_collect(c, v);
  if (!list)
    return chat_none();
  chat_value reversed = chat_new_iterator(c, next_reversed, v, NULL, list);
  // What Python cannot walk over backward becomes a list.
  return v.kind == CHAT_ITERATOR ? chat_filter_list(c, reversed, args, b) : reversed;
}

static bool next_pair(chat_context *c, chat_iterator *it, chat_value *out) {
  if (it->source.kind == CHAT_UNDEFINED)
    return false;
  if (it->source.kind != CHAT_DICT) {
    chat_fail(c, "items of a value of type %s; dict is allowed", chat_kind_name(it->source));
    return false;
  }
  const chat_dict *dict = it->source.dict;
  if (it->at >= dict->count)
    return false;
  chat_value pair[2] = {dict->keys[it->at], dict->values[it->at]};
  ++it->at;
  *out = chat_new_tuple(c, pair, 2);
  return true;
}

CHAT_FILTER_FUNCTION(chat_filter_items) {
  UNUSED;
  return chat_new_iterator(c, next_pair, v, NULL, NULL);
}

CHAT_FILTER_FUNCTION(chat_filter_sum) {
  UNUSED;
  chat_value sum = b[1] ? *b[1] : chat_int(0), item;
  chat_iterator *it = chat_iterate(c, v);
  if (sum.kind == CHAT_STRING)
    chat_fail(c, "sum of strings; use join");
  while (it && !c->failed && chat_next_item(c, it, &item)) {
    if (chat_is_given(b[0]))
      item = chat_attribute_path(c, item, *b[0], NULL);
    if (!c->failed)
      sum = chat_binary(c, chat_text("+"), sum, item);
  }
  return sum;
}

chat_value chat_key(chat_context *c, chat_value item, const chat_value *attribute,
                    const chat_value *fallback, bool fold) {
  if (chat_is_given(attribute))
    item = chat_attribute_path(c, item, *attribute, fallback);
  return fold && item.kind == CHAT_STRING && !c->failed ? chat_string(chat_lower(c, item.text))
                                                        : item;
}

static chat_value extreme(chat_context *c, chat_value v, const chat_value *const *b, bool least) {
  chat_iterator *it = chat_iterate(c, v);
  chat_value best = chat_undefined(chat_text("the extreme of nothing")), best_key = best, item;
  bool found = false, unordered;
  while (it && chat_next_item(c, it, &item)) {
    chat_value key = chat_key(c, item, b[1], NULL, !chat_flag(b[0]));
    bool better = !found;
    if (found && !c->failed) {
      int order = chat_order(c, least ? "<" : ">", key, best_key, &unordered);
      better = !unordered && (least ? order < 0 : order > 0);
    }
    if (better) {
      best = item;
      best_key = key;
    }
    found = true;
  }
  return best;
}

CHAT_FILTER_FUNCTION(chat_filter_min) {
  UNUSED;
  return extreme(c, v, b, true);
}
CHAT_FILTER_FUNCTION(chat_filter_max) {
  UNUSED;
  return extreme(c, v, b, false);
}

/// Keys of items by "a,b.c": a list of the values of each attribute.
static chat_value sort_key(chat_context *c, chat_value item, const chat_value *attribute,
                           bool fold) {
  chat_value key = chat_new_list(c);
  if (!chat_is_given(attribute) || attribute->kind != CHAT_STRING) {
    chat_append(c, key, chat_key(c, item, attribute, NULL, fold));
    return key;
  }
  resq_text comma = chat_text(",");
  chat_value parts = chat_split(c, attribute->text, &comma, -1, false);
  for (size_t i = 0; !c->failed && i < parts.list->count; ++i)
    chat_append(c, key, chat_key(c, item, &parts.list->items[i], NULL, fold));
  return key;
}

CHAT_FILTER_FUNCTION(chat_filter_sort) {
  UNUSED;
  chat_list *list = chat_collect(c, v);
  chat_value *keys = list ? chat_alloc_array(c, list->count + 1, sizeof *keys) : NULL;
  if (!keys)
    return chat_none();
  for (size_t i = 0; i < list->count && !c->failed; ++i)
    keys[i] = sort_key(c, list->items[i], b[2], !chat_flag(b[1]));
  if (!c->failed)
    chat_sort(c, keys, list->items, list->count, chat_flag(b[0]));
  return c->failed ? chat_none() : (chat_value){.kind = CHAT_LIST, .list = list};
}

CHAT_FILTER_FUNCTION(chat_filter_dictsort) {
  UNUSED;
  bool by_key = !b[1] || (b[1]->kind == CHAT_STRING && chat_text_is(b[1]->text, "key"));
  if (v.kind != CHAT_DICT)
    chat_fail(c, "dictsort of a value of type %s", chat_kind_name(v));
  else if (!by_key && !(b[1]->kind == CHAT_STRING && chat_text_is(b[1]->text, "value")))
    chat_fail(c, "dictsort: by is key or value");
  chat_value pairs = chat_new_list(c);
  chat_value *keys = c->failed ? NULL : chat_alloc_array(c, v.dict->count + 1, sizeof *keys);
  for (size_t i = 0; keys && i < v.dict->count && !c->failed; ++i) {
    chat_value pair[2] = {v.dict->keys[i], v.dict->values[i]};
    keys[i] = chat_key(c, pair[by_key ? 0 : 1], NULL, NULL, !chat_flag(b[0]));
    chat_append(c, pairs, chat_new_tuple(c, pair, 2));
  }
  if (!c->failed && keys)
    chat_sort(c, keys, pairs.list->items, pairs.list->count, chat_flag(b[2]));
  return pairs;
}

static chat_value new_group(chat_context *c, chat_value name, chat_value items) {
  chat_value group = chat_new_tuple(c, (chat_value[]){name, items}, 2);
  if (!c->failed)
    group.list->grouped = true;
  return group;
}

CHAT_FILTER_FUNCTION(chat_filter_groupby) {
  UNUSED;
  chat_list *list = chat_collect(c, v);
  chat_value groups = chat_new_list(c), current = chat_none(), key = chat_none();
  chat_value *keys = list ? chat_alloc_array(c, list->count + 1, sizeof *keys) : NULL;
  const chat_value *fallback = chat_is_given(b[1]) ? b[1] : NULL;
  for (size_t i = 0; keys && i < list->count && !c->failed; ++i)
    keys[i] = chat_key(c, list->items[i], b[0], fallback, !chat_flag(b[2]));
  if (keys && !c->failed)
    chat_sort(c, keys, list->items, list->count, false);
  for (size_t i = 0; keys && !c->failed && i < list->count; ++i) {
    chat_value own = chat_key(c, list->items[i], b[0], fallback, !chat_flag(b[2]));
    if (i == 0 || !chat_equal(c, own, key)) {
      current = chat_new_list(c);
      // The name is that of the first item, with its case.
      chat_value name = chat_key(c, list->items[i], b[0], fallback, false);
      chat_append(c, groups, new_group(c, name, current));
      key = own;
    }
    chat_append(c, current, list->items[i]);
  }
  return groups;
}
