//===-- chat_parser.c - tokens to statements ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_parser.h"

static chat_node *parse_statements(chat_parser *p, const char *const *ends);

static void close_block(chat_parser *p) {
  if (p->at->kind != CHAT_TOKEN_CLOSE_BLOCK)
    chat_unexpected(p, "%}");
  chat_next(p);
}

/// Before a block's body: Python's colon may stand there.
static void open_body(chat_parser *p) {
  chat_take_operator(p, ":");
  close_block(p);
}

/// After a block's body: over `{% endX %}`, whose name the body stopped at.
static void end_block(chat_parser *p) {
  chat_next(p);
  close_block(p);
}

static chat_node *parse_for(chat_parser *p) {
  static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
  chat_node *node = chat_make_plain(p, CHAT_FOR, NULL, NULL);
  if (!node)
    return NULL;
  const chat_token *start = p->at;
  node->a = chat_parse_target(p, false);
  p->at = start; // once more: the condition sees a variable of its own
  node->f = chat_parse_target(p, false);
  if (!chat_take_word(p, "in"))
    chat_unexpected(p, "in");
  node->b = chat_parse_tuple(p, false); // an `if` here is the loop's filter
  if (chat_take_word(p, "if"))
    node->c = chat_parse_expression(p);
  if (chat_at_word(p, "recursive"))
    chat_fail(p->c, "recursive loops are not supported");
  open_body(p);
  ++p->loops;
  node->d = parse_statements(p, ends);
  --p->loops;
  if (chat_take_word(p, "else")) {
    open_body(p);
    node->e = parse_statements(p, last);
  }
  end_block(p);
  return node;
}

static chat_node *parse_if(chat_parser *p) {
  static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif",
                                                                                      NULL};
  chat_node *node = chat_make_plain(p, CHAT_IF, NULL, NULL), *first = NULL, **tail = &first;
  for (bool more = true; more && !p->c->failed;) {
    chat_node *condition = chat_parse_tuple(p, false);
    open_body(p);
    chat_node *body = parse_statements(p, ends);
    chat_link(&tail, chat_make_plain(p, CHAT_BRANCH, condition, body));
    more = chat_take_word(p, "elif");
  }
  if (chat_take_word(p, "else")) {
    open_body(p);
    chat_node *body = parse_statements(p, last);
    chat_link(&tail, chat_make_plain(p, CHAT_BRANCH, NULL, body));
  }
  end_block(p);
  if (node)
    node->a = first;
  return node;
}

static chat_node *parse_set(chat_parser *p) {
  static const char *const ends[] = {"endset", NULL};
  chat_node *node = chat_make_plain(p, CHAT_SET, NULL, NULL);
  chat_node *target = chat_parse_target(p, true);
  if (!node || !target)
    return NULL;
  node->a = target;
  if (chat_take_operator(p, "=")) {
    node->b = chat_parse_tuple(p, true);
    close_block(p);
    return node;
  }
  node->kind = CHAT_SET_BLOCK;
  if (chat_take_operator(p, "|"))
    node->c = chat_parse_filters(p, NULL);
  open_body(p);
  node->b = parse_statements(p, ends);
  end_block(p);
  return node;
}

/// {% with a = 1, b = 2 %}
static chat_node *parse_with(chat_parser *p) {
  static const char *const ends[] = {"endwith", NULL};
  chat_node *node = chat_make_plain(p, CHAT_WITH, NULL, NULL), *first = NULL, **tail = &first;
  while (!p->c->failed && p->at->kind != CHAT_TOKEN_CLOSE_BLOCK) {
    if (first)
      chat_need_operator(p, ",");
    chat_node *target = chat_make_target(p, chat_need_name(p));
    chat_need_operator(p, "=");
    chat_node *value = chat_parse_expression(p);
    chat_link(&tail, chat_make_plain(p, CHAT_SET, target, value));
  }
  open_body(p);
  chat_node *body = parse_statements(p, ends);
  end_block(p);
  if (node) {
    node->a = first;
    node->b = body;
  }
  return node;
}

/// (a, b = 1), from its bracket on.
static chat_node *parse_signature(chat_parser *p) {
  chat_node *first = NULL, **tail = &first;
  bool defaults = false;
  chat_need_operator(p, "(");
  while (!p->c->failed && !chat_take_operator(p, ")")) {
    resq_text name = chat_need_name(p);
    chat_node *target = chat_make_target(p, name);
    chat_node *value = chat_take_operator(p, "=") ? chat_parse_expression(p) : NULL;
    if (defaults && !value)
      chat_unexpected(p, "a default, as the parameter before has one");
    defaults |= value != NULL;
    chat_node *argument = chat_make(p, CHAT_ARGUMENT, name, value, NULL);
    if (argument)
      argument->f = target;
    for (const chat_node *n = first; n && chat_charge(p->c, CHAT_STEP); n = n->next)
      if (chat_text_equal(n->text, name))
        chat_fail(p->c, "the parameter %.*s appears twice", CHAT_SHORT(name));
    chat_link(&tail, argument);
    if (!chat_at_operator(p, ")"))
      chat_need_operator(p, ",");
  }
  return first;
}

