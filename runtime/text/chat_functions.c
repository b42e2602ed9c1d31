//===-- chat_functions.c - global functions of chat templates -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_syntax.h"
#include "text/chat_text.h"

static chat_value call_range(chat_context *c, const chat_arguments *args,
                             const chat_value *const *bound) {
  (void)bound;
  int64_t v[3] = {0, 0, 1};
  const int64_t limit = (int64_t)1 << 40;
  bool ok = args->count >= 1 && args->count <= 3;
  for (size_t i = 0; ok && i < args->count; ++i)
    ok = chat_as_int(args->items[i].value, &v[args->count == 1 ? 1 : i]);
  for (int i = 0; i < 3; ++i)
    ok = ok && v[i] > -limit && v[i] < limit;
  chat_range *range = chat_alloc(c, sizeof *range);
  if (!ok || v[2] == 0)
    chat_fail(c, "range needs 1 to 3 ints within 2^40, the step not 0");
  if (!range || c->failed)
    return chat_none();
  *range = (chat_range){v[0], v[1], v[2]};
  if (chat_range_count(range) > 100000)
    chat_fail(c, "range of more than 100000 items");
  return (chat_value){.kind = CHAT_RANGE, .range = range};
}

/// dict(...), namespace(...): the items of a dict or pairs, then named arguments.
static chat_value call_dict(chat_context *c, const chat_arguments *args,
                            const chat_value *const *bound) {
  (void)bound;
  chat_value out = chat_new_dict(c);
  for (size_t i = 0; i < args->count && !c->failed; ++i) {
    chat_value value = args->items[i].value, item;
    if (args->items[i].name.size) {
      chat_put(c, out.dict, chat_string(args->items[i].name), value);
      continue;
    }
    if (i > 0)
      chat_fail(c, "dict and namespace take one value without a name");
    if (value.kind == CHAT_UNDEFINED)
      chat_fail(c, "'%.*s' is undefined", CHAT_SHORT(value.text));
    chat_iterator *it = chat_iterate(c, value);
    while (it && chat_next_item(c, it, &item)) {
      if (value.kind == CHAT_DICT) {
        chat_put(c, out.dict, item, *chat_get(c, value.dict, item));
        continue;
      }
      chat_list *pair = chat_collect(c, item);
      if (pair && pair->count == 2)
        chat_put(c, out.dict, pair->items[0], pair->items[1]);
      else
        chat_fail(c, "dict and namespace take dicts and pairs");
    }
  }
  return c->failed ? chat_none() : out;
}

static chat_value call_namespace(chat_context *c, const chat_arguments *args,
                                 const chat_value *const *bound) {
  chat_value out = call_dict(c, args, bound);
  if (out.kind == CHAT_DICT)
    out.kind = CHAT_NAMESPACE;
  return out;
}

static chat_value call_raise(chat_context *c, const chat_arguments *args,
                             const chat_value *const *bound) {
  (void)args;
  resq_text text = chat_str(c, *bound[0]);
  if (c->failed)
    return chat_none();
  c->refused = true;
  chat_fail(c, "the template refuses: %.*s", (int)(text.size < 600 ? text.size : 600), text.data);
  return chat_none();
}

static chat_value call_strftime(chat_context *c, const chat_arguments *args,
                                const chat_value *const *bound) {
  (void)args;
  if (bound[0]->kind != CHAT_STRING) {
    chat_fail(c, "strftime_now needs a string");
    return chat_none();
  }
  return chat_string(chat_strftime(c, bound[0]->text));
}

static chat_value call_joiner(chat_context *c, const chat_arguments *args,
                              const chat_value *const *bound) {
  (void)args;
  chat_joiner *joiner = chat_alloc(c, sizeof *joiner);
  if (!joiner)
    return chat_none();
  if (bound[0] && bound[0]->kind != CHAT_STRING)
    chat_fail(c, "joiner needs a string");
  else
    joiner->separator = bound[0] ? bound[0]->text : chat_text(", ");
  return (chat_value){.kind = CHAT_JOINER, .joiner = joiner};
}

typedef chat_value (*global_function)(chat_context *c, const chat_arguments *args,
                                      const chat_value *const *bound);
static const struct {
  const char *name, *parameters;
  global_function run;
} functions[] = {
    {"range", "*", call_range},
    {"dict", "|*,**", call_dict},
    {"namespace", "|*,**", call_namespace},
    {"raise_exception", "message", call_raise},
    {"strftime_now", "format", call_strftime},
    {"joiner", "|sep", call_joiner},
};
enum { n_functions = sizeof functions / sizeof functions[0] };

static size_t find_function(resq_text name) {
  size_t i = 0;
  while (i < n_functions && !chat_text_is(name, functions[i].name))
    ++i;
  return i;
}

bool chat_is_function(resq_text name) { return find_function(name) < n_functions; }

void chat_check_function(chat_context *c, resq_text name, const chat_node *arguments) {
  size_t i = find_function(name);
  if (i < n_functions)
    chat_check_call(c, functions[i].name, functions[i].parameters, arguments);
  else if (chat_text_is(name, "lipsum") || chat_text_is(name, "cycler"))
    chat_fail(c, "the function %.*s is not supported", CHAT_SHORT(name));
}

chat_value chat_call_function(chat_context *c, resq_text name, const chat_arguments *args) {
  size_t i = find_function(name);
  const chat_value *bound[CHAT_MAX_PARAMETERS];
  if (i == n_functions || !chat_bind(c, functions[i].name, functions[i].parameters, args, bound))
    return chat_none();
  return functions[i].run(c, args, bound);
}
