//===-- chat_scope.c - which variable a name means ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja decides when a template is compiled, not when it runs, which variable a name
// means, and templates depend on it: a name that a scope assigns anywhere is that
// scope's own from its beginning. This is Jinja's algorithm (its idtracking.py): each
// scope is looked through once for what it loads, stores and declares, then names get
// their places. A variable is a place in the table of a function: of the template, a
// macro, or a loop's condition.
//===----------------------------------------------------------------------===//
#include "text/chat_symbols.h"

typedef struct resolver {
  chat_context *c;
  int loops; ///< enclosing `for`s
} resolver;

//===----------------------------------------------------------------------===//
// What a scope loads and stores
//===----------------------------------------------------------------------===//

static void visit(resolver *r, chat_symbols *s, const chat_node *node);

static void visit_list(resolver *r, chat_symbols *s, const chat_node *first) {
  for (const chat_node *n = first; n && !r->c->failed; n = n->next)
    visit(r, s, n);
}

static void visit_target(resolver *r, chat_symbols *s, const chat_node *target, bool parameter) {
  if (target->kind == CHAT_MAKE_TUPLE)
    for (const chat_node *n = target->a; n && !r->c->failed; n = n->next)
      visit_target(r, s, n, parameter);
  else if (target->kind == CHAT_SPACE_NAME)
    chat_load(r->c, s, target->a->text);
  else
    (parameter ? chat_declare : chat_store)(r->c, s, target->text);
}

static void visit_if(resolver *r, chat_symbols *s, const chat_node *branch) {
  chat_symbols *layers[3];
  if (!branch->a) { // else
    visit_list(r, s, branch->b);
    return;
  }
  visit(r, s, branch->a);
  for (int i = 0; i < 3; ++i)
    if (!(layers[i] = chat_new_symbols(r->c, s->parent, s, s->function, s->level)))
      return;
  visit_list(r, layers[0], branch->b);
  const chat_node *n = branch->next;
  for (; n && n->a && !r->c->failed; n = n->next) { // each elif as an `if` of its own
    chat_node alone = {.kind = CHAT_BRANCH, .a = n->a, .b = n->b};
    visit_if(r, layers[1], &alone);
  }
  if (n)
    visit_list(r, layers[2], n->b);
  chat_merge_branches(r->c, s, layers, 3);
}

static void visit_here(resolver *r, chat_symbols *s, const chat_node *node) {
  switch (node->kind) {
  case CHAT_NAME:
    chat_load(r->c, s, node->text);
    return;
  case CHAT_FOR:
    visit(r, s, node->b);
    return;
  case CHAT_IF:
    visit_if(r, s, node->a);
    return;
  case CHAT_SET:
    visit(r, s, node->b);
    visit_target(r, s, node->a, false);
    return;
  case CHAT_SET_BLOCK:
    visit_target(r, s, node->a, false);
    return;
  case CHAT_WITH:
    for (const chat_node *n = node->a; n; n = n->next)
      visit(r, s, n->b);
    return;
  case CHAT_MACRO_NODE:
    chat_store(r->c, s, node->text);
    return;
  case CHAT_CALL_BLOCK:
    if (node->c)
      visit(r, s, node->c);
    return;
  case CHAT_FILTER_BLOCK:
    visit(r, s, node->a);
    return;
  default:
    visit_list(r, s, node->a);
    visit_list(r, s, node->b);
    visit_list(r, s, node->c);
    visit_list(r, s, node->d);
  }
}

static void visit(resolver *r, chat_symbols *s, const chat_node *node) {
  if (chat_enter(r->c) && node) {
    r->c->line = node->line;
    visit_here(r, s, node);
  }
  chat_leave(r->c);
}

//===----------------------------------------------------------------------===//
// Whether a body uses a special name
//===----------------------------------------------------------------------===//

typedef struct search {
  chat_context *c;
  const char *name;
  bool found, over; ///< over: it is assigned first
} search;

static void search_list(search *s, const chat_node *first);

static void search_node(search *s, const chat_node *node) {
  if (s->found || s->over || !node)
    return;
  if (node->kind == CHAT_NAME) {
    s->found = chat_text_is(node->text, s->name);
    return;
  }
  if (chat_enter(s->c)) {
    if (node->kind == CHAT_FOR) {
      search_list(s, node->a);
      search_list(s, node->b);
      search_list(s, node->d);
      search_list(s, node->e);
      search_list(s, node->c);
    } else if (node->kind == CHAT_CALL_BLOCK) {
      search_list(s, node->c);
      search_list(s, node->a);
      search_list(s, node->b);
    } else if (node->kind == CHAT_ARGUMENT && node->f) { // a parameter
      s->over = chat_text_is(node->text, s->name);
      search_list(s, node->a);
    } else {
      search_list(s, node->a);
      search_list(s, node->b);
      search_list(s, node->c);
      search_list(s, node->d);
    }
  }
  chat_leave(s->c);
}

