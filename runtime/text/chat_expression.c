//===-- chat_expression.c - tokens to expressions -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recursive descent with Jinja's precedence; every way down passes chat_enter.
//===----------------------------------------------------------------------===//
#include "text/chat_parser.h"

chat_node *chat_make(chat_parser *p, chat_node_kind kind, resq_text text, chat_node *a,
                     chat_node *b) {
  chat_node *node = chat_alloc(p->c, sizeof *node);
  if (node)
    *node = (chat_node){.kind = kind, .line = p->at->line, .text = text, .a = a, .b = b};
  return node;
}

bool chat_at_operator(const chat_parser *p, const char *text) {
  return p->at->kind == CHAT_TOKEN_OPERATOR && chat_text_is(p->at->text, text);
}
bool chat_at_word(const chat_parser *p, const char *text) {
  return p->at->kind == CHAT_TOKEN_NAME && chat_text_is(p->at->text, text);
}

void chat_next(chat_parser *p) {
  if (p->at->kind != CHAT_TOKEN_END)
    ++p->at;
  p->c->line = p->at->line;
}

bool chat_take_operator(chat_parser *p, const char *text) {
  bool found = chat_at_operator(p, text);
  if (found)
    chat_next(p);
  return found;
}
bool chat_take_word(chat_parser *p, const char *text) {
  bool found = chat_at_word(p, text);
  if (found)
    chat_next(p);
  return found;
}

void chat_unexpected(chat_parser *p, const char *wanted) {
  resq_text found = p->at->text;
  if (p->at->kind == CHAT_TOKEN_END)
    found = chat_text("the end of the template");
  chat_fail(p->c, "found \"%.*s\" where %s should be", (int)(found.size < 60 ? found.size : 60),
            found.data, wanted);
}

void chat_need_operator(chat_parser *p, const char *text) {
  if (!chat_take_operator(p, text))
    chat_unexpected(p, text);
}

resq_text chat_need_name(chat_parser *p) {
  resq_text name = p->at->text;
  if (p->at->kind != CHAT_TOKEN_NAME)
    chat_unexpected(p, "a name");
  chat_next(p);
  return name;
}

void chat_link(chat_node ***tail, chat_node *node) {
  if (!node)
    return;
  **tail = node;
  *tail = &node->next;
}

