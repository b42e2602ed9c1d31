//===-- chat_parser.c - tokens to statements ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_syntax.h"

#include <string.h>

typedef struct parser {
  chat_context *c;
  const chat_token *at;
  int loops; ///< enclosing `for`s, for break and continue
} parser;

static chat_node *parse_expression(parser *p);
static chat_node *parse_statements(parser *p, const char *const *ends);

static chat_node *make(parser *p, chat_node_kind kind, resq_text text, chat_node *a, chat_node *b) {
  chat_node *node = chat_alloc(p->c, sizeof *node);
  if (node)
    *node = (chat_node){.kind = kind, .line = p->at->line, .text = text, .a = a, .b = b};
  return node;
}

static bool is_operator(const parser *p, const char *text) {
  return p->at->kind == CHAT_TOKEN_OPERATOR && chat_text_is(p->at->text, text);
}
static bool is_word(const parser *p, const char *text) {
  return p->at->kind == CHAT_TOKEN_NAME && chat_text_is(p->at->text, text);
}

static void next(parser *p) {
  if (p->at->kind != CHAT_TOKEN_END)
    ++p->at;
  p->c->line = p->at->line;
}

static bool take_operator(parser *p, const char *text) {
  bool found = is_operator(p, text);
  if (found)
    next(p);
  return found;
}
static bool take_word(parser *p, const char *text) {
  bool found = is_word(p, text);
  if (found)
    next(p);
  return found;
}

static void unexpected(parser *p, const char *wanted) {
  resq_text found = p->at->text;
  if (p->at->kind == CHAT_TOKEN_END)
    found = chat_text("the end of the template");
  chat_fail(p->c, "found \"%.*s\" where %s should be", (int)(found.size < 60 ? found.size : 60), found.data,
            wanted);
}

static void need_operator(parser *p, const char *text) {
  if (!take_operator(p, text))
    unexpected(p, text);
}

static resq_text need_name(parser *p) {
  resq_text name = p->at->text;
  if (p->at->kind != CHAT_TOKEN_NAME)
    unexpected(p, "a name");
  next(p);
  return name;
}

/// Adds to a list kept by its first node and the place of its last link.
static void link_node(chat_node ***tail, chat_node *node) {
  if (!node)
    return;
  **tail = node;
  *tail = &node->next;
}

/// Arguments up to `)`, which is taken.
static chat_node *parse_arguments(parser *p) {
  chat_node *first = NULL, **tail = &first;
  while (!p->c->failed && !take_operator(p, ")")) {
    resq_text name = {"", 0};
    if (p->at->kind == CHAT_TOKEN_NAME && p->at[1].kind == CHAT_TOKEN_OPERATOR &&
        chat_text_is(p->at[1].text, "=")) {
      name = p->at->text;
      next(p);
      next(p);
    }
    chat_node *value = parse_expression(p);
    link_node(&tail, make(p, CHAT_ARGUMENT, name, value, NULL));
    if (!is_operator(p, ")"))
      need_operator(p, ",");
  }
  return first;
}

/// Items up to `close`, which is taken. *is_tuple: there was a comma.
static chat_node *parse_items(parser *p, const char *close, bool *is_tuple) {
  chat_node *first = NULL, **tail = &first;
  *is_tuple = false;
  while (!p->c->failed && !take_operator(p, close)) {
    link_node(&tail, parse_expression(p));
    if (take_operator(p, ","))
      *is_tuple = true;
    else if (!is_operator(p, close))
      unexpected(p, close);
  }
  return first;
}

static chat_node *parse_dict(parser *p) {
  chat_node *first = NULL, **tail = &first;
  while (!p->c->failed && !take_operator(p, "}")) {
    chat_node *key = parse_expression(p);
    need_operator(p, ":");
    chat_node *value = parse_expression(p);
    link_node(&tail, make(p, CHAT_PAIR, (resq_text){"", 0}, key, value));
    if (!is_operator(p, "}"))
      need_operator(p, ",");
  }
  return make(p, CHAT_MAKE_DICT, (resq_text){"", 0}, first, NULL);
}

static chat_node *literal(parser *p, chat_value value) {
  chat_node *node = make(p, CHAT_LITERAL, (resq_text){"", 0}, NULL, NULL);
  if (node)
    node->value = value;
  return node;
}

