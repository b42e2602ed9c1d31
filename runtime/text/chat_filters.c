//===-- chat_filters.c - the table of filters -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Those of Jinja and their parameters, tojson as Hugging Face's transformers has it.
// What is not supported is refused by name when a template is parsed.
//===----------------------------------------------------------------------===//
#include "text/chat_filters.h"

#include <string.h>

typedef struct filter_entry {
  const char *name, *parameters;
  CHAT_FILTER_FUNCTION((*run));
} filter_entry;

static const filter_entry filters[] = {
    {"abs", "", chat_filter_abs},
    {"batch", "linecount|fill_with", chat_filter_batch},
    {"capitalize", "", chat_filter_capitalize},
    {"center", "|width", chat_filter_center},
    {"count", "", chat_filter_length},
    {"d", "|default_value,boolean", chat_filter_default},
    {"default", "|default_value,boolean", chat_filter_default},
    {"dictsort", "|case_sensitive,by,reverse", chat_filter_dictsort},
    {"first", "", chat_filter_first},
    {"float", "|default", chat_filter_float},
    {"format", "|*,**", chat_filter_format},
    {"groupby", "attribute|default,case_sensitive", chat_filter_groupby},
    {"indent", "|width,first,blank", chat_filter_indent},
    {"int", "|default,base", chat_filter_int},
    {"items", "", chat_filter_items},
    {"join", "|d,attribute", chat_filter_join},
    {"last", "", chat_filter_last},
    {"length", "", chat_filter_length},
    {"list", "", chat_filter_list},
    {"lower", "", chat_filter_lower},
    {"map", "|*,**", chat_filter_map},
    {"max", "|case_sensitive,attribute", chat_filter_max},
    {"min", "|case_sensitive,attribute", chat_filter_min},
    {"reject", "|*,**", chat_filter_reject},
    {"rejectattr", "|*,**", chat_filter_rejectattr},
    {"replace", "old,new|count", chat_filter_replace},
    {"reverse", "", chat_filter_reverse},
    {"round", "|precision,method", chat_filter_round},
    {"safe", "", chat_filter_safe},
    {"select", "|*,**", chat_filter_select},
    {"selectattr", "|*,**", chat_filter_selectattr},
    {"slice", "slices|fill_with", chat_filter_slice},
    {"sort", "|reverse,case_sensitive,attribute", chat_filter_sort},
    {"string", "", chat_filter_string},
    {"sum", "|attribute,start", chat_filter_sum},
    {"title", "", chat_filter_title},
    {"tojson", "|ensure_ascii,indent,separators,sort_keys", chat_filter_tojson},
    {"trim", "|chars", chat_filter_trim},
    {"truncate", "|length,killwords,end,leeway", chat_filter_truncate},
    {"unique", "|case_sensitive,attribute", chat_filter_unique},
    {"upper", "", chat_filter_upper},
    {"wordcount", "", chat_filter_wordcount},
};

static const filter_entry *find_entry(resq_text name) {
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; ++i)
    if (chat_text_is(name, filters[i].name))
      return &filters[i];
  return NULL;
}

bool chat_has_filter(resq_text name) { return find_entry(name) != NULL; }

static const filter_entry *need_entry(chat_context *c, resq_text name) {
  const filter_entry *e = find_entry(name);
  if (!e)
    chat_fail(c, "filter '%.*s' is not supported", CHAT_SHORT(name));
  return e;
}

/// The name of a filter or test in the first (`at`) argument of map and select, checked where it is
/// a literal.
static void check_inner(chat_context *c, const filter_entry *e, const chat_node *arguments) {
  bool is_map = e->run == chat_filter_map;
  bool by_attribute = e->run == chat_filter_selectattr || e->run == chat_filter_rejectattr;
  if (!is_map && !by_attribute && e->run != chat_filter_select && e->run != chat_filter_reject)
    return;
  for (const chat_node *n = arguments; n; n = n->next)
    if (n->text.size && n->text.data[0] == '*')
      return;
  const chat_node *name = by_attribute && arguments ? arguments->next : arguments;
  if (!name && (is_map || (by_attribute && !arguments)))
    chat_fail(c, "%s needs arguments", e->name);
  if (!name || name->text.size || !name->a || name->a->kind != CHAT_LITERAL ||
      name->a->value.kind != CHAT_STRING)
    return;
  if (is_map)
    chat_find_filter(c, name->a->value.text, name->next);
  else
    chat_find_test(c, name->a->value.text, name->next);
}

const void *chat_find_filter(chat_context *c, resq_text name, const chat_node *arguments) {
  const filter_entry *e = c->failed ? NULL : need_entry(c, name);
  // map('map', 'map', ...) is nesting, too.
  if (chat_enter(c) && e) {
    chat_check_call(c, e->name, e->parameters, arguments);
    check_inner(c, e, arguments);
  }
  chat_leave(c);
  return c->failed ? NULL : e;
}

/// Filters that treat text marked as safe as they treat other text.
static bool takes_safe(const filter_entry *e) {
  static CHAT_FILTER_FUNCTION((*const those[])) = {
      chat_filter_safe,    chat_filter_string, chat_filter_tojson, chat_filter_length,
      chat_filter_default, chat_filter_list,   chat_filter_first,  chat_filter_last};
  for (size_t i = 0; i < sizeof those / sizeof those[0]; ++i)
    if (e->run == those[i])
      return true;
  return false;
}

chat_value chat_filter(chat_context *c, const void *filter, chat_value subject,
                       const chat_arguments *args) {
  const filter_entry *e = filter;
  const chat_value *bound[CHAT_MAX_PARAMETERS];
  chat_value out = chat_none();
  if (chat_enter(c) && chat_bind(c, e->name, e->parameters, args, bound) &&
      (takes_safe(e) || chat_refuse_safe(c, e->name, subject)))
    out = e->run(c, subject, args, bound);
  chat_leave(c);
  return c->failed ? chat_none() : out;
}

chat_value chat_filter_by_name(chat_context *c, chat_value name, chat_value subject,
                               const chat_arguments *args) {
  if (name.kind != CHAT_STRING)
    chat_fail(c, "a filter's name is a string, not a value of type %s", chat_kind_name(name));
  const filter_entry *e = c->failed ? NULL : need_entry(c, name.text);
  return e ? chat_filter(c, e, subject, args) : chat_none();
}

bool chat_flag(const chat_value *argument) { return argument && chat_truth(*argument); }

int64_t chat_whole(chat_context *c, const char *what, const chat_value *argument,
                   int64_t fallback) {
  int64_t i;
  if (!argument)
    return fallback;
  if (!chat_as_int(*argument, &i))
    chat_fail(c, "%s needs an int, not a value of type %s", what, chat_kind_name(*argument));
  return i;
}