/// Binary operators from the loosest to the tightest; Jinja puts ~ between + and *.
static chat_node *parse_binary(chat_parser *p, int level) {
  static const char *const levels[][5] = {{"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}};
  if (level == 4)
    return chat_parse_unary(p, true);
  chat_node *left = parse_binary(p, level + 1), *concat = NULL, **tail = NULL;
  while (!p->c->failed) {
    resq_text op = p->at->text;
    bool found = false;
    for (int i = 0; i < 5 && levels[level][i] && !found; ++i)
      found = chat_take_operator(p, levels[level][i]);
    if (!found)
      break;
    chat_node *right = parse_binary(p, level + 1);
    if (level != 1) {
      left = chat_make(p, CHAT_BINARY, op, left, right);
      continue;
    }
    if (!concat && left) { // one node for all operands
      concat = chat_make_plain(p, CHAT_CONCAT, left, NULL);
      tail = &left->next;
    }
    if (tail)
      chat_link(&tail, right);
  }
  return concat ? concat : left;
}

static bool take_comparison(chat_parser *p, resq_text *op) {
  static const char *const signs[] = {"==", "!=", "<", ">", "<=", ">="};
  *op = p->at->text;
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; ++i)
    if (chat_take_operator(p, signs[i]))
      return true;
  if (chat_take_word(p, "in"))
    return true;
  if (chat_at_word(p, "not") && p->at[1].kind == CHAT_TOKEN_NAME &&
      chat_text_is(p->at[1].text, "in")) {
    chat_next(p);
    chat_next(p);
    *op = chat_text("not in");
    return true;
  }
  return false;
}

static chat_node *parse_comparison(chat_parser *p) {
  chat_node *left = parse_binary(p, 0), *first = NULL, **tail = &first;
  resq_text op;
  while (!p->c->failed && take_comparison(p, &op)) {
    chat_node *right = parse_binary(p, 0);
    chat_link(&tail, chat_make(p, CHAT_OPERAND, op, right, NULL));
  }
  return first ? chat_make_plain(p, CHAT_COMPARE, left, first) : left;
}

static chat_node *parse_not(chat_parser *p) {
  chat_node *node = NULL;
  if (!chat_take_word(p, "not"))
    return parse_comparison(p);
  if (chat_enter(p->c))
    node = chat_make_plain(p, CHAT_NOT, parse_not(p), NULL);
  chat_leave(p->c);
  return node;
}

static chat_node *parse_and(chat_parser *p) {
  chat_node *left = parse_not(p);
  while (!p->c->failed && chat_take_word(p, "and")) {
    chat_node *right = parse_not(p);
    left = chat_make_plain(p, CHAT_AND, left, right);
  }
  return left;
}

static chat_node *parse_or(chat_parser *p) {
  chat_node *left = parse_and(p);
  while (!p->c->failed && chat_take_word(p, "or")) {
    chat_node *right = parse_and(p);
    left = chat_make_plain(p, CHAT_OR, left, right);
  }
  return left;
}

chat_node *chat_parse_expression(chat_parser *p) {
  chat_node *node = NULL;
  if (chat_enter(p->c)) {
    node = parse_or(p);
    while (!p->c->failed && chat_take_word(p, "if")) {
      chat_node *condition = parse_or(p);
      chat_node *other = chat_take_word(p, "else") ? chat_parse_expression(p) : NULL;
      node = chat_make_plain(p, CHAT_CONDITIONAL, node, condition);
      if (node)
        node->c = other;
    }
  }
  chat_leave(p->c);
  return node;
}

static bool ends_tuple(const chat_parser *p) {
  return p->at->kind == CHAT_TOKEN_CLOSE_BLOCK || p->at->kind == CHAT_TOKEN_CLOSE_OUTPUT ||
         chat_at_operator(p, ")") || chat_at_word(p, "in") || chat_at_word(p, "recursive");
}

chat_node *chat_parse_tuple(chat_parser *p, bool with_conditional) {
  chat_node *first = with_conditional ? chat_parse_expression(p) : parse_or(p);
  chat_node **tail = first ? &first->next : &first;
  if (!chat_at_operator(p, ","))
    return first;
  while (!p->c->failed && chat_take_operator(p, ",") && !ends_tuple(p))
    chat_link(&tail, with_conditional ? chat_parse_expression(p) : parse_or(p));
  return chat_make_plain(p, CHAT_MAKE_TUPLE, first, NULL);
}

chat_node *chat_make_target(chat_parser *p, resq_text name) {
  static const char *const constants[] = {"true", "false", "none", "True", "False", "None"};
  for (size_t i = 0; i < sizeof constants / sizeof constants[0]; ++i)
    if (chat_text_is(name, constants[i]))
      chat_fail(p->c, "a value for %s, which is a constant", constants[i]);
  return chat_make(p, CHAT_NAME, name, NULL, NULL);
}

static chat_node *parse_one_target(chat_parser *p, bool with_namespace) {
  if (chat_take_operator(p, "(")) {
    chat_node *inner = NULL;
    if (chat_enter(p->c))
      inner = chat_parse_target(p, false);
    chat_leave(p->c);
    chat_need_operator(p, ")");
    return inner;
  }
  resq_text name = chat_need_name(p);
  chat_node *target = chat_make_target(p, name);
  if (with_namespace && chat_take_operator(p, "."))
    return chat_make(p, CHAT_SPACE_NAME, chat_need_name(p), target, NULL);
  return target;
}

chat_node *chat_parse_target(chat_parser *p, bool with_namespace) {
  chat_node *first = parse_one_target(p, with_namespace);
  chat_node **tail = first ? &first->next : &first;
  if (!chat_at_operator(p, ","))
    return first;
  while (!p->c->failed && chat_take_operator(p, ",") && !ends_tuple(p) && !chat_at_operator(p, "="))
    chat_link(&tail, parse_one_target(p, with_namespace));
  return chat_make_plain(p, CHAT_MAKE_TUPLE, first, NULL);
}
