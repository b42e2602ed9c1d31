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
#include "text/chat_syntax.h"

typedef struct function {
  int depth; ///< functions around it
  size_t n_slots;
  chat_dict *levels[CHAT_MAX_DEPTH + 2]; ///< name -> slot, for each nesting of scopes
} function;

typedef struct entry {
  resq_text name;
  bool stored, opens;
  chat_opening opening;
} entry;

/// What is known of the names of one scope, or of one branch of an `if` in it.
typedef struct symbols {
  struct symbols *parent; ///< the scope around
  struct symbols *under;  ///< of a branch: what is known before it
  function *function;
  int level;
  chat_dict *names; ///< -> number of the entry
  entry *entries;
  size_t count, capacity;
} symbols;

typedef struct resolver {
  chat_context *c;
  int loops; ///< enclosing `for`s
} resolver;

static symbols *new_symbols(chat_context *c, symbols *parent, symbols *under, function *f,
                            int level) {
  symbols *s = chat_alloc(c, sizeof *s);
  chat_value names = chat_new_dict(c);
  if (s && !c->failed)
    *s = (symbols){.parent = parent, .under = under, .function = f, .level = level,
                   .names = names.dict};
  if (level > CHAT_MAX_DEPTH)
    chat_fail(c, "nested deeper than %d", CHAT_MAX_DEPTH);
  return c->failed ? NULL : s;
}

static symbols *inner_symbols(chat_context *c, symbols *s) {
  return new_symbols(c, s, NULL, s->function, s->level + 1);
}

/// The scope of a function of its own.
static symbols *function_symbols(chat_context *c, symbols *parent) {
  function *f = chat_alloc(c, sizeof *f);
  if (!f)
    return NULL;
  f->depth = parent ? parent->function->depth + 1 : 0;
  return new_symbols(c, parent, NULL, f, parent ? parent->level + 1 : 0);
}

static entry *own_entry(chat_context *c, symbols *s, resq_text name) {
  chat_value *at = chat_get_text(c, s->names, name);
  return at ? &s->entries[at->integer] : NULL;
}

/// The entry of a scope or of what is known before a branch; NULL where the name is new.
static entry *known_entry(chat_context *c, symbols *s, resq_text name) {
  entry *found = NULL;
  for (; s && !found && !c->failed; s = s->under)
    found = own_entry(c, s, name);
  return found;
}

/// An entry to write to, fresh in this layer when the name is not known in it.
static entry *make_entry(chat_context *c, symbols *s, resq_text name) {
  entry *found = own_entry(c, s, name);
  if (found || c->failed)
    return found;
  if (s->count == s->capacity) {
    size_t capacity = s->capacity ? 2 * s->capacity : 8;
    entry *grown = chat_alloc_array(c, capacity, sizeof *grown);
    if (!grown || !chat_charge(c, capacity * CHAT_STEP))
      return NULL;
    for (size_t i = 0; i < s->count; ++i)
      grown[i] = s->entries[i];
    s->entries = grown;
    s->capacity = capacity;
  }
  chat_put(c, s->names, chat_string(name), chat_int((int64_t)s->count));
  entry *known = s->under ? known_entry(c, s->under, name) : NULL;
  s->entries[s->count] = known ? *known : (entry){.name = name};
  return c->failed ? NULL : &s->entries[s->count++];
}

static int slot_of(chat_context *c, function *f, int level, resq_text name) {
  if (!f->levels[level]) {
    chat_value names = chat_new_dict(c);
    if (c->failed)
      return 0;
    f->levels[level] = names.dict;
  }
  chat_value *at = chat_get_text(c, f->levels[level], name);
  if (at)
    return (int)at->integer;
  chat_put(c, f->levels[level], chat_string(name), chat_int((int64_t)f->n_slots));
  return (int)f->n_slots++;
}

