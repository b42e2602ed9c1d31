//===-- chat_call.c - calls, arguments and macros of chat templates -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_machine.h"

#include <string.h>

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

/// *values or **values, behind the arguments so far.
static void spread(chat_machine *m, const chat_node *n, chat_value from, chat_value names,
                   chat_value values) {
  chat_context *c = m->c;
  if (n->text.size == 1) {
    chat_list *items = chat_collect(c, from);
    for (size_t i = 0; items && i < items->count && !c->failed; ++i) {
      chat_append(c, names, chat_string((resq_text){"", 0}));
      chat_append(c, values, items->items[i]);
    }
  } else if (from.kind != CHAT_DICT) {
    chat_fail(c, "** of a value of type %s; dict is allowed", chat_kind_name(from));
  } else {
    for (size_t i = 0; i < from.dict->count && !c->failed; ++i) {
      if (from.dict->keys[i].kind != CHAT_STRING || from.dict->keys[i].text.size == 0)
        chat_fail(c, "** of a dict whose keys are not all names");
      chat_append(c, names, from.dict->keys[i]);
      chat_append(c, values, from.dict->values[i]);
    }
  }
}

static void refuse_twice(chat_context *c, const chat_arguments *args) {
  size_t named = 0;
  for (size_t i = 0; i < args->count; ++i)
    named += args->items[i].name.size != 0;
  if (named < 2)
    return;
  chat_value seen = chat_new_dict(c);
  for (size_t i = 0; i < args->count && !c->failed; ++i) {
    if (!args->items[i].name.size)
      continue;
    if (chat_get_text(c, seen.dict, args->items[i].name))
      chat_fail(c, "the argument %.*s appears twice", CHAT_SHORT(args->items[i].name));
    chat_put(c, seen.dict, chat_string(args->items[i].name), chat_none());
  }
}

chat_arguments chat_eval_arguments(chat_machine *m, const chat_node *first) {
  chat_context *c = m->c;
  chat_arguments args = {0};
  if (!first)
    return args;
  chat_value names = chat_new_list(c), values = chat_new_list(c);
  for (const chat_node *n = first; n && !c->failed; n = n->next) {
    chat_value value = chat_eval(m, n->a);
    if (n->text.size && n->text.data[0] == '*') {
      spread(m, n, value, names, values);
      continue;
    }
    chat_append(c, names, chat_string(n->text));
    chat_append(c, values, value);
  }
  args.count = c->failed ? 0 : names.list->count;
  args.items = args.count ? chat_alloc_array(c, args.count, sizeof *args.items) : NULL;
  if (!args.items)
    return (chat_arguments){0};
  for (size_t i = 0; i < args.count; ++i)
    args.items[i] = (chat_argument){names.list->items[i].text, values.list->items[i]};
  refuse_twice(c, &args);
  return args;
}

/// One parameter of a list: its name, and how it may be given.
typedef struct parameter {
  resq_text name;
  bool by_position_only, star, stars;
} parameter;

static const char *next_parameter(const char *at, parameter *out) {
  size_t size = strcspn(at, ",|");
  *out = (parameter){.name = {at, size}};
  out->stars = size == 2 && at[0] == '*';
  out->star = size == 1 && at[0] == '*';
  if (size && at[size - 1] == '/') {
    out->by_position_only = true;
    --out->name.size;
  }
  return at + size;
}

