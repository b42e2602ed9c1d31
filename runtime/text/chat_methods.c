//===-- chat_methods.c - methods of values in chat templates --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_methods.h"

#include <string.h>

//===----------------------------------------------------------------------===//
// Lists, dicts, loops
//===----------------------------------------------------------------------===//

static chat_value list_count(chat_context *c, chat_value self, resq_text name,
                             const chat_value *const *v) {
  int64_t found = 0;
  bool first = chat_text_is(name, "index");
  for (size_t i = 0; i < self.list->count && !c->failed; ++i)
    if (chat_equal(c, self.list->items[i], *v[0])) {
      if (first)
        return chat_int((int64_t)i);
      ++found;
    }
  if (first)
    chat_fail(c, "index: the value is not in the list");
  return chat_int(found);
}

static chat_value copy(chat_context *c, chat_value self, resq_text name,
                       const chat_value *const *v) {
  (void)name, (void)v;
  if (self.kind != CHAT_DICT) {
    chat_list *list = chat_collect(c, self);
    return list ? (chat_value){.kind = CHAT_LIST, .list = list} : chat_none();
  }
  chat_value dict = chat_new_dict(c);
  for (size_t i = 0; i < self.dict->count && !c->failed; ++i)
    chat_put(c, dict.dict, self.dict->keys[i], self.dict->values[i]);
  return dict;
}

static chat_value get(chat_context *c, chat_value self, resq_text name,
                      const chat_value *const *v) {
  (void)name;
  chat_value *found = chat_get(c, self.dict, *v[0]);
  return found ? *found : v[1] ? *v[1] : chat_none();
}

/// items, keys, values.
static chat_value view(chat_context *c, chat_value self, resq_text name,
                       const chat_value *const *v) {
  (void)v;
  chat_value out = chat_new_list(c);
  bool items = name.data[0] == 'i', keys = name.data[0] == 'k';
  for (size_t i = 0; i < self.dict->count && chat_charge(c, CHAT_STEP); ++i) {
    chat_value pair[2] = {self.dict->keys[i], self.dict->values[i]};
    chat_append(c, out, items ? chat_new_tuple(c, pair, 2) : keys ? pair[0] : pair[1]);
  }
  out.kind = c->failed ? CHAT_NONE : items ? CHAT_ITEMS : keys ? CHAT_KEYS : CHAT_VALUES;
  return out;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static const chat_method_entry list_methods[] = {
    {"count", "value/", list_count},
    {"index", "value/", list_count},
    {"copy", "", copy},
};
static const chat_method_entry dict_methods[] = {
    {"get", "key/|default/", get}, {"items", "", view}, {"keys", "", view},
    {"values", "", view},          {"copy", "", copy},  {"fromkeys", NULL, NULL},
};

static const chat_method_entry *find_entry(const chat_method_entry *entries, size_t n,
                                           resq_text name) {
  for (size_t i = 0; i < n; ++i)
    if (chat_text_is(name, entries[i].name))
      return &entries[i];
  return NULL;
}
#define FIND(table, name) find_entry(table, sizeof table / sizeof table[0], name)

static const chat_method_entry *entry_of(chat_value subject, resq_text name) {
  if (subject.kind == CHAT_STRING)
    return chat_text_method(name);
  if (subject.kind == CHAT_LIST)
    return FIND(list_methods, name);
  if (subject.kind == CHAT_TUPLE) // tuples have no copy
    return find_entry(list_methods, 2, name);
  return subject.kind == CHAT_DICT ? FIND(dict_methods, name) : NULL;
}

bool chat_has_method(chat_value subject, resq_text name) { return entry_of(subject, name) != NULL; }

void chat_check_method(chat_context *c, resq_text name) {
  const chat_method_entry *e = chat_text_method(name);
  if ((e && !e->run) || chat_text_is(name, "fromkeys"))
    chat_fail(c, "the method %.*s is not supported", CHAT_SHORT(name));
}

chat_value chat_call_method(chat_context *c, const chat_method *method,
                            const chat_arguments *args) {
  chat_value subject = method->subject;
  resq_text name = method->name;
  const chat_value *bound[CHAT_MAX_PARAMETERS];
  char title[64];
  memcpy(title, name.data, name.size < 63 ? name.size : 63);
  title[name.size < 63 ? name.size : 63] = 0;
  if (subject.kind == CHAT_LOOP) {
    bool cycle = chat_text_is(name, "cycle");
    chat_bind(c, title, "*", args, bound);
    if (cycle && args->count == 0)
      chat_fail(c, "cycle without values");
    if (c->failed)
      return chat_none();
    if (cycle)
      return args->items[subject.loop->index0 % (int64_t)args->count].value;
    chat_value values = chat_new_tuple(c, NULL, 0);
    for (size_t i = 0; i < args->count && !c->failed; ++i)
      chat_append(c, values, args->items[i].value);
    bool same = subject.loop->has_changed && chat_equal(c, subject.loop->changed, values);
    subject.loop->changed = values;
    subject.loop->has_changed = true;
    return chat_bool(!same);
  }
  const chat_method_entry *e = entry_of(subject, name);
  if (!e || !e->run)
    chat_fail(c, "the method %s of a value of type %s is not supported", title,
              chat_kind_name(subject));
  if (c->failed || !chat_refuse_safe(c, "a method", subject) ||
      !chat_bind(c, title, e->parameters, args, bound))
    return chat_none();
  return e->run(c, subject, name, bound);
}
