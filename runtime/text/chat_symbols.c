//===-- chat_symbols.c - what is known of the names of a scope ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_symbols.h"

chat_symbols *chat_new_symbols(chat_context *c, chat_symbols *parent, chat_symbols *under,
                               chat_frame *f, int level) {
  chat_symbols *s = chat_alloc(c, sizeof *s);
  chat_value names = chat_new_dict(c);
  if (s && !c->failed)
    *s = (chat_symbols){
        .parent = parent, .under = under, .function = f, .level = level, .names = names.dict};
  if (level > CHAT_MAX_DEPTH)
    chat_fail(c, "nested deeper than %d", CHAT_MAX_DEPTH);
  return c->failed ? NULL : s;
}

chat_symbols *chat_inner_symbols(chat_context *c, chat_symbols *s) {
  return chat_new_symbols(c, s, NULL, s->function, s->level + 1);
}

/// The scope of a function of its own.
chat_symbols *chat_function_symbols(chat_context *c, chat_symbols *parent) {
  chat_frame *f = chat_alloc(c, sizeof *f);
  if (!f)
    return NULL;
  f->depth = parent ? parent->function->depth + 1 : 0;
  return chat_new_symbols(c, parent, NULL, f, parent ? parent->level + 1 : 0);
}

static chat_entry *own_entry(chat_context *c, chat_symbols *s, resq_text name) {
  chat_value *at = chat_get_text(c, s->names, name);
  return at ? &s->entries[at->integer] : NULL;
}

/// The entry of a scope or of what is known before a branch; NULL where the name is new.
chat_entry *chat_known_entry(chat_context *c, chat_symbols *s, resq_text name) {
  chat_entry *found = NULL;
  for (; s && !found && !c->failed; s = s->under)
    found = own_entry(c, s, name);
  return found;
}

/// An entry to write to, fresh in this layer when the name is not known in it.
static chat_entry *make_entry(chat_context *c, chat_symbols *s, resq_text name) {
  chat_entry *found = own_entry(c, s, name);
  if (found || c->failed)
    return found;
  if (s->count == s->capacity) {
    size_t capacity = s->capacity ? 2 * s->capacity : 8;
    chat_entry *grown = chat_alloc_array(c, capacity, sizeof *grown);
    if (!grown || !chat_charge(c, capacity * CHAT_STEP))
      return NULL;
    for (size_t i = 0; i < s->count; ++i)
      grown[i] = s->entries[i];
    s->entries = grown;
    s->capacity = capacity;
  }
  chat_put(c, s->names, chat_string(name), chat_int((int64_t)s->count));
  chat_entry *known = s->under ? chat_known_entry(c, s->under, name) : NULL;
  s->entries[s->count] = known ? *known : (chat_entry){.name = name};
  return c->failed ? NULL : &s->entries[s->count++];
}

int chat_slot_of(chat_context *c, chat_frame *f, int level, resq_text name) {
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
chat_symbols *chat_find_scope(chat_context *c, chat_symbols *s, resq_text name) {
  for (; s && !c->failed; s = s->parent)
    if (chat_known_entry(c, s, name))
      return s;
  return NULL;
}

static void define(chat_context *c, chat_symbols *s, resq_text name, int kind,
                   chat_symbols *outer) {
  chat_entry *e = make_entry(c, s, name);
  if (!e)
    return;
  e->opens = true;
  e->opening = (chat_opening){
      .kind = kind, .slot = chat_slot_of(c, s->function, s->level, name), .name = name};
  if (outer) {
    e->opening.from_up = s->function->depth - outer->function->depth;
    e->opening.from_slot = chat_slot_of(c, outer->function, outer->level, name);
  }
}

void chat_load(chat_context *c, chat_symbols *s, resq_text name) {
  if (!chat_find_scope(c, s, name))
    define(c, s, name, CHAT_OPEN_RESOLVE, NULL);
}

void chat_store(chat_context *c, chat_symbols *s, resq_text name) {
  if (!chat_known_entry(c, s, name)) {
    chat_symbols *outer = chat_find_scope(c, s->parent, name);
    define(c, s, name, outer ? CHAT_OPEN_ALIAS : CHAT_OPEN_UNDEFINED, outer);
  }
  chat_entry *e = make_entry(c, s, name);
  if (e)
    e->stored = true;
}

void chat_declare(chat_context *c, chat_symbols *s, resq_text name) {
  define(c, s, name, CHAT_OPEN_PARAMETER, NULL);
  chat_entry *e = make_entry(c, s, name);
  if (e)
    e->stored = true;
}

/// What branches of an `if` found out, in their order. What only branches store begins as the
/// variable outside, for the case that they are not taken.
void chat_merge_branches(chat_context *c, chat_symbols *s, chat_symbols **branches, size_t count) {
  for (size_t b = 0; b < count && !c->failed; ++b)
    for (size_t i = 0; i < branches[b]->count && chat_charge(c, CHAT_STEP); ++i) {
      chat_entry got = branches[b]->entries[i];
      const chat_entry *known = chat_known_entry(c, s, got.name);
      bool fresh = got.stored && !(known && known->stored);
      if (fresh) {
        chat_symbols *outer = chat_find_scope(c, s->parent, got.name);
        chat_entry *e = make_entry(c, s, got.name);
        if (!e)
          return;
        *e = got;
        define(c, s, got.name, outer ? CHAT_OPEN_ALIAS : CHAT_OPEN_RESOLVE, outer);
        e->stored = false; // the same for the other branches; below
      } else if (!known) {
        chat_entry *e = make_entry(c, s, got.name);
        if (e)
          *e = got;
      }
    }
  for (size_t b = 0; b < count && !c->failed; ++b)
    for (size_t i = 0; i < branches[b]->count && chat_charge(c, CHAT_STEP); ++i) {
      chat_entry *e =
          branches[b]->entries[i].stored ? make_entry(c, s, branches[b]->entries[i].name) : NULL;
      if (e)
        e->stored = true;
    }
}
