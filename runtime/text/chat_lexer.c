//===-- chat_lexer.c - chat template text to tokens -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// White space follows Jinja with trim_blocks (the newline after a block or comment goes)
// and lstrip_blocks (blanks before one, back to the start of its line, go); `-` strips
// all white space on its side, `+` keeps it.
//===----------------------------------------------------------------------===//
#include "text/chat_lexer.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

static bool is_digit(char x) { return x >= '0' && x <= '9'; }
static bool is_name(char x) {
  return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || x == '_' || is_digit(x);
}

static bool looking_at(const chat_lexer *l, const char *what) {
  size_t size = strlen(what);
  return l->size - l->at >= size && memcmp(l->text + l->at, what, size) == 0;
}

chat_token *chat_add_token(chat_lexer *l, chat_token_kind kind, const char *data, size_t size) {
  chat_tokens *t = l->out;
  if (l->c->failed)
    return &l->ignored;
  if (t->count == t->capacity) {
    size_t capacity = t->capacity ? 2 * t->capacity : 256;
    chat_token *items = chat_alloc_array(l->c, capacity, sizeof *items);
    if (!items)
      return &l->ignored;
    if (t->count)
      memcpy(items, t->items, t->count * sizeof *items);
    t->items = items;
    t->capacity = capacity;
  }
  t->items[t->count] = (chat_token){.kind = kind, .line = l->c->line, .text = {data, size}};
  return &t->items[t->count++];
}

/// Moves on by n bytes, counting lines.
void chat_advance(chat_lexer *l, size_t n) {
  for (size_t i = 0; i < n; ++i)
    l->c->line += l->text[l->at + i] == '\n';
  l->at += n;
}

/// Bytes of the white space at `at`, of one code point; 0 for none.
static size_t space_at(const chat_lexer *l, size_t at) {
  uint32_t code;
  size_t length = at < l->size ? resq_utf8_step(l->text + at, l->size - at, &code) : 0;
  return length && chat_is_white(code) ? length : 0;
}

static void skip_space(chat_lexer *l) {
  for (size_t length; (length = space_at(l, l->at));)
    chat_advance(l, length);
}

/// After a tag's end: what white space goes with it. `sign` is '-', '+' or 0.
static void skip_after(chat_lexer *l, char sign, bool trims_newline) {
  size_t from = l->at;
  if (sign == '-')
    skip_space(l);
  else if (sign != '+' && trims_newline && looking_at(l, "\n"))
    chat_advance(l, 1);
  l->line_starting = l->at > from && l->text[l->at - 1] == '\n';
}

/// Text without the blanks behind its last newline, when there is nothing else behind it.
static resq_text strip_line(chat_lexer *l, resq_text text) {
  size_t size = text.size;
  while (size && chat_charge(l->c, CHAT_SCAN)) {
    uint32_t code;
    size_t length = chat_last_step((resq_text){text.data, size}, &code);
    if (code == '\n')
      return (resq_text){text.data, size};
    if (!chat_is_white(code))
      return text;
    size -= length;
  }
  return l->line_starting ? (resq_text){text.data, 0} : text;
}

/// Text up to a tag at `end`, less the white space that the tag takes; moves to `end`.
static void lex_data(chat_lexer *l, size_t end) {
  resq_text data = {l->text + l->at, end - l->at};
  if (end < l->size) {
    char sign = end + 2 < l->size ? l->text[end + 2] : 0;
    if (sign == '-')
      data = chat_strip(l->c, data, NULL, false, true);
    else if (l->text[end + 1] != '{' && sign != '+')
      data = strip_line(l, data);
  }
  if (data.size)
    chat_add_token(l, CHAT_TOKEN_DATA, data.data, data.size);
  chat_advance(l, end - l->at);
}

/// Length of a tag `{% word %}` at `at`, with any signs, 0 when it is none; *sign is that of its
/// end.
static size_t word_tag(const chat_lexer *l, size_t at, const char *word, char *sign) {
  size_t start = at, size = strlen(word), step;
  if (l->size - at < 2 || memcmp(l->text + at, "{%", 2) != 0)
    return 0;
  at += 2;
  at += at < l->size && (l->text[at] == '-' || l->text[at] == '+');
  while ((step = space_at(l, at)))
    at += step;
  if (l->size - at < size || memcmp(l->text + at, word, size) != 0)
    return 0;
  at += size;
  while ((step = space_at(l, at)))
    at += step;
  *sign = at < l->size && (l->text[at] == '-' || l->text[at] == '+') ? l->text[at] : 0;
  at += *sign != 0;
  return l->size - at >= 2 && memcmp(l->text + at, "%}", 2) == 0 ? at + 2 - start : 0;
}

/// {% raw %} ... {% endraw %}, when it stands here: text with no tags in it.
static bool lex_raw(chat_lexer *l) {
  char sign;
  size_t length = word_tag(l, l->at, "raw", &sign);
  int opened = l->c->line;
  if (!length || sign == '+')
    return false;
  chat_advance(l, length);
  skip_after(l, sign, false);
  for (size_t end = l->at; end < l->size && chat_charge(l->c, CHAT_SCAN); ++end)
    if (l->text[end] == '{' && (length = word_tag(l, end, "endraw", &sign))) {
      lex_data(l, end);
      chat_advance(l, length);
      skip_after(l, sign, true);
      return true;
    }
  l->c->line = opened;
  chat_fail(l->c, "{%% raw %%} without its {%% endraw %%}");
  return true;
}

