//===-- chat_eval.c - evaluating the expressions of a chat template -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_machine.h"

#include <string.h>

chat_activation *chat_activate(chat_context *c, size_t n_slots, chat_activation *around) {
  chat_activation *a = chat_alloc(c, sizeof *a);
  chat_value *slots =
      chat_charge(c, n_slots * CHAT_STEP) ? chat_alloc_array(c, n_slots + 1, sizeof *slots) : NULL;
  if (!a || !slots)
    return NULL;
  *a = (chat_activation){slots, around};
  return a;
}

static chat_value *slot_at(chat_machine *m, int up, int slot) {
  chat_activation *a = m->now;
  for (; up > 0; --up)
    a = a->around;
  return &a->slots[slot];
}

chat_value *chat_variable(chat_machine *m, const chat_node *name) {
  return slot_at(m, name->up, name->slot);
}

static chat_value global(chat_context *c, resq_text name) {
  chat_value *found = chat_get_text(c, c->globals, name);
  if (found)
    return *found;
  if (chat_is_function(name))
    return (chat_value){.kind = CHAT_FUNCTION, .text = name};
  return (chat_value){.kind = CHAT_UNDEFINED};
}

void chat_open_scope(chat_machine *m, const chat_scope *scope) {
  for (size_t i = 0; i < scope->count && chat_charge(m->c, CHAT_STEP); ++i) {
    const chat_opening *o = &scope->openings[i];
    m->now->slots[o->slot] = o->kind == CHAT_OPEN_RESOLVE ? global(m->c, o->name)
                             : o->kind == CHAT_OPEN_ALIAS ? *slot_at(m, o->from_up, o->from_slot)
                                                          : (chat_value){.kind = CHAT_UNDEFINED};
  }
}

static chat_value eval_name(chat_machine *m, const chat_node *node) {
  chat_value value = *chat_variable(m, node);
  if (value.kind == CHAT_UNDEFINED && !value.text.data)
    return chat_undefined(node->text);
  return value;
}

static chat_value eval_items(chat_machine *m, const chat_node *node) {
  chat_value list = chat_new_list(m->c);
  for (const chat_node *n = node->a; n && !m->c->failed; n = n->next)
    chat_append(m->c, list, chat_eval(m, n));
  if (!m->c->failed && node->kind == CHAT_MAKE_TUPLE)
    list.kind = CHAT_TUPLE;
  return list;
}

static chat_value eval_dict(chat_machine *m, const chat_node *node) {
  chat_value dict = chat_new_dict(m->c);
  for (const chat_node *n = node->a; n && !m->c->failed; n = n->next) {
    chat_value key = chat_eval(m, n->a), value = chat_eval(m, n->b);
    if (!m->c->failed)
      chat_put(m->c, dict.dict, key, value);
  }
  return dict;
}

static chat_value eval_slice(chat_machine *m, const chat_node *node) {
  const chat_node *parts[3] = {node->b, node->c, node->d};
  chat_value values[3], from = chat_eval(m, node->a);
  for (int i = 0; i < 3; ++i)
    values[i] = parts[i] ? chat_eval(m, parts[i]) : chat_none();
  m->c->line = node->line;
  if (m->c->failed)
    return from;
  return chat_slice(m->c, from, parts[0] ? &values[0] : NULL, parts[1] ? &values[1] : NULL,
                    parts[2] ? &values[2] : NULL);
}

static chat_value eval_compare(chat_machine *m, const chat_node *node) {
  chat_value left = chat_eval(m, node->a);
  for (const chat_node *n = node->b; n && !m->c->failed; n = n->next) {
    chat_value right = chat_eval(m, n->a);
    m->c->line = node->line;
    if (m->c->failed || !chat_compare(m->c, n->text, left, right))
      return chat_bool(false);
    left = right;
  }
  return chat_bool(true);
}

static chat_value eval_concat(chat_machine *m, const chat_node *node) {
  // The values first: an operand's text may be written to only when all are there.
  chat_value list = eval_items(m, node);
  resq_text text = {"", 0};
  for (size_t i = 0; !m->c->failed && i < list.list->count; ++i)
    text = chat_join(m->c, text, chat_str(m->c, list.list->items[i]));
  return chat_string(text);
}

static chat_value eval_builtin(chat_machine *m, const chat_node *node, chat_value subject) {
  chat_arguments args = chat_eval_arguments(m, node->b);
  m->c->line = node->line;
  if (m->c->failed)
    return subject;
  return node->kind == CHAT_FILTER ? chat_filter(m->c, node->builtin, subject, &args)
                                   : chat_bool(chat_test(m->c, node->builtin, subject, &args));
}

chat_value chat_eval_filters(chat_machine *m, const chat_node *filters, chat_value subject) {
  if (chat_enter(m->c) && filters)
    subject =
        eval_builtin(m, filters, filters->a ? chat_eval_filters(m, filters->a, subject) : subject);
  chat_leave(m->c);
  return subject;
}

static chat_value eval_here(chat_machine *m, const chat_node *node) {
  chat_context *c = m->c;
  chat_value a, b;
  switch (node->kind) {
  case CHAT_LITERAL:
    return node->value;
  case CHAT_NAME:
    return eval_name(m, node);
  case CHAT_MAKE_LIST:
  case CHAT_MAKE_TUPLE:
    return eval_items(m, node);
  case CHAT_MAKE_DICT:
    return eval_dict(m, node);
  case CHAT_ATTRIBUTE:
    a = chat_eval(m, node->a);
    c->line = node->line;
    return c->failed ? a : chat_attribute(c, a, node->text);
  case CHAT_ITEM:
    a = chat_eval(m, node->a);
    b = chat_eval(m, node->b);
    c->line = node->line;
    return c->failed ? a : chat_item(c, a, b);
  case CHAT_SLICE:
    return eval_slice(m, node);
  case CHAT_CALL:
    return chat_eval_call(m, node, NULL);
  case CHAT_FILTER:
  case CHAT_TEST:
    a = chat_eval(m, node->a);
    return eval_builtin(m, node, a);
  case CHAT_NOT:
    return chat_bool(!chat_truth(chat_eval(m, node->a)));
  case CHAT_UNARY:
    a = chat_eval(m, node->a);
    c->line = node->line;
    return c->failed ? a : chat_unary(c, node->text, a);
  case CHAT_BINARY:
    a = chat_eval(m, node->a);
    b = chat_eval(m, node->b);
    c->line = node->line;
    return c->failed ? a : chat_binary(c, node->text, a, b);
  case CHAT_CONCAT:
    return eval_concat(m, node);
  case CHAT_AND:
    a = chat_eval(m, node->a);
    return chat_truth(a) ? chat_eval(m, node->b) : a;
  case CHAT_OR:
    a = chat_eval(m, node->a);
    return chat_truth(a) ? a : chat_eval(m, node->b);
  case CHAT_COMPARE:
    return eval_compare(m, node);
  case CHAT_CONDITIONAL:
    if (chat_truth(chat_eval(m, node->b)))
      return chat_eval(m, node->a);
    return node->c ? chat_eval(m, node->c) : chat_undefined(chat_text("the missing else"));
  default:
    chat_fail(c, "not an expression");
    return chat_none();
  }
}

chat_value chat_eval(chat_machine *m, const chat_node *node) {
  chat_value value = chat_none();
  if (chat_enter(m->c) && node) {
    m->c->line = node->line;
    value = eval_here(m, node);
  }
  chat_leave(m->c);
  return m->c->failed ? chat_none() : value;
}