static chat_node *parse_name(parser *p) {
  resq_text name = need_name(p);
  if (chat_text_is(name, "true") || chat_text_is(name, "True"))
    return literal(p, chat_bool(true));
  if (chat_text_is(name, "false") || chat_text_is(name, "False"))
    return literal(p, chat_bool(false));
  if (chat_text_is(name, "none") || chat_text_is(name, "None"))
    return literal(p, chat_none());
  return make(p, CHAT_NAME, name, NULL, NULL);
}

static chat_node *parse_string(parser *p) {
  chat_value value = chat_string(p->at->text);
  next(p);
  if (p->at->kind == CHAT_TOKEN_STRING) { // neighbours are joined
    chat_buffer joined = {0};
    chat_write(p->c, &joined, value.text.data, value.text.size);
    for (; p->at->kind == CHAT_TOKEN_STRING && !p->c->failed; next(p))
      chat_write(p->c, &joined, p->at->text.data, p->at->text.size);
    value = chat_string(chat_buffer_text(&joined));
  }
  return literal(p, value);
}

static chat_node *parse_primary(parser *p) {
  const chat_token *token = p->at;
  bool is_tuple;
  switch (token->kind) {
  case CHAT_TOKEN_NAME:
    return parse_name(p);
  case CHAT_TOKEN_STRING:
    return parse_string(p);
  case CHAT_TOKEN_INT:
  case CHAT_TOKEN_FLOAT:
    next(p);
    return literal(p, token->value);
  default:
    break;
  }
  if (take_operator(p, "(")) {
    chat_node *items = parse_items(p, ")", &is_tuple);
    return items && !is_tuple ? items : make(p, CHAT_MAKE_LIST, (resq_text){"", 0}, items, NULL);
  }
  if (take_operator(p, "[")) {
    chat_node *items = parse_items(p, "]", &is_tuple);
    return make(p, CHAT_MAKE_LIST, (resq_text){"", 0}, items, NULL);
  }
  if (take_operator(p, "{"))
    return parse_dict(p);
  unexpected(p, "an expression");
  return NULL;
}

/// a[...], after the bracket.
static chat_node *parse_subscript(parser *p, chat_node *base) {
  chat_node *parts[3] = {NULL, NULL, NULL};
  int n = 0;
  bool is_slice = false;
  while (!p->c->failed && !take_operator(p, "]")) {
    if (take_operator(p, ":")) {
      is_slice = true;
      if (++n > 2)
        unexpected(p, "]");
    } else if (n < 3 && !parts[n]) {
      parts[n] = parse_expression(p);
    } else {
      unexpected(p, "]");
    }
  }
  if (!is_slice && !parts[0])
    unexpected(p, "an index");
  chat_node *node = make(p, is_slice ? CHAT_SLICE : CHAT_ITEM, (resq_text){"", 0}, base, parts[0]);
  if (node) {
    node->c = parts[1];
    node->d = parts[2];
  }
  return node;
}

static chat_node *parse_postfix(parser *p, chat_node *node) {
  while (!p->c->failed) {
    if (take_operator(p, ".")) {
      if (p->at->kind == CHAT_TOKEN_INT) { // a.0 is a[0]
        chat_node *index = literal(p, p->at->value);
        next(p);
        node = make(p, CHAT_ITEM, (resq_text){"", 0}, node, index);
      } else {
        resq_text name = need_name(p);
        node = make(p, CHAT_ATTRIBUTE, name, node, NULL);
      }
    } else if (take_operator(p, "[")) {
      node = parse_subscript(p, node);
    } else if (take_operator(p, "(")) {
      chat_node *arguments = parse_arguments(p);
      node = make(p, CHAT_CALL, (resq_text){"", 0}, node, arguments);
    } else {
      break;
    }
  }
  return node;
}

static chat_node *parse_filter(parser *p, chat_node *subject) {
  resq_text name = need_name(p);
  chat_node *arguments = take_operator(p, "(") ? parse_arguments(p) : NULL;
  return make(p, CHAT_FILTER, name, subject, arguments);
}

