//===-- chat_parser.c - tokens to statements ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_parser.h"

static chat_node *parse_statements(chat_parser *p, const char *const *ends);

static void close_block(chat_parser *p) {
  if (p->at->kind != CHAT_TOKEN_CLOSE_BLOCK)
    chat_unexpected(p, "%}");
  chat_next(p);
}

/// An expression, or several with commas between: a list.
static chat_node *parse_tuple(chat_parser *p) {
  chat_node *first = chat_parse_expression(p), **tail = first ? &first->next : &first;
  if (!chat_at_operator(p, ","))
    return first;
  while (!p->c->failed && chat_take_operator(p, ","))
    if (p->at->kind != CHAT_TOKEN_CLOSE_BLOCK && p->at->kind != CHAT_TOKEN_CLOSE_OUTPUT)
      chat_link(&tail, chat_parse_expression(p));
  return chat_make(p, CHAT_MAKE_LIST, (resq_text){"", 0}, first, NULL);
}

static chat_node *parse_targets(chat_parser *p) {
  chat_node *first = NULL, **tail = &first;
  bool bracket = chat_take_operator(p, "(");
  do {
    resq_text name = chat_need_name(p);
    chat_link(&tail, chat_make(p, CHAT_NAME, name, NULL, NULL));
  } while (!p->c->failed && chat_take_operator(p, ","));
  if (bracket)
    chat_need_operator(p, ")");
  return first;
}

static chat_node *parse_for(chat_parser *p) {
  static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
  chat_node *node = chat_make(p, CHAT_FOR, (resq_text){"", 0}, NULL, NULL);
  if (!node)
    return NULL;
  node->a = parse_targets(p);
  if (!chat_take_word(p, "in"))
    chat_unexpected(p, "in");
  node->b = chat_parse_or(p); // an `if` here is the loop's filter
  if (chat_take_word(p, "if"))
    node->c = chat_parse_expression(p);
  if (chat_at_word(p, "recursive"))
    chat_fail(p->c, "recursive loops are not supported");
  close_block(p);
  ++p->loops;
  node->d = parse_statements(p, ends);
  --p->loops;
  if (chat_take_word(p, "else")) {
    close_block(p);
    node->e = parse_statements(p, last);
  }
  chat_next(p);
  close_block(p);
  return node;
}

static chat_node *parse_if(chat_parser *p) {
  static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif",
                                                                                      NULL};
  chat_node *node = chat_make(p, CHAT_IF, (resq_text){"", 0}, NULL, NULL), *first = NULL,
            **tail = &first;
  for (bool more = true; more && !p->c->failed;) {
    chat_node *condition = parse_tuple(p);
    close_block(p);
    chat_node *body = parse_statements(p, ends);
    chat_link(&tail, chat_make(p, CHAT_BRANCH, (resq_text){"", 0}, condition, body));
    more = chat_take_word(p, "elif");
  }
  if (chat_take_word(p, "else")) {
    close_block(p);
    chat_node *body = parse_statements(p, last);
    chat_link(&tail, chat_make(p, CHAT_BRANCH, (resq_text){"", 0}, NULL, body));
  }
  chat_next(p); // endif
  close_block(p);
  if (node)
    node->a = first;
  return node;
}

static chat_node *parse_set(chat_parser *p) {
  static const char *const ends[] = {"endset", NULL};
  chat_node *target = parse_targets(p);
  if (chat_take_operator(p, ".")) {
    resq_text name = chat_need_name(p);
    target = chat_make(p, CHAT_ATTRIBUTE, name, target, NULL);
  }
  chat_node *node = chat_make(p, CHAT_SET, (resq_text){"", 0}, target, NULL);
  if (!node)
    return NULL;
  if (chat_take_operator(p, "=")) {
    node->b = parse_tuple(p);
    close_block(p);
    return node;
  }
  node->kind = CHAT_SET_BLOCK;
  close_block(p);
  node->b = parse_statements(p, ends);
  chat_next(p);
  close_block(p);
  return node;
}