/// Whether a target assigns the name; a target is no use of it.
static bool assigns(const chat_node *target, const char *name) {
  bool found = target->kind == CHAT_NAME && chat_text_is(target->text, name);
  if (target->kind == CHAT_MAKE_TUPLE)
    for (const chat_node *n = target->a; n && !found; n = n->next)
      found = assigns(n, name);
  return found;
}

static void search_list(search *s, const chat_node *first) {
  for (const chat_node *n = first; n && !s->found && !s->over && !s->c->failed; n = n->next) {
    bool targets = n->kind == CHAT_SET || n->kind == CHAT_SET_BLOCK || n->kind == CHAT_FOR;
    if (targets && assigns(n->a, s->name)) {
      s->over = true;
      return;
    }
    if (targets && n->kind != CHAT_FOR) {
      search_list(s, n->b);
      search_list(s, n->c);
      if (n->a->kind == CHAT_SPACE_NAME)
        search_node(s, n->a->a);
    } else if (n->kind == CHAT_FOR) {
      chat_node body = *n;
      body.a = NULL; // its target
      search_node(s, &body);
    } else {
      search_node(s, n);
    }
  }
}

static bool uses(chat_context *c, const chat_node *body, const char *name) {
  search s = {.c = c, .name = name};
  search_list(&s, body);
  return s.found;
}

//===----------------------------------------------------------------------===//
// Places for names
//===----------------------------------------------------------------------===//

static void place(resolver *r, chat_symbols *s, chat_node *node);

static void place_list(resolver *r, chat_symbols *s, chat_node *first) {
  for (chat_node *n = first; n && !r->c->failed; n = n->next)
    place(r, s, n);
}

static void place_name(resolver *r, chat_symbols *s, chat_node *node) {
  chat_symbols *scope = chat_find_scope(r->c, s, node->text);
  if (r->c->failed)
    return;
  if (!scope) { // a filter of a set block, which no scope has looked at
    chat_load(r->c, s, node->text);
    scope = s;
  }
  node->up = s->function->depth - scope->function->depth;
  node->slot = chat_slot_of(r->c, scope->function, scope->level, node->text);
}

static void place_target(resolver *r, chat_symbols *s, chat_node *target) {
  if (target->kind == CHAT_MAKE_TUPLE) {
    for (chat_node *n = target->a; n && !r->c->failed; n = n->next)
      place_target(r, s, n);
  } else if (target->kind == CHAT_SPACE_NAME) {
    place_name(r, s, target->a);
  } else {
    r->c->line = target->line;
    if (r->loops && chat_text_is(target->text, "loop"))
      chat_fail(r->c, "a value for loop inside of a loop");
    place_name(r, s, target);
  }
}

/// The scope as it is run; what was declared has its slot.
static chat_scope *finish(chat_context *c, chat_symbols *s) {
  chat_scope *scope = chat_alloc(c, sizeof *scope);
  chat_opening *openings = chat_alloc_array(c, s->count + 1, sizeof *openings);
  if (!scope || !openings || !chat_charge(c, s->count * CHAT_STEP))
    return NULL;
  *scope = (chat_scope){.openings = openings, .special = {-1, -1, -1}};
  for (size_t i = 0; i < s->count; ++i)
    if (s->entries[i].opens && s->entries[i].opening.kind != CHAT_OPEN_PARAMETER)
      openings[scope->count++] = s->entries[i].opening;
  return scope;
}

static int slot_here(chat_context *c, chat_symbols *s, const char *name) {
  return chat_slot_of(c, s->function, s->level, chat_text(name));
}

static void place_for(resolver *r, chat_symbols *s, chat_node *node) {
  chat_context *c = r->c;
  place(r, s, node->b);
  chat_symbols *body = chat_inner_symbols(c, s), *other = body ? chat_inner_symbols(c, s) : NULL;
  if (!other)
    return;
  bool has_loop = uses(c, node->d, "loop");
  if (has_loop)
    chat_declare(c, body, chat_text("loop"));
  ++r->loops;
  visit_target(r, body, node->a, true);
  visit_list(r, body, node->d);
  place_target(r, body, node->a);
  place_list(r, body, node->d);
  node->scopes[0] = finish(c, body);
  if (has_loop && node->scopes[0])
    node->scopes[0]->special[0] = slot_here(c, body, "loop");
  visit_list(r, other, node->e);
  place_list(r, other, node->e);
  node->scopes[1] = finish(c, other);
  chat_symbols *test = node->c ? chat_function_symbols(c, s) : NULL;
  if (test) {
    visit_target(r, test, node->f, true);
    visit(r, test, node->c);
    place_target(r, test, node->f);
    place(r, test, node->c);
    node->scopes[2] = finish(c, test);
    if (node->scopes[2])
      node->scopes[2]->n_slots = test->function->n_slots;
  }
  --r->loops;
}

