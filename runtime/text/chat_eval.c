//===-- chat_eval.c - running the statements of a chat template -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Variables live on one stack; a loop pass and a macro call cut it back when they end,
// which is Jinja's scoping: `set` in a loop is gone after the pass, `if` has no scope.
//===----------------------------------------------------------------------===//
#include "text/chat_syntax.h"

#include <stdlib.h>
#include <string.h>

typedef struct variable {
  resq_text name;
  chat_value value;
} variable;

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;

typedef struct machine {
  chat_context *c;
  chat_value globals;
  variable *variables;
  size_t count, capacity;
  size_t frame;  ///< first variable of the innermost scope: what `set` may change
  size_t top;    ///< variables of the template's top level, while in a loop
  size_t hidden; ///< in a macro: variables from `visible` up to here are its caller's
  size_t visible;
} machine;

static chat_value eval(machine *m, const chat_node *node);
static flow run(machine *m, const chat_node *statements, chat_buffer *out);

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

static void set_variable(machine *m, resq_text name, chat_value value) {
  for (size_t i = m->count; i > m->frame; --i)
    if (chat_text_equal(m->variables[i - 1].name, name)) {
      m->variables[i - 1].value = value;
      return;
    }
  if (!chat_charge(m->c, 1 + (m->count - m->frame) / 8))
    return;
  if (m->count == m->capacity) {
    size_t capacity = m->capacity ? 2 * m->capacity : 32;
    variable *grown = chat_alloc(m->c, capacity * sizeof *grown);
    if (!grown)
      return;
    if (m->count)
      memcpy(grown, m->variables, m->count * sizeof *grown);
    m->variables = grown;
    m->capacity = capacity;
  }
  m->variables[m->count++] = (variable){name, value};
}

static void open_scope(machine *m) {
  if (m->frame == 0)
    m->top = m->count;
  m->frame = m->count;
}