/// The scope in which a name is known, this one or one around it.
static symbols *find_scope(chat_context *c, symbols *s, resq_text name) {
  for (; s && !c->failed; s = s->parent)
    if (known_entry(c, s, name))
      return s;
  return NULL;
}

static void define(chat_context *c, symbols *s, resq_text name, int kind, symbols *outer) {
  entry *e = make_entry(c, s, name);
  if (!e)
    return;
  e->opens = true;
  e->opening = (chat_opening){.kind = kind, .slot = slot_of(c, s->function, s->level, name),
                              .name = name};
  if (outer) {
    e->opening.from_up = s->function->depth - outer->function->depth;
    e->opening.from_slot = slot_of(c, outer->function, outer->level, name);
  }
}

static void load(chat_context *c, symbols *s, resq_text name) {
  if (!find_scope(c, s, name))
    define(c, s, name, CHAT_OPEN_RESOLVE, NULL);
}

static void store(chat_context *c, symbols *s, resq_text name) {
  if (!known_entry(c, s, name)) {
    symbols *outer = find_scope(c, s->parent, name);
    define(c, s, name, outer ? CHAT_OPEN_ALIAS : CHAT_OPEN_UNDEFINED, outer);
  }
  entry *e = make_entry(c, s, name);
  if (e)
    e->stored = true;
}

static void declare(chat_context *c, symbols *s, resq_text name) {
  define(c, s, name, CHAT_OPEN_PARAMETER, NULL);
  entry *e = make_entry(c, s, name);
  if (e)
    e->stored = true;
}

/// What branches of an `if` found out, in their order. What only branches store begins as the
/// variable outside, for the case that they are not taken.
static void merge_branches(chat_context *c, symbols *s, symbols **branches, size_t count) {
  for (size_t b = 0; b < count && !c->failed; ++b)
    for (size_t i = 0; i < branches[b]->count && chat_charge(c, CHAT_STEP); ++i) {
      entry got = branches[b]->entries[i];
      const entry *known = known_entry(c, s, got.name);
      bool fresh = got.stored && !(known && known->stored);
      if (fresh) {
        symbols *outer = find_scope(c, s->parent, got.name);
        entry *e = make_entry(c, s, got.name);
        if (!e)
          return;
        *e = got;
        define(c, s, got.name, outer ? CHAT_OPEN_ALIAS : CHAT_OPEN_RESOLVE, outer);
        e->stored = false; // the same for the other branches; below
      } else if (!known) {
        entry *e = make_entry(c, s, got.name);
        if (e)
          *e = got;
      }
    }
  for (size_t b = 0; b < count && !c->failed; ++b)
    for (size_t i = 0; i < branches[b]->count && chat_charge(c, CHAT_STEP); ++i) {
      entry *e = branches[b]->entries[i].stored ? make_entry(c, s, branches[b]->entries[i].name)
                                                : NULL;
      if (e)
        e->stored = true;
    }
}

//===----------------------------------------------------------------------===//
// What a scope loads and stores
//===----------------------------------------------------------------------===//

static void visit(resolver *r, symbols *s, const chat_node *node);

static void visit_list(resolver *r, symbols *s, const chat_node *first) {
  for (const chat_node *n = first; n && !r->c->failed; n = n->next)
    visit(r, s, n);
}

static void visit_target(resolver *r, symbols *s, const chat_node *target, bool parameter) {
  if (target->kind == CHAT_MAKE_TUPLE)
    for (const chat_node *n = target->a; n && !r->c->failed; n = n->next)
      visit_target(r, s, n, parameter);
  else if (target->kind == CHAT_SPACE_NAME)
    load(r->c, s, target->a->text);
  else
    (parameter ? declare : store)(r->c, s, target->text);
}

