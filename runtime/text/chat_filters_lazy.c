//===-- chat_filters_lazy.c - filters that give generators ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// They work when an item is asked for, as Jinja's do. For a value that is not true
// (none, too) they give nothing.
//===----------------------------------------------------------------------===//
#include "text/chat_filters.h"

#define UNUSED (void)c, (void)args, (void)b

/// map and select: what is done with each item.
typedef struct lazy {
  chat_value name; ///< of a filter or test; none: by the item's truth
  chat_arguments rest;
  bool by_attribute, keep, started;
  chat_value attribute;
  const chat_value *fallback;
} lazy;

static bool next_source(chat_context *c, chat_iterator *it, chat_value *out) {
  lazy *l = it->state;
  if (!l->started) {
    l->started = true;
    if (chat_truth(it->source))
      it->inner = chat_iterate(c, it->source);
  }
  return it->inner && chat_next_item(c, it->inner, out);
}

static bool next_mapped(chat_context *c, chat_iterator *it, chat_value *out) {
  lazy *l = it->state;
  chat_value item;
  if (!next_source(c, it, &item))
    return false;
  *out = l->by_attribute ? chat_attribute_path(c, item, l->attribute, l->fallback)
                         : chat_filter_by_name(c, l->name, item, &l->rest);
  return true;
}

static bool next_selected(chat_context *c, chat_iterator *it, chat_value *out) {
  lazy *l = it->state;
  while (next_source(c, it, out)) {
    chat_value tested = l->by_attribute ? chat_attribute_path(c, *out, l->attribute, NULL) : *out;
    if (c->failed)
      return false;
    bool passes = l->name.kind == CHAT_NONE ? chat_truth(tested)
                                            : chat_test_by_name(c, l->name, tested, &l->rest);
    if (passes == l->keep)
      return true;
  }
  return false;
}

/// The arguments behind the first `used`.
static chat_arguments behind(const chat_arguments *args, size_t used) {
  return (chat_arguments){args->items + used, args->count - used};
}

static bool is_positional(const chat_arguments *args, size_t i) {
  return i < args->count && args->items[i].name.size == 0;
}

CHAT_FILTER_FUNCTION(chat_filter_map) {
  UNUSED;
  lazy *l = chat_alloc(c, sizeof *l);
  if (!l)
    return chat_none();
  bool named = args->count && !is_positional(args, 0);
  for (size_t i = 0; named && i < args->count; ++i) {
    const chat_value *value = &args->items[i].value;
    if (chat_text_is(args->items[i].name, "attribute")) {
      l->by_attribute = true;
      l->attribute = *value;
    } else if (chat_text_is(args->items[i].name, "default")) {
      l->fallback = value->kind == CHAT_NONE ? NULL : value;
    } else {
      chat_fail(c, "map has no argument called %.*s", CHAT_SHORT(args->items[i].name));
    }
  }
  if (named ? !l->by_attribute : !args->count)
    chat_fail(c, "map needs attribute=... or a filter's name");
  if (!named && args->count) {
    l->name = args->items[0].value;
    l->rest = behind(args, 1);
  }
  return c->failed ? chat_none() : chat_new_iterator(c, next_mapped, v, NULL, l);
}

/// select, reject, selectattr, rejectattr: items whose value (or attribute) passes a test, or does
/// not.
static chat_value select_items(chat_context *c, chat_value v, const chat_arguments *args, bool keep,
                               bool by_attribute) {
  lazy *l = chat_alloc(c, sizeof *l);
  if (!l)
    return chat_none();
  size_t used = 0;
  *l = (lazy){.name = chat_none(), .by_attribute = by_attribute, .keep = keep};
  if (by_attribute && is_positional(args, 0))
    l->attribute = args->items[used++].value;
  else if (by_attribute)
    chat_fail(c, "selectattr and rejectattr need the name of an attribute");
  if (is_positional(args, used)) {
    l->name = args->items[used++].value;
    if (l->name.kind != CHAT_STRING)
      chat_fail(c, "a test's name is a string, not a value of type %s", chat_kind_name(l->name));
  }
  l->rest = behind(args, used);
  return c->failed ? chat_none() : chat_new_iterator(c, next_selected, v, NULL, l);
}

