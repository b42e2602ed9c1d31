//===-- chat_syntax.h - tokens and tree of a chat template ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: text -> chat_lex -> chat_parse -> chat_resolve (chat_scope.c)
// -> chat_run (chat_statements.c).
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
  CHAT_MAKE_TUPLE,  ///< a: items
  CHAT_MAKE_DICT,   ///< a: CHAT_PAIRs
  CHAT_PAIR,        ///< a: key, b: value
  CHAT_ATTRIBUTE,   ///< a.text
  CHAT_ITEM,        ///< a[b]
  CHAT_SLICE,       ///< a[b : c : d], each but a may be NULL
  CHAT_CALL,        ///< a(b...), b: CHAT_ARGUMENTs
  CHAT_ARGUMENT,    ///< text = a; text is empty for a positional one, * or ** for spread ones
  CHAT_FILTER,      ///< a | text(b...); a is NULL in a filter block; builtin
  CHAT_TEST,        ///< a is text(b...); builtin
  CHAT_NOT,         ///< not a
  CHAT_UNARY,       ///< text (+ -) a
  CHAT_BINARY,      ///< a text b
  CHAT_CONCAT,      ///< a: the operands of ~
  CHAT_AND,         ///< a and b
  CHAT_OR,          ///< a or b
  CHAT_COMPARE,     ///< a, then b: chain of CHAT_OPERANDs
  CHAT_OPERAND,     ///< text (== in ...) a
  CHAT_CONDITIONAL, ///< a if b else c (may be NULL)
  // Targets of assignments: CHAT_NAME, CHAT_MAKE_TUPLE of targets, or
  CHAT_SPACE_NAME, ///< a (a CHAT_NAME).text
  // Statements.
  CHAT_DATA,       ///< text
  CHAT_OUTPUT,     ///< {{ a }}; a: several for print
  CHAT_FOR,        ///< a: target, b: over, c: condition or NULL, d: body, e: else;
                   ///< scopes: body, else, condition; f: the target in the condition's scope
  CHAT_IF,         ///< a: CHAT_BRANCHes
  CHAT_BRANCH,     ///< a: condition or NULL, b: body
  CHAT_SET,        ///< a: target, b: value
  CHAT_SET_BLOCK,  ///< a: target, b: body, c: CHAT_FILTERs or NULL; scope
  CHAT_WITH,       ///< a: CHAT_SETs whose values are of the outer scope, b: body; scope
  CHAT_MACRO_NODE, ///< text(a: CHAT_ARGUMENTs, a = default or NULL), b: body, f: its name's target
  CHAT_CALL_BLOCK, ///< c: CHAT_CALL (NULL: shows its body), a, b as of a macro
  CHAT_FILTER_BLOCK, ///< a: CHAT_FILTER, b: body; scope
  CHAT_BREAK,
  CHAT_CONTINUE,
} chat_node_kind;

/// How the variables of a scope begin when it is entered.
typedef struct chat_opening {
  enum { CHAT_OPEN_RESOLVE, CHAT_OPEN_ALIAS, CHAT_OPEN_UNDEFINED, CHAT_OPEN_PARAMETER } kind;
  int slot;
  int from_up, from_slot; ///< of an alias
  resq_text name;         ///< looked up in the globals
} chat_opening;

typedef struct chat_scope {
  chat_opening *openings;
  size_t count;
  int special[3]; ///< slots of loop; of caller, kwargs, varargs; -1 where they are not used
  size_t n_slots; ///< of the function, in the scope that begins one
} chat_scope;

typedef struct chat_node chat_node;
struct chat_node {
  chat_node_kind kind;
  int line;
  resq_text text;
  chat_value value;
  chat_node *a, *b, *c, *d, *e, *f;
  chat_node *next;     ///< the one after it in a list
  int up, slot;        ///< of a name: functions outward, and its place there
  const void *builtin; ///< of a filter or test
  chat_scope *scopes[3];
};

/// The statements of a template (NULL: none, or failed).
chat_node *chat_parse(chat_context *c, const chat_tokens *tokens);
/// Gives every name its place, by Jinja's rules of scope; the scope of the whole.
chat_scope *chat_resolve(chat_context *c, chat_node *statements);

