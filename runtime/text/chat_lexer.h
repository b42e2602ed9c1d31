//===-- chat_lexer.h - what the two halves of the lexer share -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: chat_lexer.c and chat_literals.c.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_LEXER_H
#define RESQ_TEXT_CHAT_LEXER_H

#include "text/chat_syntax.h"

typedef struct chat_lexer {
  chat_context *c;
  const char *text;
  size_t size, at;
  bool line_starting; ///< the next text begins a line, though the newline was taken by a tag
  chat_tokens *out;
  chat_token ignored; ///< what is written after a failure
} chat_lexer;

/// A token that may be written to also after a failure.
chat_token *chat_add_token(chat_lexer *l, chat_token_kind kind, const char *data, size_t size);
/// Moves on by n bytes, counting lines.
void chat_advance(chat_lexer *l, size_t n);
/// A string or number at the lexer's place.
void chat_lex_string(chat_lexer *l);
void chat_lex_number(chat_lexer *l);

#endif // RESQ_TEXT_CHAT_LEXER_H
