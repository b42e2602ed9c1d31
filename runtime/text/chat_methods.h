//===-- chat_methods.h - tables of methods --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: chat_methods.c and chat_methods_text.c.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_METHODS_H
#define RESQ_TEXT_CHAT_METHODS_H

#include "text/chat_syntax.h"

/// v: the arguments by their parameters, NULL for those not given.
typedef chat_value (*chat_method_function)(chat_context *c, chat_value self, resq_text name,
                                           const chat_value *const *v);

/// A NULL function: Python has it, this evaluator does not.
typedef struct chat_method_entry {
  const char *name, *parameters;
  chat_method_function run;
} chat_method_entry;

/// A string's method; NULL when Python has none of that name.
const chat_method_entry *chat_text_method(resq_text name);

#endif // RESQ_TEXT_CHAT_METHODS_H