static void lex_comment(chat_lexer *l) {
  int opened = l->c->line;
  chat_advance(l, 2);
  if (looking_at(l, "-") || looking_at(l, "+"))
    chat_advance(l, 1);
  size_t end = l->at;
  while (end + 1 < l->size && (l->text[end] != '#' || l->text[end + 1] != '}'))
    ++end;
  if (end + 1 >= l->size) {
    l->c->line = opened;
    chat_fail(l->c, "a comment {# without its #}");
    return;
  }
  char sign = end > l->at ? l->text[end - 1] : 0;
  chat_advance(l, end + 2 - l->at);
  skip_after(l, sign == '-' || sign == '+' ? sign : 0, true);
}

static void lex_operator(chat_lexer *l, int *nesting) {
  static const char *const two[] = {"==", "!=", "<=", ">=", "//", "**"};
  size_t size = 1;
  for (size_t i = 0; i < sizeof two / sizeof two[0]; ++i)
    if (looking_at(l, two[i]))
      size = 2;
  char x = l->text[l->at];
  if (size == 1 && !strchr("+-*/%~()[]{}<>=.:|,", x)) {
    if (x > ' ' && x < 127)
      chat_fail(l->c, "unexpected character '%c'", x);
    else
      chat_fail(l->c, "unexpected byte 0x%02x", (unsigned char)x);
    return;
  }
  if (size == 1 && strchr("([{", x))
    ++*nesting;
  if (size == 1 && strchr(")]}", x))
    --*nesting;
  chat_add_token(l, CHAT_TOKEN_OPERATOR, l->text + l->at, size);
  chat_advance(l, size);
}

/// The end of a tag here, with its sign: its length, 0 for none.
static size_t tag_end(const chat_lexer *l, bool is_output, char *sign) {
  const char *close = is_output ? "}}" : "%}";
  size_t extra = looking_at(l, "-") || (!is_output && looking_at(l, "+"));
  *sign = extra ? l->text[l->at] : 0;
  size_t left = l->size - l->at;
  return left >= 2 + extra && memcmp(l->text + l->at + extra, close, 2) == 0 ? 2 + extra : 0;
}

static void lex_tag(chat_lexer *l, bool is_output) {
  chat_add_token(l, is_output ? CHAT_TOKEN_OPEN_OUTPUT : CHAT_TOKEN_OPEN_BLOCK, l->text + l->at, 2);
  int opened = l->c->line, nesting = 0;
  chat_advance(l, 2);
  if (looking_at(l, "-") || looking_at(l, "+"))
    chat_advance(l, 1);
  while (!l->c->failed) {
    skip_space(l);
    if (l->at >= l->size) {
      l->c->line = opened;
      chat_fail(l->c, "a tag %s without its end", is_output ? "{{" : "{%");
      return;
    }
    char sign, x = l->text[l->at];
    size_t end = nesting > 0 ? 0 : tag_end(l, is_output, &sign);
    if (end) {
      chat_add_token(l, is_output ? CHAT_TOKEN_CLOSE_OUTPUT : CHAT_TOKEN_CLOSE_BLOCK,
                     l->text + l->at, end);
      chat_advance(l, end);
      skip_after(l, sign, !is_output);
      return;
    }
    if (x == '\'' || x == '"') {
      chat_lex_string(l);
    } else if (is_digit(x)) {
      chat_lex_number(l);
    } else if (is_name(x)) {
      size_t stop = l->at;
      while (stop < l->size && is_name(l->text[stop]))
        ++stop;
      chat_add_token(l, CHAT_TOKEN_NAME, l->text + l->at, stop - l->at);
      chat_advance(l, stop - l->at);
    } else {
      lex_operator(l, &nesting);
    }
  }
}

/// Newlines as \n; one at the end of the text does not count.
static void normalize_newlines(chat_context *c, resq_text source, chat_buffer *out) {
  for (size_t at = 0; at < source.size && !c->failed;) {
    size_t end = at;
    while (end < source.size && source.data[end] != '\r')
      ++end;
    chat_write(c, out, source.data + at, end - at);
    at = end;
    if (at < source.size) {
      chat_write(c, out, "\n", 1);
      at += at + 1 < source.size && source.data[at + 1] == '\n' ? 2 : 1;
    }
  }
  if (out->size && out->data[out->size - 1] == '\n')
    --out->size;
}

void chat_lex(chat_context *c, resq_text source, chat_tokens *out) {
  chat_buffer text = {0};
  normalize_newlines(c, source, &text);
  c->line = 1;
  chat_lexer l = {.c = c,
                  .text = text.data ? text.data : "",
                  .size = text.size,
                  .line_starting = true,
                  .out = out};
  while (!c->failed && l.at < l.size) {
    size_t tag = l.at;
    while (tag < l.size && (l.text[tag] != '{' || tag + 1 == l.size ||
                            !strchr("{%#", l.text[tag + 1]) || !l.text[tag + 1]))
      ++tag;
    lex_data(&l, tag);
    if (l.at >= l.size)
      break;
    if (l.text[l.at + 1] == '#')
      lex_comment(&l);
    else if (!lex_raw(&l))
      lex_tag(&l, l.text[l.at + 1] == '{');
  }
  chat_add_token(&l, CHAT_TOKEN_END, "", 0);
}