CHAT_FILTER_FUNCTION(chat_filter_select) {
  UNUSED;
  return select_items(c, v, args, true, false);
}
CHAT_FILTER_FUNCTION(chat_filter_reject) {
  UNUSED;
  return select_items(c, v, args, false, false);
}
CHAT_FILTER_FUNCTION(chat_filter_selectattr) {
  UNUSED;
  return select_items(c, v, args, true, true);
}
CHAT_FILTER_FUNCTION(chat_filter_rejectattr) {
  UNUSED;
  return select_items(c, v, args, false, true);
}

/// unique: what was seen already.
typedef struct unique {
  chat_value seen, attribute;
  bool fold;
} unique;

static bool next_unique(chat_context *c, chat_iterator *it, chat_value *out) {
  unique *u = it->state;
  if (!it->inner)
    it->inner = chat_iterate(c, it->source);
  while (it->inner && chat_next_item(c, it->inner, out)) {
    chat_value key = chat_key(c, *out, &u->attribute, NULL, u->fold);
    bool known = !c->failed && chat_get(c, u->seen.dict, key);
    if (known)
      continue;
    chat_put(c, u->seen.dict, key, chat_none());
    return true;
  }
  return false;
}

CHAT_FILTER_FUNCTION(chat_filter_unique) {
  UNUSED;
  unique *u = chat_alloc(c, sizeof *u);
  chat_value seen = chat_new_dict(c);
  if (!u || c->failed)
    return chat_none();
  *u = (unique){seen, b[1] ? *b[1] : chat_none(), !chat_flag(b[0])};
  return chat_new_iterator(c, next_unique, v, NULL, u);
}

/// batch: lists of `count` items; slice: `count` lists.
typedef struct groups {
  int64_t count;
  const chat_value *fill;
  chat_list *items; ///< of slice
  int64_t number;
} groups;

static bool next_batch(chat_context *c, chat_iterator *it, chat_value *out) {
  groups *g = it->state;
  chat_value item;
  *out = chat_new_list(c);
  if (!it->inner)
    it->inner = chat_iterate(c, it->source);
  // A batch of -1 or 0 never fills up: Jinja hands out all, or an empty list first.
  while (!c->failed && it->inner && (int64_t)out->list->count != g->count &&
         chat_next_item(c, it->inner, &item))
    chat_append(c, *out, item);
  if (c->failed || out->list->count == 0)
    return false;
  while (g->fill && !c->failed && (int64_t)out->list->count < g->count)
    chat_append(c, *out, *g->fill);
  return !c->failed;
}

static chat_value new_groups(chat_context *c, chat_value v, chat_next_function next,
                             const char *name, const chat_value *const *b) {
  groups *g = chat_alloc(c, sizeof *g);
  int64_t count = chat_whole(c, name, b[0], 0);
  if (count < 1)
    chat_fail(c, "%s of %lld; 1 or more are allowed", name, (long long)count);
  if (!g || c->failed)
    return chat_none();
  *g = (groups){.count = count, .fill = chat_is_given(b[1]) ? b[1] : NULL};
  return chat_new_iterator(c, next, v, NULL, g);
}

CHAT_FILTER_FUNCTION(chat_filter_batch) {
  UNUSED;
  return new_groups(c, v, next_batch, "batch", b);
}

static bool next_slice(chat_context *c, chat_iterator *it, chat_value *out) {
  groups *g = it->state;
  if (!g->items && !(g->items = chat_collect(c, it->source)))
    return false;
  if (g->number >= g->count)
    return false;
  int64_t each = (int64_t)g->items->count / g->count, longer = (int64_t)g->items->count % g->count;
  int64_t number = g->number++;
  *out = chat_new_list(c);
  for (int64_t i = 0; i < each + (number < longer) && !c->failed; ++i)
    chat_append(c, *out, g->items->items[it->at++]);
  if (g->fill && number >= longer)
    chat_append(c, *out, *g->fill);
  return !c->failed;
}

CHAT_FILTER_FUNCTION(chat_filter_slice) {
  UNUSED;
  return new_groups(c, v, next_slice, "slice", b);
}