bool chat_bind(chat_context *c, const char *what, const char *parameters,
               const chat_arguments *args, const chat_value *out[CHAT_MAX_PARAMETERS]) {
  parameter p;
  size_t count = 0, positional = 0, named = 0, used = 0;
  bool required = true, any = false, any_name = false;
  for (size_t i = 0; i < args->count; ++i)
    args->items[i].name.size ? ++named : ++positional;
  for (const char *at = parameters; *at && !c->failed;) {
    required &= *at != '|';
    at += *at == '|' || *at == ',';
    if (!*at)
      break;
    at = next_parameter(at, &p);
    any |= p.star;
    any_name |= p.stars;
    if (p.star || p.stars)
      continue;
    out[count] = NULL;
    size_t position = 0;
    for (size_t i = 0; i < args->count; ++i) {
      bool matches = args->items[i].name.size
                         ? !p.by_position_only && chat_text_equal(args->items[i].name, p.name)
                         : position++ == count;
      if (matches && out[count])
        chat_fail(c, "%s: the argument %.*s is given twice", what, CHAT_SHORT(p.name));
      if (!matches)
        continue;
      out[count] = &args->items[i].value;
      used += args->items[i].name.size != 0;
    }
    if (required && !out[count])
      chat_fail(c, "%s: the argument %.*s is missing", what, CHAT_SHORT(p.name));
    ++count;
  }
  if (!any && positional > count)
    chat_fail(c, "%s: %zu arguments; at most %zu are allowed", what, positional, count);
  if (!any_name && named > used)
    for (size_t i = 0; i < args->count; ++i) {
      bool known = args->items[i].name.size == 0;
      for (size_t k = 0; k < count && !known; ++k)
        known = out[k] == &args->items[i].value;
      if (!known)
        chat_fail(c, "%s has no argument called %.*s", what, CHAT_SHORT(args->items[i].name));
    }
  return !c->failed;
}

void chat_check_call(chat_context *c, const char *what, const char *parameters,
                     const chat_node *arguments) {
  // As when it runs, with values that nobody looks at; a spread may bring anything.
  const chat_value *bound[CHAT_MAX_PARAMETERS];
  size_t count = 0;
  for (const chat_node *n = arguments; n; n = n->next, ++count)
    if (n->text.size && n->text.data[0] == '*')
      return;
  chat_argument *items = chat_alloc_array(c, count + 1, sizeof *items);
  if (!items || !chat_charge(c, count * CHAT_STEP * CHAT_MAX_PARAMETERS))
    return;
  chat_arguments args = {items, count};
  for (const chat_node *n = arguments; n; n = n->next)
    (items++)->name = n->text;
  refuse_twice(c, &args);
  if (!c->failed)
    chat_bind(c, what, parameters, &args, bound);
}

//===----------------------------------------------------------------------===//
// Macros
//===----------------------------------------------------------------------===//

/// What the named arguments of a call are after the parameters took theirs.
static chat_value rest_of_named(chat_context *c, const chat_arguments *args, const bool *used) {
  chat_value rest = chat_new_dict(c);
  for (size_t i = 0; i < args->count && !c->failed; ++i)
    if (args->items[i].name.size && !used[i])
      chat_put(c, rest.dict, chat_string(args->items[i].name), args->items[i].value);
  return rest;
}

/// caller, kwargs and varargs, and what is wrong when a macro does not use them.
static void bind_rest(chat_machine *m, const chat_macro *macro, const chat_arguments *args,
                      const bool *used, size_t n_parameters) {
  chat_context *c = m->c;
  const int *special = macro->node->scopes[0]->special;
  chat_value rest = rest_of_named(c, args, used), more = chat_new_tuple(c, NULL, 0);
  size_t position = 0;
  for (size_t i = 0; i < args->count && !c->failed; ++i)
    if (!args->items[i].name.size && position++ >= n_parameters)
      chat_append(c, more, args->items[i].value);
  if (c->failed)
    return;
  if (special[0] >= 0) {
    chat_value *given = chat_get_text(c, rest.dict, chat_text("caller"));
    bool is_none = !given || given->kind == CHAT_NONE;
    m->now->slots[special[0]] = is_none ? chat_undefined(chat_text("caller")) : *given;
    if (given) { // it is not one of kwargs
      chat_value others = chat_new_dict(c);
      for (size_t i = 0; i < rest.dict->count && !c->failed; ++i)
        if (!chat_text_is(rest.dict->keys[i].text, "caller"))
          chat_put(c, others.dict, rest.dict->keys[i], rest.dict->values[i]);
      rest = others;
    }
  }
  if (c->failed)
    return;
  if (special[1] >= 0)
    m->now->slots[special[1]] = rest;
  else if (rest.dict->count)
    chat_fail(c, "macro %.*s has no argument called %.*s", CHAT_SHORT(macro->node->text),
              CHAT_SHORT(rest.dict->keys[0].text));
  if (special[2] >= 0)
    m->now->slots[special[2]] = more;
  else if (more.list->count)
    chat_fail(c, "macro %.*s: %zu arguments; at most %zu are allowed",
              CHAT_SHORT(macro->node->text), position, n_parameters);
}

