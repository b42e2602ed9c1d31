//===-- chat_symbols.h - what is known of the names of a scope ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: chat_scope.c and chat_symbols.c.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_SYMBOLS_H
#define RESQ_TEXT_CHAT_SYMBOLS_H

#include "text/chat_syntax.h"

/// A function being looked through: the template, a macro, a loop's condition.
typedef struct chat_frame {
  int depth; ///< functions around it
  size_t n_slots;
  chat_dict *levels[CHAT_MAX_DEPTH + 2]; ///< name -> slot, for each nesting of scopes
} chat_frame;

typedef struct chat_entry {
  resq_text name;
  bool stored, opens;
  chat_opening opening;
} chat_entry;

/// What is known of the names of one scope, or of one branch of an `if` in it.
typedef struct chat_symbols {
  struct chat_symbols *parent; ///< the scope around
  struct chat_symbols *under;  ///< of a branch: what is known before it
  chat_frame *function;
  int level;
  chat_dict *names; ///< -> number of the entry
  chat_entry *entries;
  size_t count, capacity;
} chat_symbols;

/// `under`: what is known before a branch of an `if` (NULL for a scope). NULL past the limits.
chat_symbols *chat_new_symbols(chat_context *c, chat_symbols *parent, chat_symbols *under,
                               chat_frame *function, int level);
chat_symbols *chat_inner_symbols(chat_context *c, chat_symbols *s);
/// The scope of a function of its own.
chat_symbols *chat_function_symbols(chat_context *c, chat_symbols *parent);
/// The entry of a scope or of what is known before a branch; NULL where the name is new.
chat_entry *chat_known_entry(chat_context *c, chat_symbols *s, resq_text name);
int chat_slot_of(chat_context *c, chat_frame *f, int level, resq_text name);
/// The scope in which a name is known, this one or one around it.
chat_symbols *chat_find_scope(chat_context *c, chat_symbols *s, resq_text name);
void chat_load(chat_context *c, chat_symbols *s, resq_text name);
void chat_store(chat_context *c, chat_symbols *s, resq_text name);
void chat_declare(chat_context *c, chat_symbols *s, resq_text name);
/// What branches of an `if` found out, in their order. What only branches store begins as the
/// variable outside, for the case that they are not taken.
void chat_merge_branches(chat_context *c, chat_symbols *s, chat_symbols **branches, size_t count);

#endif // RESQ_TEXT_CHAT_SYMBOLS_H
