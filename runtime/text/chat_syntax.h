//===-- chat_syntax.h - tokens and tree of a chat template ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: text -> chat_lex -> chat_parse -> chat_run (chat_eval.c).
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_SYNTAX_H
#define RESQ_TEXT_CHAT_SYNTAX_H

#include "text/chat_value.h"

typedef enum chat_token_kind {
  CHAT_TOKEN_END,
  CHAT_TOKEN_DATA, ///< text outside of tags
  CHAT_TOKEN_OPEN_OUTPUT,
  CHAT_TOKEN_CLOSE_OUTPUT,
  CHAT_TOKEN_OPEN_BLOCK,
  CHAT_TOKEN_CLOSE_BLOCK,
  CHAT_TOKEN_NAME,
  CHAT_TOKEN_INT,
  CHAT_TOKEN_FLOAT,
  CHAT_TOKEN_STRING, ///< text: with escapes resolved
  CHAT_TOKEN_OPERATOR,
} chat_token_kind;

typedef struct chat_token {
  chat_token_kind kind;
  int line;
  resq_text text;
  chat_value value; ///< of a number
} chat_token;

typedef struct chat_tokens {
  chat_token *items; ///< the last one is CHAT_TOKEN_END
  size_t count, capacity;
} chat_tokens;

/// Cuts a template into tokens; trim_blocks and lstrip_blocks are on.
void chat_lex(chat_context *c, resq_text source, chat_tokens *out);

typedef enum chat_node_kind {
  // Expressions.
  CHAT_LITERAL,     ///< value
  CHAT_NAME,        ///< text
  CHAT_MAKE_LIST,   ///< a: items
  CHAT_MAKE_DICT,   ///< a: CHAT_PAIRs
  CHAT_PAIR,        ///< a: key, b: value
  CHAT_ATTRIBUTE,   ///< a.text
  CHAT_ITEM,        ///< a[b]
  CHAT_SLICE,       ///< a[b : c : d], each but a may be NULL
  CHAT_CALL,        ///< a(b...), b: CHAT_ARGUMENTs
  CHAT_ARGUMENT,    ///< text (may be empty) = a
  CHAT_FILTER,      ///< a | text(b...)
  CHAT_TEST,        ///< a is text(b...)
  CHAT_NOT,         ///< not a
  CHAT_UNARY,       ///< text (+ -) a
  CHAT_BINARY,      ///< a text b
  CHAT_AND,         ///< a and b
  CHAT_OR,          ///< a or b
  CHAT_COMPARE,     ///< a, then b: chain of CHAT_OPERANDs
  CHAT_OPERAND,     ///< text (== in ...) a
  CHAT_CONDITIONAL, ///< a if b else c (may be NULL)
  // Statements.
  CHAT_DATA,       ///< text
  CHAT_OUTPUT,     ///< {{ a }}
  CHAT_FOR,        ///< a: target names, b: over, c: condition or NULL, d: body, e: else
  CHAT_IF,         ///< a: CHAT_BRANCHes
  CHAT_BRANCH,     ///< a: condition or NULL, b: body
  CHAT_SET,        ///< a: target names (or CHAT_ATTRIBUTE), b: value
  CHAT_SET_BLOCK,  ///< a: target, b: body
  CHAT_MACRO_NODE, ///< text(a: CHAT_ARGUMENTs, a = default or NULL), b: body
  CHAT_BREAK,
  CHAT_CONTINUE,
} chat_node_kind;

typedef struct chat_node chat_node;
struct chat_node {
  chat_node_kind kind;
  int line;
  resq_text text;
  chat_value value;
  chat_node *a, *b, *c, *d, *e;
  chat_node *next; ///< the one after it in a list
};

/// The statements of a template (NULL: none, or failed).
chat_node *chat_parse(chat_context *c, const chat_tokens *tokens);

/// An evaluated argument; name is empty for a positional one.
typedef struct chat_argument {
  resq_text name;
  chat_value value;
} chat_argument;

typedef struct chat_arguments {
  chat_argument *items;
  size_t count;
} chat_arguments;

/// The argument called `name`, or the positional one at `position`; NULL when not given.
const chat_value *chat_argument_at(const chat_arguments *args, size_t position, const char *name);

// Built-in operations; an unknown name is an error (when reached, not when parsed).
chat_value chat_filter(chat_context *c, resq_text name, chat_value subject,
                       const chat_arguments *args);
bool chat_test(chat_context *c, resq_text name, chat_value subject, const chat_arguments *args);
bool chat_is_function(resq_text name);
chat_value chat_call_function(chat_context *c, resq_text name, const chat_arguments *args);
/// Methods of strings, dicts; false when `subject` has no such method.
bool chat_call_method(chat_context *c, chat_value subject, resq_text name,
                      const chat_arguments *args, chat_value *out);
/// text without the characters of `set` (white space when NULL) at its ends.
resq_text chat_strip(resq_text text, const resq_text *set, bool left, bool right);
resq_text chat_change_case(chat_context *c, resq_text text, const char *how);
chat_value chat_replace(chat_context *c, resq_text text, const chat_arguments *args);

// Operators.
chat_value chat_binary(chat_context *c, resq_text op, chat_value a, chat_value b);
bool chat_compare(chat_context *c, resq_text op, chat_value a, chat_value b);
chat_value chat_attribute(chat_context *c, chat_value from, resq_text name);
chat_value chat_item(chat_context *c, chat_value from, chat_value index);
/// start, stop, step: NULL where absent.
chat_value chat_slice(chat_context *c, chat_value from, const chat_value *start,
                      const chat_value *stop, const chat_value *step);

/// Runs the statements with the variables of `globals`, appending to out.
void chat_run(chat_context *c, const chat_node *statements, chat_value globals, chat_buffer *out);

#endif // RESQ_TEXT_CHAT_SYNTAX_H