/// The body of a macro or a call block: no loop around it can be left from within.
static chat_node *parse_function_body(chat_parser *p, const char *const *ends) {
  int loops = p->loops;
  p->loops = 0;
  chat_node *body = parse_statements(p, ends);
  p->loops = loops;
  end_block(p);
  return body;
}

static chat_node *parse_macro(chat_parser *p) {
  static const char *const ends[] = {"endmacro", NULL};
  chat_node *node = chat_make_plain(p, CHAT_MACRO_NODE, NULL, NULL);
  resq_text name = chat_need_name(p);
  chat_node *target = chat_make_target(p, name), *signature = parse_signature(p);
  open_body(p);
  chat_node *body = parse_function_body(p, ends);
  if (node) {
    node->text = name;
    node->f = target;
    node->a = signature;
    node->b = body;
  }
  return node;
}

/// {% call(a) f(x) %}, and {% generation %}, which marks the assistant's text for training and
/// shows its body.
static chat_node *parse_call_block(chat_parser *p, bool is_generation) {
  static const char *const ends[] = {"endcall", NULL}, *const others[] = {"endgeneration", NULL};
  chat_node *node = chat_make_plain(p, CHAT_CALL_BLOCK, NULL, NULL), *call = NULL,
            *signature = NULL;
  if (!is_generation) {
    signature = chat_at_operator(p, "(") ? parse_signature(p) : NULL;
    call = chat_parse_expression(p);
    if (call && call->kind != CHAT_CALL)
      chat_fail(p->c, "call needs a call, as in {%% call f() %%}");
  }
  open_body(p);
  chat_node *body = parse_function_body(p, is_generation ? others : ends);
  if (node) {
    node->a = signature;
    node->b = body;
    node->c = call;
  }
  return node;
}

static chat_node *parse_filter_block(chat_parser *p) {
  static const char *const ends[] = {"endfilter", NULL};
  chat_node *node = chat_make_plain(p, CHAT_FILTER_BLOCK, NULL, NULL),
            *filters = chat_parse_filters(p, NULL);
  open_body(p);
  chat_node *body = parse_statements(p, ends);
  end_block(p);
  if (node) {
    node->a = filters;
    node->b = body;
  }
  return node;
}

static chat_node *parse_statement(chat_parser *p) {
  if (chat_take_word(p, "for"))
    return parse_for(p);
  if (chat_take_word(p, "if"))
    return parse_if(p);
  if (chat_take_word(p, "set"))
    return parse_set(p);
  if (chat_take_word(p, "with"))
    return parse_with(p);
  if (chat_take_word(p, "macro"))
    return parse_macro(p);
  if (chat_take_word(p, "call"))
    return parse_call_block(p, false);
  if (chat_take_word(p, "generation"))
    return parse_call_block(p, true);
  if (chat_take_word(p, "filter"))
    return parse_filter_block(p);
  if (chat_take_word(p, "print")) {
    chat_node *first = NULL, **tail = &first;
    while (!p->c->failed && p->at->kind != CHAT_TOKEN_CLOSE_BLOCK) {
      if (first)
        chat_need_operator(p, ",");
      chat_link(&tail, chat_parse_expression(p));
    }
    close_block(p);
    return chat_make_plain(p, CHAT_OUTPUT, first, NULL);
  }
  bool is_break = chat_at_word(p, "break");
  if (is_break || chat_at_word(p, "continue")) {
    if (!p->loops)
      chat_fail(p->c, "%s outside of a loop", is_break ? "break" : "continue");
    chat_node *node = chat_make_plain(p, is_break ? CHAT_BREAK : CHAT_CONTINUE, NULL, NULL);
    chat_next(p);
    close_block(p);
    return node;
  }
  chat_unexpected(p, "for, if, set, with, macro, call, filter, print, break, continue, raw or "
                     "generation (all that is supported)");
  return NULL;
}

static chat_node *parse_output(chat_parser *p) {
  chat_node *node = chat_make_plain(p, CHAT_OUTPUT, NULL, NULL);
  chat_next(p);
  chat_node *value = chat_parse_tuple(p, true);
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
