//===-- chat_primary.c - tokens to values, subscripts, calls, filters ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operands of expressions, and what is written behind them.
//===----------------------------------------------------------------------===//
#include "text/chat_parser.h"

/// Arguments up to `)`, which is taken: positional ones, then named ones, each sort with at most
/// one spread (* and **) behind it.
static chat_node *parse_arguments(chat_parser *p) {
  chat_node *first = NULL, **tail = &first;
  bool named = false, spread = false, spread_named = false;
  while (!p->c->failed && !chat_take_operator(p, ")")) {
    resq_text name = {"", 0};
    bool star = chat_at_operator(p, "*"), stars = chat_at_operator(p, "**");
    if (star || stars) {
      name = p->at->text;
      chat_next(p);
    } else if (p->at->kind == CHAT_TOKEN_NAME && p->at[1].kind == CHAT_TOKEN_OPERATOR &&
               chat_text_is(p->at[1].text, "=")) {
      name = p->at->text;
      named = true;
      chat_next(p);
      chat_next(p);
    } else if (named || spread) {
      chat_unexpected(p, "a named argument");
    }
    if (spread_named || (star && spread))
      chat_unexpected(p, ")");
    spread |= star;
    spread_named |= stars;
    chat_node *value = chat_parse_expression(p);
    chat_link(&tail, chat_make(p, CHAT_ARGUMENT, name, value, NULL));
    if (!chat_at_operator(p, ")"))
      chat_need_operator(p, ",");
  }
  return first;
}

/// Items up to `close`, which is taken. *is_tuple: there was a comma, or nothing at all.
static chat_node *parse_items(chat_parser *p, const char *close, bool *is_tuple) {
  chat_node *first = NULL, **tail = &first;
  *is_tuple = chat_at_operator(p, close);
  while (!p->c->failed && !chat_take_operator(p, close)) {
    chat_link(&tail, chat_parse_expression(p));
    if (chat_take_operator(p, ","))
      *is_tuple = true;
    else if (!chat_at_operator(p, close))
      chat_unexpected(p, close);
  }
  return first;
}

static chat_node *parse_dict(chat_parser *p) {
  chat_node *first = NULL, **tail = &first;
  while (!p->c->failed && !chat_take_operator(p, "}")) {
    chat_node *key = chat_parse_expression(p);
    chat_need_operator(p, ":");
    chat_node *value = chat_parse_expression(p);
    chat_link(&tail, chat_make_plain(p, CHAT_PAIR, key, value));
    if (!chat_at_operator(p, "}"))
      chat_need_operator(p, ",");
  }
  return chat_make_plain(p, CHAT_MAKE_DICT, first, NULL);
}

static chat_node *literal(chat_parser *p, chat_value value) {
  chat_node *node = chat_make_plain(p, CHAT_LITERAL, NULL, NULL);
  if (node)
    node->value = value;
  return node;
}

static chat_node *parse_name(chat_parser *p) {
  resq_text name = chat_need_name(p);
  if (chat_text_is(name, "true") || chat_text_is(name, "True"))
    return literal(p, chat_bool(true));
  if (chat_text_is(name, "false") || chat_text_is(name, "False"))
    return literal(p, chat_bool(false));
  if (chat_text_is(name, "none") || chat_text_is(name, "None"))
    return literal(p, chat_none());
  return chat_make(p, CHAT_NAME, name, NULL, NULL);
}

static chat_node *parse_string(chat_parser *p) {
  chat_value value = chat_string(p->at->text);
  chat_next(p);
  if (p->at->kind == CHAT_TOKEN_STRING) { // neighbours are joined
    chat_buffer joined = {0};
    chat_write(p->c, &joined, value.text.data, value.text.size);
    for (; p->at->kind == CHAT_TOKEN_STRING && !p->c->failed; chat_next(p))
      chat_write(p->c, &joined, p->at->text.data, p->at->text.size);
    value = chat_string(chat_buffer_text(&joined));
  }
  return literal(p, value);
}

static chat_node *parse_primary(chat_parser *p) {
  const chat_token *token = p->at;
  bool is_tuple;
  switch (token->kind) {
  case CHAT_TOKEN_NAME:
    return parse_name(p);
  case CHAT_TOKEN_STRING:
    return parse_string(p);
  case CHAT_TOKEN_INT:
  case CHAT_TOKEN_FLOAT:
    chat_next(p);
    return literal(p, token->value);
  default:
    break;
  }
  if (chat_take_operator(p, "(")) {
    chat_node *items = parse_items(p, ")", &is_tuple);
    return is_tuple ? chat_make_plain(p, CHAT_MAKE_TUPLE, items, NULL) : items;
  }
  if (chat_take_operator(p, "[")) {
    chat_node *items = parse_items(p, "]", &is_tuple);
    return chat_make_plain(p, CHAT_MAKE_LIST, items, NULL);
  }
  if (chat_take_operator(p, "{"))
    return parse_dict(p);
  chat_unexpected(p, "an expression");
  return NULL;
}