static chat_value get_variable(machine *m, resq_text name) {
  if (!chat_charge(m->c, m->count / 8))
    return chat_none();
  for (size_t i = m->count; i > 0; --i) {
    // A macro sees its own variables and those of the template's top level.
    if (i <= m->hidden && i > m->visible)
      i = m->visible;
    if (i == 0)
      break;
    if (chat_text_equal(m->variables[i - 1].name, name))
      return m->variables[i - 1].value;
  }
  chat_value *global = chat_get(m->c, m->globals, name);
  if (global)
    return *global;
  return chat_is_function(name) ? (chat_value){.kind = CHAT_FUNCTION, .text = name}
                                : chat_undefined(name);
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

static chat_arguments eval_arguments(machine *m, const chat_node *first) {
  chat_arguments args = {0};
  for (const chat_node *n = first; n; n = n->next)
    ++args.count;
  args.items = args.count ? chat_alloc(m->c, args.count * sizeof *args.items) : NULL;
  if (!args.items)
    return (chat_arguments){0};
  size_t i = 0;
  for (const chat_node *n = first; n; n = n->next, ++i)
    args.items[i] = (chat_argument){n->text, eval(m, n->a)};
  return args;
}

/// A macro's result is the text it writes.
static chat_value call_macro(machine *m, const chat_node *macro, const chat_arguments *args) {
  size_t count = m->count, frame = m->frame, hidden = m->hidden, visible = m->visible;
  chat_buffer out = {0};
  if (hidden == 0)
    m->visible = frame == 0 ? count : m->top;
  m->hidden = m->frame = count;
  size_t position = 0;
  for (const chat_node *p = macro->a; p && !m->c->failed; p = p->next, ++position) {
    const chat_value *given = NULL;
    size_t positional = 0;
    for (size_t i = 0; i < args->count && !given; ++i)
      if (args->items[i].name.size ? chat_text_equal(args->items[i].name, p->text)
                                   : positional++ == position)
        given = &args->items[i].value;
    chat_value value = given ? *given : p->a ? eval(m, p->a) : chat_undefined(p->text);
    set_variable(m, p->text, value);
  }
  if (chat_enter(m->c))
    run(m, macro->b, &out);
  chat_leave(m->c);
  m->count = count;
  m->frame = frame;
  m->hidden = hidden;
  m->visible = visible;
  return chat_string(chat_buffer_text(&out));
}

static chat_value eval_call(machine *m, const chat_node *node) {
  const chat_node *callee = node->a;
  chat_value result = chat_none();
  if (callee->kind == CHAT_ATTRIBUTE) {
    chat_value subject = eval(m, callee->a);
    chat_arguments args = eval_arguments(m, node->b);
    m->c->line = node->line;
    if (m->c->failed || chat_call_method(m->c, subject, callee->text, &args, &result))
      return result;
    chat_fail(m->c, "a value of type %s has no method %.*s", chat_kind_name(subject),
              (int)callee->text.size, callee->text.data);
    return result;
  }
  chat_value function = eval(m, callee);
  chat_arguments args = eval_arguments(m, node->b);
  m->c->line = node->line;
  if (m->c->failed)
    return result;
  if (function.kind == CHAT_MACRO)
    return call_macro(m, function.macro, &args);
  if (function.kind == CHAT_FUNCTION)
    return chat_call_function(m->c, function.text, &args);
  if (function.kind == CHAT_UNDEFINED)
    chat_fail(m->c, "'%.*s' is not a function that is supported", (int)function.text.size,
              function.text.data);
  else
    chat_fail(m->c, "a value of type %s cannot be called", chat_kind_name(function));
  return result;
}

static chat_value eval_list(machine *m, const chat_node *node) {
  chat_value list = chat_new_list(m->c);
  for (const chat_node *n = node->a; n && !m->c->failed; n = n->next)
    chat_append(m->c, list, eval(m, n));
  return list;
}

static chat_value eval_dict(machine *m, const chat_node *node) {
  chat_value dict = chat_new_dict(m->c);
  for (const chat_node *n = node->a; n && !m->c->failed; n = n->next) {
    chat_value key = eval(m, n->a), value = eval(m, n->b);
    if (key.kind != CHAT_STRING)
      chat_fail(m->c, "a dict key of type %s; string is allowed", chat_kind_name(key));
    else
      chat_put(m->c, dict, key.text, value);
  }
  return dict;
}

static chat_value eval_slice(machine *m, const chat_node *node) {
  const chat_node *parts[3] = {node->b, node->c, node->d};
  chat_value values[3], from = eval(m, node->a);
  for (int i = 0; i < 3; ++i)
    values[i] = parts[i] ? eval(m, parts[i]) : chat_none();
  m->c->line = node->line;
  return chat_slice(m->c, from, parts[0] ? &values[0] : NULL, parts[1] ? &values[1] : NULL,
                    parts[2] ? &values[2] : NULL);
}

static chat_value eval_compare(machine *m, const chat_node *node) {
  chat_value left = eval(m, node->a);
  for (const chat_node *n = node->b; n && !m->c->failed; n = n->next) {
    chat_value right = eval(m, n->a);
    m->c->line = node->line;
    if (m->c->failed || !chat_compare(m->c, n->text, left, right))
      return chat_bool(false);
    left = right;
  }
  return chat_bool(true);
}

static chat_value eval_unary(machine *m, const chat_node *node) {
  chat_value v = eval(m, node->a);
  int64_t integer;
  bool minus = node->text.data[0] == '-';
  if (chat_as_int(v, &integer))
    return chat_int(minus ? (int64_t)(0 - (uint64_t)integer) : integer);
  if (v.kind == CHAT_FLOAT)
    return chat_float(minus ? -v.number : v.number);
  chat_fail(m->c, "a sign before a value of type %s", chat_kind_name(v));
  return v;
}

static chat_value eval_here(machine *m, const chat_node *node) {
  chat_context *c = m->c;
  chat_value a, b;
  switch (node->kind) {
  case CHAT_LITERAL:
    return node->value;
  case CHAT_NAME:
    return get_variable(m, node->text);
  case CHAT_MAKE_LIST:
    return eval_list(m, node);
  case CHAT_MAKE_DICT:
    return eval_dict(m, node);
  case CHAT_ATTRIBUTE:
    a = eval(m, node->a);
    c->line = node->line;
    return chat_attribute(c, a, node->text);
  case CHAT_ITEM:
    a = eval(m, node->a);
    b = eval(m, node->b);
    c->line = node->line;
    return chat_item(c, a, b);
  case CHAT_SLICE:
    return eval_slice(m, node);
  case CHAT_CALL:
    return eval_call(m, node);
  case CHAT_FILTER:
  case CHAT_TEST: {
    a = eval(m, node->a);
    chat_arguments args = eval_arguments(m, node->b);
    c->line = node->line;
    if (c->failed)
      return a;
    return node->kind == CHAT_FILTER ? chat_filter(c, node->text, a, &args)
                                     : chat_bool(chat_test(c, node->text, a, &args));
  }
  case CHAT_NOT:
    return chat_bool(!chat_truth(eval(m, node->a)));
  case CHAT_UNARY:
    return eval_unary(m, node);
  case CHAT_BINARY:
    a = eval(m, node->a);
    b = eval(m, node->b);
    c->line = node->line;
    return c->failed ? a : chat_binary(c, node->text, a, b);
  case CHAT_AND:
    a = eval(m, node->a);
    return chat_truth(a) ? eval(m, node->b) : a;
  case CHAT_OR:
    a = eval(m, node->a);
    return chat_truth(a) ? a : eval(m, node->b);
  case CHAT_COMPARE:
    return eval_compare(m, node);
  case CHAT_CONDITIONAL:
    if (chat_truth(eval(m, node->b)))
      return eval(m, node->a);
    return node->c ? eval(m, node->c) : chat_undefined(chat_text("the missing else"));
  default:
    chat_fail(c, "not an expression");
    return chat_none();
  }
}

static chat_value eval(machine *m, const chat_node *node) {
  chat_value value = chat_none();
  if (chat_enter(m->c) && node) {
    m->c->line = node->line;
    value = eval_here(m, node);
  }
  chat_leave(m->c);
  return m->c->failed ? chat_none() : value;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

/// Binds one name, or several to the items of a list.
static void bind(machine *m, const chat_node *names, chat_value value) {
  if (!names->next) {
    set_variable(m, names->text, value);
    return;
  }
  size_t i = 0;
  for (const chat_node *n = names; n; n = n->next, ++i) {
    if (value.kind != CHAT_LIST || i >= value.list->count ||
        (!n->next && i + 1 != value.list->count)) {
      chat_fail(m->c, "a value that is not a list of as many items as there are names");
      return;
    }
    set_variable(m, n->text, value.list->items[i]);
  }
}

/// Brings `loop` to a pass. One dict serves all passes, as one object does in Jinja.
static void update_loop(machine *m, chat_value loop, const chat_list *items, size_t i) {
  int64_t count = (int64_t)items->count, at = (int64_t)i;
  chat_value nothing = chat_undefined(chat_text("a neighbour in the loop"));
  chat_put(m->c, loop, chat_text("index"), chat_int(at + 1));
  chat_put(m->c, loop, chat_text("index0"), chat_int(at));
  chat_put(m->c, loop, chat_text("revindex"), chat_int(count - at));
  chat_put(m->c, loop, chat_text("revindex0"), chat_int(count - at - 1));
  chat_put(m->c, loop, chat_text("first"), chat_bool(i == 0));
  chat_put(m->c, loop, chat_text("last"), chat_bool(i + 1 == items->count));
  chat_put(m->c, loop, chat_text("length"), chat_int(count));
  chat_put(m->c, loop, chat_text("previtem"), i > 0 ? items->items[i - 1] : nothing);
  chat_put(m->c, loop, chat_text("nextitem"), i + 1 < items->count ? items->items[i + 1] : nothing);
}

/// The items that pass the loop's own condition.
static chat_value filtered_items(machine *m, const chat_node *node, chat_value items) {
  if (!node->c || items.kind != CHAT_LIST)
    return items;
  chat_value kept = chat_new_list(m->c);
  size_t count = m->count, frame = m->frame;
  open_scope(m);
  for (size_t i = 0; i < items.list->count && !m->c->failed; ++i) {
    bind(m, node->a, items.list->items[i]);
    if (chat_truth(eval(m, node->c)))
      chat_append(m->c, kept, items.list->items[i]);
    m->count = count;
  }
  m->frame = frame;
  return kept;
}

static flow run_for(machine *m, const chat_node *node, chat_buffer *out) {
  chat_value over = eval(m, node->b);
  m->c->line = node->line;
  chat_value items = filtered_items(m, node, chat_items_of(m->c, over));
  if (m->c->failed || items.kind != CHAT_LIST)
    return FLOW_ON;
  if (items.list->count == 0)
    return run(m, node->e, out);
  size_t count = m->count, frame = m->frame;
  chat_value loop = chat_new_dict(m->c);
  open_scope(m);
  for (size_t i = 0; i < items.list->count && chat_charge(m->c, 1); ++i) {
    bind(m, node->a, items.list->items[i]);
    update_loop(m, loop, items.list, i);
    set_variable(m, chat_text("loop"), loop);
    flow f = run(m, node->d, out);
    m->count = count;
    if (f == FLOW_BREAK)
      break;
  }
  m->count = count;
  m->frame = frame;
  return FLOW_ON;
}

static void assign(machine *m, const chat_node *target, chat_value value) {
  if (target->kind != CHAT_ATTRIBUTE) {
    bind(m, target, value);
    return;
  }
  chat_value space = eval(m, target->a);
  if (space.kind != CHAT_NAMESPACE)
    chat_fail(m->c, "set of an attribute of a value of type %s; namespace is allowed",
              chat_kind_name(space));
  else
    chat_put(m->c, space, target->text, value);
}

static flow run_one(machine *m, const chat_node *node, chat_buffer *out) {
  chat_buffer inner = {0};
  flow f = FLOW_ON;
  switch (node->kind) {
  case CHAT_DATA:
    chat_write(m->c, out, node->text.data, node->text.size);
    break;
  case CHAT_OUTPUT: {
    chat_value value = eval(m, node->a);
    if (!m->c->failed)
      chat_print(m->c, out, value, false);
    break;
  }
  case CHAT_FOR:
    return run_for(m, node, out);
  case CHAT_IF:
    for (const chat_node *branch = node->a; branch; branch = branch->next)
      if (!branch->a || chat_truth(eval(m, branch->a)))
        return run(m, branch->b, out);
    break;
  case CHAT_SET: {
    chat_value value = eval(m, node->b);
    if (!m->c->failed)
      assign(m, node->a, value);
    break;
  }
  case CHAT_SET_BLOCK:
    f = run(m, node->b, &inner);
    if (!m->c->failed)
      assign(m, node->a, chat_string(chat_buffer_text(&inner)));
    break;
  case CHAT_MACRO_NODE:
    set_variable(m, node->text, (chat_value){.kind = CHAT_MACRO, .macro = node});
    break;
  case CHAT_BREAK:
    return FLOW_BREAK;
  case CHAT_CONTINUE:
    return FLOW_CONTINUE;
  default:
    chat_fail(m->c, "not a statement");
  }
  return f;
}

static flow run(machine *m, const chat_node *statements, chat_buffer *out) {
  flow f = FLOW_ON;
  if (chat_enter(m->c))
    for (const chat_node *node = statements; node && f == FLOW_ON && chat_charge(m->c, 1);
         node = node->next) {
      m->c->line = node->line;
      f = run_one(m, node, out);
    }
  chat_leave(m->c);
  return f;
}

void chat_run(chat_context *c, const chat_node *statements, chat_value globals, chat_buffer *out) {
  machine m = {.c = c, .globals = globals};
  run(&m, statements, out);
}