/// An evaluated argument; name is empty for a positional one.
typedef struct chat_argument {
  resq_text name;
  chat_value value;
} chat_argument;

typedef struct chat_arguments {
  chat_argument *items;
  size_t count;
} chat_arguments;

// What a function takes is written as the names of its parameters with commas between. Up to `|`
// they are required; a name ending in / cannot be given by name; `*` stands for any number of
// further ones and `**` for any further name.
enum { CHAT_MAX_PARAMETERS = 6 };
/// Sorts arguments to parameters, NULL for those not given. Fails with `what`'s name.
bool chat_bind(chat_context *c, const char *what, const char *parameters,
               const chat_arguments *args, const chat_value *out[CHAT_MAX_PARAMETERS]);
/// The same for what is known before values are.
void chat_check_call(chat_context *c, const char *what, const char *parameters,
                     const chat_node *arguments);

// Filters and tests, by name: NULL when unknown or not supported, and then failed.
const void *chat_find_filter(chat_context *c, resq_text name, const chat_node *arguments);
const void *chat_find_test(chat_context *c, resq_text name, const chat_node *arguments);
bool chat_has_filter(resq_text name);
bool chat_has_test(resq_text name);
chat_value chat_filter(chat_context *c, const void *filter, chat_value subject,
                       const chat_arguments *args);
bool chat_test(chat_context *c, const void *test, chat_value subject, const chat_arguments *args);
/// By names that are values: for map and select.
chat_value chat_filter_by_name(chat_context *c, chat_value name, chat_value subject,
                               const chat_arguments *args);
bool chat_test_by_name(chat_context *c, chat_value name, chat_value subject,
                       const chat_arguments *args);

// Functions and methods.
bool chat_is_function(resq_text name);
/// Fails for calls that can never be right: functions of Jinja that are not supported, arguments.
void chat_check_function(chat_context *c, resq_text name, const chat_node *arguments);
void chat_check_method(chat_context *c, resq_text name);
chat_value chat_call_function(chat_context *c, resq_text name, const chat_arguments *args);
/// Whether values of this kind have such a method.
bool chat_has_method(chat_value subject, resq_text name);
chat_value chat_call_method(chat_context *c, const chat_method *method, const chat_arguments *args);
/// The part of a loop that filters and methods see.
typedef struct chat_loop {
  chat_value over;
  chat_iterator *it;
  bool has_after, has_length, has_changed;
  int64_t index0, length;
  chat_value after, current, before, changed;
} chat_loop;
bool chat_loop_next(chat_context *c, chat_loop *loop, chat_value *out);
int64_t chat_loop_length(chat_context *c, chat_loop *loop);
/// False when loops have no such attribute.
bool chat_loop_attribute(chat_context *c, chat_loop *loop, resq_text name, chat_value *out);

// Operators.
chat_value chat_binary(chat_context *c, resq_text op, chat_value a, chat_value b);
chat_value chat_unary(chat_context *c, resq_text op, chat_value a);
bool chat_compare(chat_context *c, resq_text op, chat_value a, chat_value b);
chat_value chat_attribute(chat_context *c, chat_value from, resq_text name);
chat_value chat_item(chat_context *c, chat_value from, chat_value index);
/// "a.b.0" or a number, as filters take attributes.
chat_value chat_attribute_path(chat_context *c, chat_value from, chat_value path,
                               const chat_value *fallback);
/// start, stop, step: NULL where absent.
chat_value chat_slice(chat_context *c, chat_value from, const chat_value *start,
                      const chat_value *stop, const chat_value *step);
/// Fails unless every value is one that text marked as safe may be used for.
bool chat_refuse_safe(chat_context *c, const char *what, chat_value v);

/// A macro and the variables around its definition.
typedef struct chat_macro {
  const chat_node *node;
  struct chat_activation *around;
} chat_macro;

/// Runs the statements, appending to out.
void chat_run(chat_context *c, const chat_node *statements, const chat_scope *scope,
              chat_buffer *out);

#endif // RESQ_TEXT_CHAT_SYNTAX_H