/// a[...], after the bracket.
static chat_node *parse_subscript(chat_parser *p, chat_node *base) {
  chat_node *parts[3] = {NULL, NULL, NULL};
  int n = 0;
  bool is_slice = false;
  while (!p->c->failed && !chat_take_operator(p, "]")) {
    if (chat_take_operator(p, ":")) {
      is_slice = true;
      if (++n > 2)
        chat_unexpected(p, "]");
    } else if (n < 3 && !parts[n]) {
      parts[n] = chat_parse_expression(p);
    } else {
      chat_unexpected(p, "] (an index of several parts is not supported)");
    }
  }
  if (!is_slice && !parts[0])
    chat_unexpected(p, "an index");
  chat_node *node = chat_make_plain(p, is_slice ? CHAT_SLICE : CHAT_ITEM, base, parts[0]);
  if (node) {
    node->c = parts[1];
    node->d = parts[2];
  }
  return node;
}

/// A call, after its bracket. What can be known of it is checked here.
static chat_node *parse_call(chat_parser *p, chat_node *callee) {
  int line = p->at->line;
  chat_node *arguments = parse_arguments(p);
  chat_node *node = chat_make_plain(p, CHAT_CALL, callee, arguments);
  if (!node || !callee)
    return NULL;
  node->line = line;
  if (callee->kind == CHAT_ATTRIBUTE) {
    p->c->line = line;
    chat_check_method(p->c, callee->text);
    p->c->line = p->at->line;
  }
  return node;
}

static chat_node *parse_postfix(chat_parser *p, chat_node *node) {
  while (!p->c->failed) {
    if (chat_take_operator(p, ".")) {
      if (p->at->kind == CHAT_TOKEN_INT) { // a.0 is a[0]
        chat_node *index = literal(p, p->at->value);
        chat_next(p);
        node = chat_make_plain(p, CHAT_ITEM, node, index);
      } else {
        resq_text name = chat_need_name(p);
        node = chat_make(p, CHAT_ATTRIBUTE, name, node, NULL);
      }
    } else if (chat_take_operator(p, "[")) {
      node = parse_subscript(p, node);
    } else if (chat_take_operator(p, "(")) {
      node = parse_call(p, node);
    } else {
      break;
    }
  }
  return node;
}

/// Names of filters and tests may have dots; none that exists has.
static void refuse_dot(chat_parser *p) {
  if (chat_at_operator(p, "."))
    chat_unexpected(p, "a filter or test without a dot in its name");
}

static chat_node *parse_filter(chat_parser *p, chat_node *subject) {
  int line = p->at->line;
  resq_text name = chat_need_name(p);
  refuse_dot(p);
  chat_node *arguments = chat_take_operator(p, "(") ? parse_arguments(p) : NULL;
  chat_node *node = chat_make(p, CHAT_FILTER, name, subject, arguments);
  if (node) {
    p->c->line = node->line = line;
    node->builtin = chat_find_filter(p->c, name, arguments);
    p->c->line = p->at->line;
  }
  return node;
}

chat_node *chat_parse_filters(chat_parser *p, chat_node *subject) {
  chat_node *node = parse_filter(p, subject);
  while (!p->c->failed && chat_take_operator(p, "|"))
    node = parse_filter(p, node);
  return node;
}

/// Whether a test's argument without brackets follows (`is divisibleby 3`).
static bool starts_test_argument(const chat_parser *p) {
  if (p->at->kind == CHAT_TOKEN_NAME)
    return !chat_at_word(p, "else") && !chat_at_word(p, "or") && !chat_at_word(p, "and");
  return p->at->kind == CHAT_TOKEN_STRING || p->at->kind == CHAT_TOKEN_INT ||
         p->at->kind == CHAT_TOKEN_FLOAT || chat_at_operator(p, "[") || chat_at_operator(p, "{");
}

static chat_node *parse_test(chat_parser *p, chat_node *subject) {
  int line = p->at->line;
  bool negated = chat_take_word(p, "not");
  resq_text name = chat_need_name(p);
  refuse_dot(p);
  chat_node *arguments = NULL;
  if (chat_take_operator(p, "(")) {
    arguments = parse_arguments(p);
  } else if (starts_test_argument(p)) {
    if (chat_at_word(p, "is"))
      chat_unexpected(p, "and (tests do not chain)");
    chat_node *value = parse_primary(p);
    value = parse_postfix(p, value);
    arguments = chat_make_plain(p, CHAT_ARGUMENT, value, NULL);
  }
  chat_node *test = chat_make(p, CHAT_TEST, name, subject, arguments);
  if (test) {
    p->c->line = test->line = line;
    test->builtin = chat_find_test(p->c, name, arguments);
    p->c->line = p->at->line;
  }
  return negated ? chat_make_plain(p, CHAT_NOT, test, NULL) : test;
}

/// Signs bind tighter than filters and looser than postfixes, as in Jinja.
chat_node *chat_parse_unary(chat_parser *p, bool with_filters) {
  chat_node *node = NULL;
  if (chat_at_operator(p, "-") || chat_at_operator(p, "+")) {
    resq_text sign = p->at->text;
    chat_next(p);
    if (chat_enter(p->c))
      node = chat_make(p, CHAT_UNARY, sign, chat_parse_unary(p, false), NULL);
    chat_leave(p->c);
  } else {
    node = parse_primary(p);
  }
  node = parse_postfix(p, node);
  while (with_filters && !p->c->failed) {
    if (chat_take_operator(p, "|"))
      node = parse_filter(p, node);
    else if (chat_take_word(p, "is"))
      node = parse_test(p, node);
    else if (chat_take_operator(p, "("))
      node = parse_call(p, node);
    else
      break;
  }
  return node;
}