/// A macro or the body of a call block.
static void place_function(resolver *r, chat_symbols *s, chat_node *node) {
  static const char *const specials[] = {"caller", "kwargs", "varargs"};
  chat_context *c = r->c;
  chat_symbols *own = chat_function_symbols(c, s);
  if (!own)
    return;
  bool used[3];
  for (chat_node *n = node->a; n; n = n->next)
    chat_declare(c, own, n->text);
  for (chat_node *n = node->a; n; n = n->next)
    visit_list(r, own, n->a);
  visit_list(r, own, node->b);
  for (int i = 0; i < 3; ++i) {
    used[i] = uses(c, node->b, specials[i]);
    for (const chat_node *n = node->a; n; n = n->next)
      if (chat_text_is(n->text, specials[i])) {
        used[i] = false;
        if (i == 0)
          chat_fail(c, "a parameter called caller is not supported");
      }
    if (used[i])
      chat_declare(c, own, chat_text(specials[i]));
  }
  for (chat_node *n = node->a; n && !c->failed; n = n->next) {
    place_name(r, own, n->f);
    if (n->a)
      place(r, own, n->a);
  }
  place_list(r, own, node->b);
  node->scopes[0] = finish(c, own);
  for (int i = 0; i < 3 && node->scopes[0]; ++i)
    node->scopes[0]->special[i] = used[i] ? slot_here(c, own, specials[i]) : -1;
  if (node->scopes[0])
    node->scopes[0]->n_slots = own->function->n_slots;
}

static void place_scoped(resolver *r, chat_symbols *s, chat_node *node, chat_node *filters) {
  chat_symbols *own = chat_inner_symbols(r->c, s);
  if (!own)
    return;
  if (node->kind == CHAT_WITH)
    for (chat_node *n = node->a; n; n = n->next)
      visit_target(r, own, n->a, true);
  visit_list(r, own, node->b);
  visit_list(r, own, filters);
  if (node->kind == CHAT_WITH)
    for (chat_node *n = node->a; n && !r->c->failed; n = n->next)
      place_name(r, own, n->a);
  place_list(r, own, node->b);
  place_list(r, own, filters);
  node->scopes[0] = finish(r->c, own);
}

/// A call of a global that no scope assigns is known now.
static void check_call(resolver *r, chat_symbols *s, const chat_node *node) {
  chat_symbols *scope = chat_find_scope(r->c, s, node->a->text);
  const chat_entry *e = scope ? chat_known_entry(r->c, scope, node->a->text) : NULL;
  r->c->line = node->line;
  if (e && e->opening.kind == CHAT_OPEN_RESOLVE && !e->stored)
    chat_check_function(r->c, node->a->text, node->b);
}

static void place_here(resolver *r, chat_symbols *s, chat_node *node) {
  switch (node->kind) {
  case CHAT_NAME:
    place_name(r, s, node);
    return;
  case CHAT_FOR:
    place_for(r, s, node);
    return;
  case CHAT_SET:
    place(r, s, node->b);
    place_target(r, s, node->a);
    return;
  case CHAT_SET_BLOCK:
    place_target(r, s, node->a);
    place_scoped(r, s, node, node->c);
    return;
  case CHAT_WITH:
    for (chat_node *n = node->a; n && !r->c->failed; n = n->next)
      place(r, s, n->b);
    place_scoped(r, s, node, NULL);
    return;
  case CHAT_FILTER_BLOCK:
    place_scoped(r, s, node, node->a);
    return;
  case CHAT_MACRO_NODE:
    place_name(r, s, node->f);
    place_function(r, s, node);
    return;
  case CHAT_CALL_BLOCK:
    if (node->c)
      place(r, s, node->c);
    place_function(r, s, node);
    return;
  default:
    place_list(r, s, node->a);
    place_list(r, s, node->b);
    place_list(r, s, node->c);
    place_list(r, s, node->d);
    if (node->kind == CHAT_CALL && node->a && node->a->kind == CHAT_NAME)
      check_call(r, s, node);
  }
}

static void place(resolver *r, chat_symbols *s, chat_node *node) {
  if (chat_enter(r->c) && node) {
    r->c->line = node->line;
    place_here(r, s, node);
  }
  chat_leave(r->c);
}

chat_scope *chat_resolve(chat_context *c, chat_node *statements) {
  resolver r = {.c = c};
  chat_symbols *root = c->failed ? NULL : chat_function_symbols(c, NULL);
  if (!root)
    return NULL;
  visit_list(&r, root, statements);
  place_list(&r, root, statements);
  chat_scope *scope = finish(c, root);
  if (scope)
    scope->n_slots = root->function->n_slots;
  return c->failed ? NULL : scope;
}
