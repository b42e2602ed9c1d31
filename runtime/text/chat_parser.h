//===-- chat_parser.h - what the parts of the parser share -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: chat_primary.c, chat_expression.c and chat_parser.c.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_PARSER_H
#define RESQ_TEXT_CHAT_PARSER_H

#include "text/chat_syntax.h"

typedef struct chat_parser {
  chat_context *c;
  const chat_token *at;
  int loops; ///< enclosing `for`s, for break and continue
} chat_parser;

/// NULL once the context has failed.
chat_node *chat_make(chat_parser *p, chat_node_kind kind, resq_text text, chat_node *a,
                     chat_node *b);
/// The same for kinds without a text.
static inline chat_node *chat_make_plain(chat_parser *p, chat_node_kind kind, chat_node *a,
                                         chat_node *b) {
  return chat_make(p, kind, (resq_text){"", 0}, a, b);
}
bool chat_at_operator(const chat_parser *p, const char *text);
bool chat_at_word(const chat_parser *p, const char *text);
void chat_next(chat_parser *p);
/// Step over it if it is here.
bool chat_take_operator(chat_parser *p, const char *text);
bool chat_take_word(chat_parser *p, const char *text);
/// Fails with what was found and what was wanted.
void chat_unexpected(chat_parser *p, const char *wanted);
void chat_need_operator(chat_parser *p, const char *text);
resq_text chat_need_name(chat_parser *p);
/// Adds to a list kept by its first node and the place of its last link.
void chat_link(chat_node ***tail, chat_node *node);

chat_node *chat_parse_expression(chat_parser *p);
/// A value with signs before it and subscripts, calls and (where wanted) filters and tests behind.
chat_node *chat_parse_unary(chat_parser *p, bool with_filters);
/// An expression, or several with commas between: a tuple. In the places where an `if` is
/// the statement's own there are no conditional expressions.
chat_node *chat_parse_tuple(chat_parser *p, bool with_conditional);
/// A name, a name of a namespace (where allowed), or several with commas between.
chat_node *chat_parse_target(chat_parser *p, bool with_namespace);
/// name(arguments) | ... behind a subject, from the name on.
chat_node *chat_parse_filters(chat_parser *p, chat_node *subject);
/// The place of a name's definition.
chat_node *chat_make_target(chat_parser *p, resq_text name);

#endif // RESQ_TEXT_CHAT_PARSER_H