static void visit_if(resolver *r, symbols *s, const chat_node *branch) {
  symbols *layers[3];
  if (!branch->a) { // else
    visit_list(r, s, branch->b);
    return;
  }
  visit(r, s, branch->a);
  for (int i = 0; i < 3; ++i)
    if (!(layers[i] = new_symbols(r->c, s->parent, s, s->function, s->level)))
      return;
  visit_list(r, layers[0], branch->b);
  const chat_node *n = branch->next;
  for (; n && n->a && !r->c->failed; n = n->next) { // each elif as an `if` of its own
    chat_node alone = {.kind = CHAT_BRANCH, .a = n->a, .b = n->b};
    visit_if(r, layers[1], &alone);
  }
  if (n)
    visit_list(r, layers[2], n->b);
  merge_branches(r->c, s, layers, 3);
}

static void visit_here(resolver *r, symbols *s, const chat_node *node) {
  switch (node->kind) {
  case CHAT_NAME:
    load(r->c, s, node->text);
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
    store(r->c, s, node->text);
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

static void visit(resolver *r, symbols *s, const chat_node *node) {
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

static void place(resolver *r, symbols *s, chat_node *node);

static void place_list(resolver *r, symbols *s, chat_node *first) {
  for (chat_node *n = first; n && !r->c->failed; n = n->next)
    place(r, s, n);
}

static void place_name(resolver *r, symbols *s, chat_node *node) {
  symbols *scope = find_scope(r->c, s, node->text);
  if (r->c->failed)
    return;
  if (!scope) { // a filter of a set block, which no scope has looked at
    load(r->c, s, node->text);
    scope = s;
  }
  node->up = s->function->depth - scope->function->depth;
  node->slot = slot_of(r->c, scope->function, scope->level, node->text);
}

static void place_target(resolver *r, symbols *s, chat_node *target) {
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
static chat_scope *finish(chat_context *c, symbols *s) {
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

static int slot_here(chat_context *c, symbols *s, const char *name) {
  return slot_of(c, s->function, s->level, chat_text(name));
}

static void place_for(resolver *r, symbols *s, chat_node *node) {
  chat_context *c = r->c;
  place(r, s, node->b);
  symbols *body = inner_symbols(c, s), *other = body ? inner_symbols(c, s) : NULL;
  if (!other)
    return;
  bool has_loop = uses(c, node->d, "loop");
  if (has_loop)
    declare(c, body, chat_text("loop"));
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
  symbols *test = node->c ? function_symbols(c, s) : NULL;
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
static void place_function(resolver *r, symbols *s, chat_node *node) {
  static const char *const specials[] = {"caller", "kwargs", "varargs"};
  chat_context *c = r->c;
  symbols *own = function_symbols(c, s);
  if (!own)
    return;
  bool used[3];
  for (chat_node *n = node->a; n; n = n->next)
    declare(c, own, n->text);
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
      declare(c, own, chat_text(specials[i]));
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

static void place_scoped(resolver *r, symbols *s, chat_node *node, chat_node *filters) {
  symbols *own = inner_symbols(r->c, s);
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
static void check_call(resolver *r, symbols *s, const chat_node *node) {
  symbols *scope = find_scope(r->c, s, node->a->text);
  const entry *e = scope ? known_entry(r->c, scope, node->a->text) : NULL;
  r->c->line = node->line;
  if (e && e->opening.kind == CHAT_OPEN_RESOLVE && !e->stored)
    chat_check_function(r->c, node->a->text, node->b);
}

static void place_here(resolver *r, symbols *s, chat_node *node) {
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

static void place(resolver *r, symbols *s, chat_node *node) {
  if (chat_enter(r->c) && node) {
    r->c->line = node->line;
    place_here(r, s, node);
  }
  chat_leave(r->c);
}

chat_scope *chat_resolve(chat_context *c, chat_node *statements) {
  resolver r = {.c = c};
  symbols *root = c->failed ? NULL : function_symbols(c, NULL);
  if (!root)
    return NULL;
  visit_list(&r, root, statements);
  place_list(&r, root, statements);
  chat_scope *scope = finish(c, root);
  if (scope)
    scope->n_slots = root->function->n_slots;
  return c->failed ? NULL : scope;
}