/// Whether a test's argument without brackets follows (`is divisibleby 3`).
static bool starts_test_argument(const parser *p) {
  if (p->at->kind == CHAT_TOKEN_NAME)
    return !is_word(p, "else") && !is_word(p, "or") && !is_word(p, "and") && !is_word(p, "is") &&
           !is_word(p, "if") && !is_word(p, "not") && !is_word(p, "in");
  return p->at->kind == CHAT_TOKEN_STRING || p->at->kind == CHAT_TOKEN_INT ||
         p->at->kind == CHAT_TOKEN_FLOAT || is_operator(p, "[") || is_operator(p, "{");
}

static chat_node *parse_test(parser *p, chat_node *subject) {
  bool negated = take_word(p, "not");
  resq_text name = need_name(p);
  chat_node *arguments = NULL;
  if (take_operator(p, "(")) {
    arguments = parse_arguments(p);
  } else if (starts_test_argument(p)) {
    chat_node *value = parse_primary(p);
    value = parse_postfix(p, value);
    arguments = make(p, CHAT_ARGUMENT, (resq_text){"", 0}, value, NULL);
  }
  chat_node *test = make(p, CHAT_TEST, name, subject, arguments);
  return negated ? make(p, CHAT_NOT, (resq_text){"", 0}, test, NULL) : test;
}

/// Signs bind tighter than filters and looser than postfixes, as in Jinja.
static chat_node *parse_unary(parser *p, bool with_filters) {
  chat_node *node = NULL;
  if (is_operator(p, "-") || is_operator(p, "+")) {
    resq_text sign = p->at->text;
    next(p);
    if (chat_enter(p->c))
      node = make(p, CHAT_UNARY, sign, parse_unary(p, false), NULL);
    chat_leave(p->c);
  } else {
    node = parse_primary(p);
  }
  node = parse_postfix(p, node);
  while (with_filters && !p->c->failed) {
    if (take_operator(p, "|"))
      node = parse_filter(p, node);
    else if (take_word(p, "is"))
      node = parse_test(p, node);
    else if (take_operator(p, "("))
      node = make(p, CHAT_CALL, (resq_text){"", 0}, node, parse_arguments(p));
    else
      break;
  }
  return node;
}

