//===-- chat_machine.h - what evaluation and statements share -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: chat_eval.c, chat_call.c and chat_statements.c.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_MACHINE_H
#define RESQ_TEXT_CHAT_MACHINE_H

#include "text/chat_syntax.h"

/// The variables of one run of a function, and of the one around its definition.
typedef struct chat_activation {
  chat_value *slots;
  struct chat_activation *around;
} chat_activation;

typedef struct chat_machine {
  chat_context *c;
  chat_activation *now;
} chat_machine;

typedef enum chat_flow { CHAT_FLOW_ON, CHAT_FLOW_BREAK, CHAT_FLOW_CONTINUE } chat_flow;

/// Variables without values; NULL past the limits.
chat_activation *chat_activate(chat_context *c, size_t n_slots, chat_activation *around);
/// Gives the variables of a scope the values with which they begin.
void chat_open_scope(chat_machine *m, const chat_scope *scope);
chat_value *chat_variable(chat_machine *m, const chat_node *name);
/// Binds names to a value or to its items.
void chat_assign(chat_machine *m, const chat_node *target, chat_value value);

chat_value chat_eval(chat_machine *m, const chat_node *node);
chat_arguments chat_eval_arguments(chat_machine *m, const chat_node *first);
/// filters over a value, the first of them innermost.
chat_value chat_eval_filters(chat_machine *m, const chat_node *filters, chat_value subject);
chat_value chat_eval_call(chat_machine *m, const chat_node *node, const chat_value *caller);
chat_flow chat_run_list(chat_machine *m, const chat_node *statements, chat_buffer *out);

#endif // RESQ_TEXT_CHAT_MACHINE_H