static void bind_parameters(chat_machine *m, const chat_macro *macro, const chat_arguments *args) {
  chat_context *c = m->c;
  bool *used = chat_alloc(c, args->count + 1);
  size_t given = 0, position = 0;
  for (size_t i = 0; i < args->count; ++i)
    given += args->items[i].name.size == 0;
  for (const chat_node *p = macro->node->a; used && p && !c->failed; p = p->next, ++position) {
    size_t at = 0, i = 0;
    for (; i < args->count && chat_charge(c, CHAT_STEP / 4); ++i)
      if (args->items[i].name.size
              ? position >= given && chat_text_equal(args->items[i].name, p->text)
              : at++ == position)
        break;
    if (c->failed)
      return;
    bool found = i < args->count;
    if (found)
      used[i] = true;
    m->now->slots[p->f->slot] = found ? args->items[i].value : chat_undefined((resq_text){0});
    if (!found)
      used[args->count] = true; // a default is wanted
  }
  if (!used || c->failed)
    return;
  bool wants_defaults = used[args->count];
  bind_rest(m, macro, args, used, position);
  position = 0;
  for (const chat_node *p = macro->node->a; wants_defaults && p && !c->failed; p = p->next) {
    chat_value *slot = &m->now->slots[p->f->slot];
    if (slot->kind != CHAT_UNDEFINED || slot->text.data)
      continue;
    chat_value value = p->a ? chat_eval(m, p->a) : chat_undefined(p->text);
    if (!c->failed)
      *slot = value;
  }
}

/// A macro's result is the text that it writes.
static chat_value call_macro(chat_machine *m, const chat_macro *macro, const chat_arguments *args) {
  chat_activation *before = m->now;
  const chat_scope *scope = macro->node->scopes[0];
  chat_buffer out = {0};
  m->now = chat_activate(m->c, scope->n_slots, macro->around);
  if (m->now) {
    chat_open_scope(m, scope);
    bind_parameters(m, macro, args);
    if (!m->c->failed)
      chat_run_list(m, macro->node->b, &out);
  }
  m->now = before;
  return chat_string(chat_buffer_text(&out));
}

chat_value chat_eval_call(chat_machine *m, const chat_node *node, const chat_value *caller) {
  chat_context *c = m->c;
  chat_value function = chat_eval(m, node->a), result = chat_none();
  chat_arguments args = chat_eval_arguments(m, node->b);
  if (caller && !c->failed) {
    chat_argument *items = chat_alloc_array(c, args.count + 1, sizeof *items);
    if (!items)
      return result;
    if (args.count)
      memcpy(items, args.items, args.count * sizeof *items);
    items[args.count++] = (chat_argument){chat_text("caller"), *caller};
    args.items = items;
    refuse_twice(c, &args);
  }
  c->line = node->line;
  if (!chat_enter(c)) {
    chat_leave(c);
    return result;
  }
  switch (function.kind) {
  case CHAT_MACRO:
    result = call_macro(m, function.macro, &args);
    break;
  case CHAT_FUNCTION:
    result = chat_call_function(c, function.text, &args);
    break;
  case CHAT_METHOD:
    result = chat_call_method(c, function.method, &args);
    break;
  case CHAT_JOINER: {
    const chat_value *none[CHAT_MAX_PARAMETERS];
    chat_bind(c, "a joiner", "", &args, none);
    result = chat_string(function.joiner->called ? function.joiner->separator : (resq_text){"", 0});
    function.joiner->called = true;
    break;
  }
  case CHAT_UNDEFINED:
    chat_fail(c, "'%.*s' is undefined, and cannot be called", CHAT_SHORT(function.text));
    break;
  default:
    chat_fail(c, "a value of type %s cannot be called", chat_kind_name(function));
  }
  chat_leave(c);
  return result;
}
