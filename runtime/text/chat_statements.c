//===-- chat_statements.c - running the statements of a chat template -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_machine.h"

/// Binds several names to as many items.
static void unpack(chat_machine *m, const chat_node *target, chat_value value) {
  chat_context *c = m->c;
  chat_iterator *it = chat_iterate(c, value);
  chat_value item = chat_none(), items = chat_new_list(c);
  size_t wanted = 0;
  for (const chat_node *n = target->a; n; n = n->next)
    ++wanted;
  // One more than is wanted, to know whether there is one.
  while (it && !c->failed && items.list->count <= wanted && chat_next_item(c, it, &item))
    chat_append(c, items, item);
  if (!c->failed && items.list->count != wanted)
    chat_fail(c, "%s%zu items for %zu names", items.list->count > wanted ? "more than " : "",
              items.list->count > wanted ? wanted : items.list->count, wanted);
  size_t i = 0;
  for (const chat_node *n = target->a; n && !c->failed; n = n->next)
    chat_assign(m, n, items.list->items[i++]);
}

void chat_assign(chat_machine *m, const chat_node *target, chat_value value) {
  chat_context *c = m->c;
  if (target->kind == CHAT_SPACE_NAME) {
    chat_value space = chat_eval(m, target->a);
    if (space.kind != CHAT_NAMESPACE)
      chat_fail(c, "set of an attribute of a value of type %s; namespace is allowed",
                chat_kind_name(space));
    else
      chat_put(c, space.dict, chat_string(target->text), value);
  } else if (target->kind == CHAT_MAKE_TUPLE) {
    if (chat_enter(c))
      unpack(m, target, value);
    chat_leave(c);
  } else {
    *chat_variable(m, target) = value;
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// What a loop with a condition needs for its next item.
typedef struct filtered_loop {
  chat_machine machine;
  const chat_node *node;
} filtered_loop;

/// The value of the loop's variables, as Jinja hands them on: tuples made anew.
static chat_value read_target(chat_machine *m, const chat_node *target) {
  if (target->kind != CHAT_MAKE_TUPLE)
    return *chat_variable(m, target);
  chat_value tuple = chat_new_tuple(m->c, NULL, 0);
  for (const chat_node *n = target->a; n && !m->c->failed; n = n->next)
    chat_append(m->c, tuple, read_target(m, n));
  return tuple;
}

static bool next_filtered(chat_context *c, chat_iterator *it, chat_value *out) {
  filtered_loop *f = it->state;
  chat_value item;
  while (chat_next_item(c, it->inner, &item)) {
    chat_assign(&f->machine, f->node->f, item);
    if (!chat_truth(chat_eval(&f->machine, f->node->c)) || c->failed)
      continue;
    *out = read_target(&f->machine, f->node->f);
    return true;
  }
  return false;
}

/// The items that pass the loop's condition, which is asked when an item is wanted.
static chat_value filter_loop(chat_machine *m, const chat_node *node, chat_value over) {
  filtered_loop *f = chat_alloc(m->c, sizeof *f);
  chat_iterator *inner = chat_iterate(m->c, over);
  if (!f || !inner)
    return chat_none();
  const chat_scope *scope = node->scopes[2];
  *f = (filtered_loop){{m->c, chat_activate(m->c, scope->n_slots, m->now)}, node};
  if (!f->machine.now)
    return chat_none();
  chat_open_scope(&f->machine, scope);
  return chat_new_iterator(m->c, next_filtered, over, inner, f);
}

bool chat_loop_next(chat_context *c, chat_loop *loop, chat_value *out) {
  if (loop->has_after)
    *out = loop->after;
  else if (!chat_next_item(c, loop->it, out))
    return false;
  loop->has_after = false;
  ++loop->index0;
  loop->before = loop->current;
  loop->current = *out;
  return true;
}

static chat_flow run_for(chat_machine *m, const chat_node *node, chat_buffer *out) {
  chat_context *c = m->c;
  chat_value over = chat_eval(m, node->b), item;
  c->line = node->line;
  if (node->c && !c->failed)
    over = filter_loop(m, node, over);
  chat_iterator *it = chat_iterate(c, over);
  chat_loop *loop = chat_alloc(c, sizeof *loop);
  if (!it || !loop)
    return CHAT_FLOW_ON;
  *loop = (chat_loop){.over = over, .it = it, .index0 = -1};
  const chat_scope *scope = node->scopes[0];
  bool whole = false; // a pass came to its end: what `else` asks for, as in Jinja
  while (!c->failed && chat_loop_next(c, loop, &item)) {
    chat_open_scope(m, scope);
    if (scope->special[0] >= 0)
      m->now->slots[scope->special[0]] = (chat_value){.kind = CHAT_LOOP, .loop = loop};
    chat_assign(m, node->a, item);
    chat_flow flow = c->failed ? CHAT_FLOW_ON : chat_run_list(m, node->d, out);
    whole |= flow == CHAT_FLOW_ON;
    if (flow == CHAT_FLOW_BREAK)
      break;
  }
  if (whole || !node->e || c->failed)
    return CHAT_FLOW_ON;
  chat_open_scope(m, node->scopes[1]);
  return chat_run_list(m, node->e, out);
}

//===----------------------------------------------------------------------===//
// Other statements
//===----------------------------------------------------------------------===//

static chat_value new_macro(chat_machine *m, const chat_node *node) {
  chat_macro *macro = chat_alloc(m->c, sizeof *macro);
  if (!macro)
    return chat_none();
  *macro = (chat_macro){node, m->now};
  return (chat_value){.kind = CHAT_MACRO, .macro = macro};
}

static chat_flow run_call_block(chat_machine *m, const chat_node *node, chat_buffer *out) {
  chat_value body = new_macro(m, node), written;
  if (m->c->failed)
    return CHAT_FLOW_ON;
  if (node->c) {
    written = chat_eval_call(m, node->c, &body);
    if (!m->c->failed)
      chat_print(m->c, out, written, false);
    return CHAT_FLOW_ON;
  }
  // generation: the body in a scope of its own
  chat_activation *before = m->now;
  m->now = chat_activate(m->c, node->scopes[0]->n_slots, before);
  if (m->now) {
    chat_open_scope(m, node->scopes[0]);
    chat_run_list(m, node->b, out);
  }
  m->now = before;
  return CHAT_FLOW_ON;
}

/// A body whose text goes through filters (which may be NULL).
static chat_flow run_captured(chat_machine *m, const chat_node *node, const chat_node *filters,
                              chat_value *text) {
  chat_buffer inner = {0};
  chat_open_scope(m, node->scopes[0]);
  chat_flow flow = chat_run_list(m, node->b, &inner);
  *text = chat_string(chat_buffer_text(&inner));
  if (filters && flow == CHAT_FLOW_ON && !m->c->failed)
    *text = chat_eval_filters(m, filters, *text);
  return flow;
}

static chat_flow run_if(chat_machine *m, const chat_node *node, chat_buffer *out) {
  for (const chat_node *branch = node->a; branch && !m->c->failed; branch = branch->next)
    if (!branch->a || chat_truth(chat_eval(m, branch->a)))
      return m->c->failed ? CHAT_FLOW_ON : chat_run_list(m, branch->b, out);
  return CHAT_FLOW_ON;
}

static chat_flow run_with(chat_machine *m, const chat_node *node, chat_buffer *out) {
  chat_open_scope(m, node->scopes[0]);
  for (const chat_node *n = node->a; n && !m->c->failed; n = n->next) {
    chat_value value = chat_eval(m, n->b);
    if (!m->c->failed)
      chat_assign(m, n->a, value);
  }
  return m->c->failed ? CHAT_FLOW_ON : chat_run_list(m, node->b, out);
}

static chat_flow run_one(chat_machine *m, const chat_node *node, chat_buffer *out) {
  chat_context *c = m->c;
  chat_flow flow = CHAT_FLOW_ON;
  chat_value value;
  switch (node->kind) {
  case CHAT_DATA:
    chat_write(c, out, node->text.data, node->text.size);
    break;
  case CHAT_OUTPUT:
    for (const chat_node *n = node->a; n && !c->failed; n = n->next) {
      value = chat_eval(m, n);
      if (!c->failed)
        chat_print(c, out, value, false);
    }
    break;
  case CHAT_FOR:
    return run_for(m, node, out);
  case CHAT_IF:
    return run_if(m, node, out);
  case CHAT_SET:
    value = chat_eval(m, node->b);
    if (!c->failed)
      chat_assign(m, node->a, value);
    break;
  case CHAT_SET_BLOCK:
    flow = run_captured(m, node, node->c, &value);
    if (!c->failed && flow == CHAT_FLOW_ON)
      chat_assign(m, node->a, value);
    break;
  case CHAT_FILTER_BLOCK:
    flow = run_captured(m, node, node->a, &value);
    if (!c->failed && flow == CHAT_FLOW_ON)
      chat_print(c, out, value, false);
    break;
  case CHAT_WITH:
    return run_with(m, node, out);
  case CHAT_MACRO_NODE:
    value = new_macro(m, node);
    if (!c->failed)
      *chat_variable(m, node->f) = value;
    break;
  case CHAT_CALL_BLOCK:
    return run_call_block(m, node, out);
  case CHAT_BREAK:
    return CHAT_FLOW_BREAK;
  case CHAT_CONTINUE:
    return CHAT_FLOW_CONTINUE;
  default:
    chat_fail(c, "not a statement");
  }
  return flow;
}

chat_flow chat_run_list(chat_machine *m, const chat_node *statements, chat_buffer *out) {
  chat_flow flow = CHAT_FLOW_ON;
  if (chat_enter(m->c))
    for (const chat_node *node = statements;
         node && flow == CHAT_FLOW_ON && chat_charge(m->c, CHAT_STEP); node = node->next) {
      m->c->line = node->line;
      flow = run_one(m, node, out);
    }
  chat_leave(m->c);
  return flow;
}

void chat_run(chat_context *c, const chat_node *statements, const chat_scope *scope,
              chat_buffer *out) {
  chat_machine m = {.c = c, .now = chat_activate(c, scope->n_slots, NULL)};
  if (!m.now)
    return;
  chat_open_scope(&m, scope);
  chat_run_list(&m, statements, out);
}