static chat_node *parse_macro(chat_parser *p) {
  static const char *const ends[] = {"endmacro", NULL};
  chat_node *node = chat_make(p, CHAT_MACRO_NODE, chat_need_name(p), NULL, NULL), *first = NULL,
            **tail = &first;
  chat_need_operator(p, "(");
  while (!p->c->failed && !chat_take_operator(p, ")")) {
    resq_text name = chat_need_name(p);
    chat_node *value = chat_take_operator(p, "=") ? chat_parse_expression(p) : NULL;
    chat_link(&tail, chat_make(p, CHAT_ARGUMENT, name, value, NULL));
    if (!chat_at_operator(p, ")"))
      chat_need_operator(p, ",");
  }
  close_block(p);
  int loops = p->loops;
  p->loops = 0;
  chat_node *body = parse_statements(p, ends);
  p->loops = loops;
  chat_next(p);
  if (p->at->kind == CHAT_TOKEN_NAME) // {% endmacro name %}
    chat_next(p);
  close_block(p);
  if (node) {
    node->a = first;
    node->b = body;
  }
  return node;
}

static chat_node *parse_statement(chat_parser *p) {
  static const char *const generation_ends[] = {"endgeneration", NULL};
  if (chat_take_word(p, "for"))
    return parse_for(p);
  if (chat_take_word(p, "if"))
    return parse_if(p);
  if (chat_take_word(p, "set"))
    return parse_set(p);
  if (chat_take_word(p, "macro"))
    return parse_macro(p);
  if (chat_take_word(p,
                     "generation")) { // marks the assistant's text for training: shows as its body
    close_block(p);
    chat_node *body = parse_statements(p, generation_ends);
    chat_next(p);
    close_block(p);
    chat_node *always = chat_make(p, CHAT_BRANCH, (resq_text){"", 0}, NULL, body);
    return chat_make(p, CHAT_IF, (resq_text){"", 0}, always, NULL);
  }
  bool is_break = chat_at_word(p, "break");
  if (is_break || chat_at_word(p, "continue")) {
    if (!p->loops)
      chat_fail(p->c, "%s outside of a loop", is_break ? "break" : "continue");
    chat_node *node =
        chat_make(p, is_break ? CHAT_BREAK : CHAT_CONTINUE, (resq_text){"", 0}, NULL, NULL);
    chat_next(p);
    close_block(p);
    return node;
  }
  chat_unexpected(p, "for, if, set, macro, break, continue or generation (all that is supported)");
  return NULL;
}

static chat_node *parse_output(chat_parser *p) {
  chat_node *node = chat_make(p, CHAT_OUTPUT, (resq_text){"", 0}, NULL, NULL);
  chat_next(p);
  chat_node *value = parse_tuple(p);
  if (node)
    node->a = value;
  if (p->at->kind != CHAT_TOKEN_CLOSE_OUTPUT)
    chat_unexpected(p, "}}");
  chat_next(p);
  return node;
}

static bool is_end_word(const chat_parser *p, const char *const *ends) {
  for (; ends && *ends; ++ends)
    if (chat_at_word(p, *ends))
      return true;
  return false;
}

/// Statements up to a block that starts with one of `ends` (NULL: the end of the template), left at
/// that word.
static chat_node *parse_statements(chat_parser *p, const char *const *ends) {
  chat_node *first = NULL, **tail = &first;
  if (!chat_enter(p->c)) {
    chat_leave(p->c);
    return NULL;
  }
  while (!p->c->failed) {
    if (p->at->kind == CHAT_TOKEN_END) {
      if (ends)
        chat_unexpected(p, ends[1] && ends[2] ? ends[2] : ends[1] ? ends[1] : ends[0]);
      break;
    }
    if (p->at->kind == CHAT_TOKEN_DATA) {
      chat_link(&tail, chat_make(p, CHAT_DATA, p->at->text, NULL, NULL));
      chat_next(p);
    } else if (p->at->kind == CHAT_TOKEN_OPEN_OUTPUT) {
      chat_link(&tail, parse_output(p));
    } else {
      chat_next(p);
      if (is_end_word(p, ends))
        break;
      chat_link(&tail, parse_statement(p));
    }
  }
  chat_leave(p->c);
  return first;
}

chat_node *chat_parse(chat_context *c, const chat_tokens *tokens) {
  if (c->failed)
    return NULL;
  chat_parser p = {.c = c, .at = tokens->items};
  c->line = p.at->line;
  chat_node *statements = parse_statements(&p, NULL);
  return c->failed ? NULL : statements;
}