/// Binary operators from the loosest to the tightest; Jinja puts ~ between + and *.
static chat_node *parse_binary(parser *p, int level) {
  static const char *const levels[][5] = {{"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}};
  if (level == 4)
    return parse_unary(p, true);
  chat_node *left = parse_binary(p, level + 1);
  while (!p->c->failed) {
    resq_text op = p->at->text;
    bool found = false;
    for (int i = 0; i < 5 && levels[level][i] && !found; ++i)
      found = take_operator(p, levels[level][i]);
    if (!found)
      break;
    chat_node *right = parse_binary(p, level + 1);
    left = make(p, CHAT_BINARY, op, left, right);
  }
  return left;
}

static bool take_comparison(parser *p, resq_text *op) {
  static const char *const signs[] = {"==", "!=", "<", ">", "<=", ">="};
  *op = p->at->text;
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; ++i)
    if (take_operator(p, signs[i]))
      return true;
  if (take_word(p, "in"))
    return true;
  if (is_word(p, "not") && p->at[1].kind == CHAT_TOKEN_NAME && chat_text_is(p->at[1].text, "in")) {
    next(p);
    next(p);
    *op = chat_text("not in");
    return true;
  }
  return false;
}

static chat_node *parse_comparison(parser *p) {
  chat_node *left = parse_binary(p, 0), *first = NULL, **tail = &first;
  resq_text op;
  while (!p->c->failed && take_comparison(p, &op)) {
    chat_node *right = parse_binary(p, 0);
    link_node(&tail, make(p, CHAT_OPERAND, op, right, NULL));
  }
  return first ? make(p, CHAT_COMPARE, (resq_text){"", 0}, left, first) : left;
}

static chat_node *parse_not(parser *p) {
  chat_node *node = NULL;
  if (!take_word(p, "not"))
    return parse_comparison(p);
  if (chat_enter(p->c))
    node = make(p, CHAT_NOT, (resq_text){"", 0}, parse_not(p), NULL);
  chat_leave(p->c);
  return node;
}

static chat_node *parse_and(parser *p) {
  chat_node *left = parse_not(p);
  while (!p->c->failed && take_word(p, "and")) {
    chat_node *right = parse_not(p);
    left = make(p, CHAT_AND, (resq_text){"", 0}, left, right);
  }
  return left;
}

static chat_node *parse_or(parser *p) {
  chat_node *left = parse_and(p);
  while (!p->c->failed && take_word(p, "or")) {
    chat_node *right = parse_and(p);
    left = make(p, CHAT_OR, (resq_text){"", 0}, left, right);
  }
  return left;
}

static chat_node *parse_expression(parser *p) {
  chat_node *node = NULL;
  if (chat_enter(p->c)) {
    node = parse_or(p);
    while (!p->c->failed && take_word(p, "if")) {
      chat_node *condition = parse_or(p);
      chat_node *other = take_word(p, "else") ? parse_expression(p) : NULL;
      node = make(p, CHAT_CONDITIONAL, (resq_text){"", 0}, node, condition);
      if (node)
        node->c = other;
    }
  }
  chat_leave(p->c);
  return node;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

static void close_block(parser *p) {
  if (p->at->kind != CHAT_TOKEN_CLOSE_BLOCK)
    unexpected(p, "%}");
  next(p);
}

/// An expression, or several with commas between: a list.
static chat_node *parse_tuple(parser *p) {
  chat_node *first = parse_expression(p), **tail = first ? &first->next : &first;
  if (!is_operator(p, ","))
    return first;
  while (!p->c->failed && take_operator(p, ","))
    if (p->at->kind != CHAT_TOKEN_CLOSE_BLOCK && p->at->kind != CHAT_TOKEN_CLOSE_OUTPUT)
      link_node(&tail, parse_expression(p));
  return make(p, CHAT_MAKE_LIST, (resq_text){"", 0}, first, NULL);
}

static chat_node *parse_targets(parser *p) {
  chat_node *first = NULL, **tail = &first;
  bool bracket = take_operator(p, "(");
  do {
    resq_text name = need_name(p);
    link_node(&tail, make(p, CHAT_NAME, name, NULL, NULL));
  } while (!p->c->failed && take_operator(p, ","));
  if (bracket)
    need_operator(p, ")");
  return first;
}

static chat_node *parse_for(parser *p) {
  static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
  chat_node *node = make(p, CHAT_FOR, (resq_text){"", 0}, NULL, NULL);
  if (!node)
    return NULL;
  node->a = parse_targets(p);
  if (!take_word(p, "in"))
    unexpected(p, "in");
  node->b = parse_or(p); // an `if` here is the loop's filter
  if (take_word(p, "if"))
    node->c = parse_expression(p);
  if (is_word(p, "recursive"))
    chat_fail(p->c, "recursive loops are not supported");
  close_block(p);
  ++p->loops;
  node->d = parse_statements(p, ends);
  --p->loops;
  if (take_word(p, "else")) {
    close_block(p);
    node->e = parse_statements(p, last);
  }
  next(p);
  close_block(p);
  return node;
}

static chat_node *parse_if(parser *p) {
  static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif", NULL};
  chat_node *node = make(p, CHAT_IF, (resq_text){"", 0}, NULL, NULL), *first = NULL, **tail = &first;
  for (bool more = true; more && !p->c->failed;) {
    chat_node *condition = parse_tuple(p);
    close_block(p);
    chat_node *body = parse_statements(p, ends);
    link_node(&tail, make(p, CHAT_BRANCH, (resq_text){"", 0}, condition, body));
    more = take_word(p, "elif");
  }
  if (take_word(p, "else")) {
    close_block(p);
    chat_node *body = parse_statements(p, last);
    link_node(&tail, make(p, CHAT_BRANCH, (resq_text){"", 0}, NULL, body));
  }
  next(p); // endif
  close_block(p);
  if (node)
    node->a = first;
  return node;
}

static chat_node *parse_set(parser *p) {
  static const char *const ends[] = {"endset", NULL};
  chat_node *target = parse_targets(p);
  if (take_operator(p, ".")) {
    resq_text name = need_name(p);
    target = make(p, CHAT_ATTRIBUTE, name, target, NULL);
  }
  chat_node *node = make(p, CHAT_SET, (resq_text){"", 0}, target, NULL);
  if (!node)
    return NULL;
  if (take_operator(p, "=")) {
    node->b = parse_tuple(p);
    close_block(p);
    return node;
  }
  node->kind = CHAT_SET_BLOCK;
  close_block(p);
  node->b = parse_statements(p, ends);
  next(p);
  close_block(p);
  return node;
}

static chat_node *parse_macro(parser *p) {
  static const char *const ends[] = {"endmacro", NULL};
  chat_node *node = make(p, CHAT_MACRO_NODE, need_name(p), NULL, NULL), *first = NULL, **tail = &first;
  need_operator(p, "(");
  while (!p->c->failed && !take_operator(p, ")")) {
    resq_text name = need_name(p);
    chat_node *value = take_operator(p, "=") ? parse_expression(p) : NULL;
    link_node(&tail, make(p, CHAT_ARGUMENT, name, value, NULL));
    if (!is_operator(p, ")"))
      need_operator(p, ",");
  }
  close_block(p);
  int loops = p->loops;
  p->loops = 0;
  chat_node *body = parse_statements(p, ends);
  p->loops = loops;
  next(p);
  if (p->at->kind == CHAT_TOKEN_NAME) // {% endmacro name %}
    next(p);
  close_block(p);
  if (node) {
    node->a = first;
    node->b = body;
  }
  return node;
}

static chat_node *parse_statement(parser *p) {
  static const char *const generation_ends[] = {"endgeneration", NULL};
  if (take_word(p, "for"))
    return parse_for(p);
  if (take_word(p, "if"))
    return parse_if(p);
  if (take_word(p, "set"))
    return parse_set(p);
  if (take_word(p, "macro"))
    return parse_macro(p);
  if (take_word(p, "generation")) { // marks the assistant's text for training: shows as its body
    close_block(p);
    chat_node *body = parse_statements(p, generation_ends);
    next(p);
    close_block(p);
    chat_node *always = make(p, CHAT_BRANCH, (resq_text){"", 0}, NULL, body);
    return make(p, CHAT_IF, (resq_text){"", 0}, always, NULL);
  }
  bool is_break = is_word(p, "break");
  if (is_break || is_word(p, "continue")) {
    if (!p->loops)
      chat_fail(p->c, "%s outside of a loop", is_break ? "break" : "continue");
    chat_node *node = make(p, is_break ? CHAT_BREAK : CHAT_CONTINUE, (resq_text){"", 0}, NULL, NULL);
    next(p);
    close_block(p);
    return node;
  }
  unexpected(p, "for, if, set, macro, break, continue or generation (all that is supported)");
  return NULL;
}

static chat_node *parse_output(parser *p) {
  chat_node *node = make(p, CHAT_OUTPUT, (resq_text){"", 0}, NULL, NULL);
  next(p);
  chat_node *value = parse_tuple(p);
  if (node)
    node->a = value;
  if (p->at->kind != CHAT_TOKEN_CLOSE_OUTPUT)
    unexpected(p, "}}");
  next(p);
  return node;
}

static bool is_end_word(const parser *p, const char *const *ends) {
  for (; ends && *ends; ++ends)
    if (is_word(p, *ends))
      return true;
  return false;
}

/// Statements up to a block that starts with one of `ends` (NULL: the end of the template), left at that word.
static chat_node *parse_statements(parser *p, const char *const *ends) {
  chat_node *first = NULL, **tail = &first;
  if (!chat_enter(p->c)) {
    chat_leave(p->c);
    return NULL;
  }
  while (!p->c->failed) {
    if (p->at->kind == CHAT_TOKEN_END) {
      if (ends)
        unexpected(p, ends[1] && ends[2] ? ends[2] : ends[1] ? ends[1] : ends[0]);
      break;
    }
    if (p->at->kind == CHAT_TOKEN_DATA) {
      link_node(&tail, make(p, CHAT_DATA, p->at->text, NULL, NULL));
      next(p);
    } else if (p->at->kind == CHAT_TOKEN_OPEN_OUTPUT) {
      link_node(&tail, parse_output(p));
    } else {
      next(p);
      if (is_end_word(p, ends))
        break;
      link_node(&tail, parse_statement(p));
    }
  }
  chat_leave(p->c);
  return first;
}

chat_node *chat_parse(chat_context *c, const chat_tokens *tokens) {
  if (c->failed)
    return NULL;
  parser p = {.c = c, .at = tokens->items};
  c->line = p.at->line;
  chat_node *statements = parse_statements(&p, NULL);
  return c->failed ? NULL : statements;
}
