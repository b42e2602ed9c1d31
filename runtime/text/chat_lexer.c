//===-- chat_lexer.c - chat template text to tokens -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// White space follows Jinja with trim_blocks (the newline after a block or comment goes)
// and lstrip_blocks (blanks before one, back to the start of its line, go); `-` strips
// all white space on its side, `+` keeps it.
//===----------------------------------------------------------------------===//
#include "text/chat_syntax.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct lexer {
  chat_context *c;
  const char *text;
  size_t size, at;
  bool line_starting; ///< the next text begins a line, though the newline was taken by a tag
  chat_tokens *out;
} lexer;

static bool is_space(char x) {
  return x == ' ' || x == '\n' || x == '\t' || x == '\r' || x == '\f' || x == '\v';
}
static bool is_digit(char x) { return x >= '0' && x <= '9'; }
static bool is_name(char x) {
  return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || x == '_' || is_digit(x);
}

static bool looking_at(const lexer *l, const char *what) {
  size_t size = strlen(what);
  return l->size - l->at >= size && memcmp(l->text + l->at, what, size) == 0;
}

static chat_token *add(lexer *l, chat_token_kind kind, const char *data, size_t size) {
  chat_tokens *t = l->out;
  static chat_token ignored;
  if (l->c->failed)
    return &ignored;
  if (t->count == t->capacity) {
    size_t capacity = t->capacity ? 2 * t->capacity : 256;
    chat_token *items = chat_alloc(l->c, capacity * sizeof *items);
    if (!items)
      return &ignored;
    if (t->count)
      memcpy(items, t->items, t->count * sizeof *items);
    t->items = items;
    t->capacity = capacity;
  }
  t->items[t->count] = (chat_token){.kind = kind, .line = l->c->line, .text = {data, size}};
  return &t->items[t->count++];
}

/// Moves on by n bytes, counting lines.
static void advance(lexer *l, size_t n) {
  for (size_t i = 0; i < n; ++i)
    l->c->line += l->text[l->at + i] == '\n';
  l->at += n;
}

/// After a tag's end: what white space goes with it. `sign` is '-', '+' or 0.
static void skip_after(lexer *l, char sign, bool is_output) {
  size_t from = l->at;
  if (sign == '-')
    while (l->at < l->size && is_space(l->text[l->at]))
      advance(l, 1);
  else if (sign != '+' && !is_output && looking_at(l, "\n"))
    advance(l, 1);
  l->line_starting = l->at > from && l->text[l->at - 1] == '\n';
}

/// Text up to a tag at `end`, less the white space that the tag takes.
static void lex_data(lexer *l, size_t end) {
  const char *data = l->text + l->at;
  size_t size = end - l->at;
  if (end < l->size) {
    char sign = end + 2 < l->size ? l->text[end + 2] : 0;
    if (sign == '-') {
      while (size && is_space(data[size - 1]))
        --size;
    } else if (l->text[end + 1] != '{' && sign != '+') {
      size_t line = size;
      while (line && is_space(data[line - 1]) && data[line - 1] != '\n')
        --line;
      if ((line && data[line - 1] == '\n') || (line == 0 && l->line_starting))
        size = line;
    }
  }
  if (size)
    add(l, CHAT_TOKEN_DATA, data, size);
  advance(l, end - l->at);
}

static void lex_comment(lexer *l) {
  advance(l, 2);
  size_t end = l->at;
  while (end + 1 < l->size && (l->text[end] != '#' || l->text[end + 1] != '}'))
    ++end;
  if (end + 1 >= l->size) {
    chat_fail(l->c, "a comment {# without its #}");
    return;
  }
  char sign = end > l->at ? l->text[end - 1] : 0;
  advance(l, end + 2 - l->at);
  skip_after(l, sign == '-' || sign == '+' ? sign : 0, false);
}

/// Value of up to `digits` digits in `base`; *used counts them.
static uint32_t escape_digits(const char *s, size_t size, int digits, unsigned base, int *used) {
  uint32_t value = 0;
  for (*used = 0; *used < digits && (size_t)*used < size; ++*used) {
    char x = s[*used];
    unsigned digit = is_digit(x)              ? (unsigned)(x - '0')
                     : (x >= 'a' && x <= 'f') ? (unsigned)(x - 'a' + 10)
                     : (x >= 'A' && x <= 'F') ? (unsigned)(x - 'A' + 10)
                                              : 99u;
    if (digit >= base)
      break;
    value = value * base + digit;
  }
  return value;
}

/// One escape, after its backslash, into out; returns the bytes read.
static size_t unescape(lexer *l, const char *s, size_t size, chat_buffer *out) {
  static const char from[] = "nrtbfav\\'\"", to[] = "\n\r\t\b\f\a\v\\'\"";
  const char *simple = size && *s ? strchr(from, *s) : NULL;
  char bytes[4];
  int used;
  if (simple) {
    chat_write(l->c, out, &to[simple - from], 1);
    return 1;
  }
  if (size && *s == '\n') // a line continued
    return 1;
  if (size && *s >= '0' && *s <= '7') {
    uint32_t code = escape_digits(s, size, 3, 8, &used);
    chat_write(l->c, out, bytes, resq_utf8_encode(code, bytes));
    return (size_t)used;
  }
  int digits = !size ? 0 : *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : 0;
  if (digits) {
    uint32_t code = escape_digits(s + 1, size - 1, digits, 16, &used);
    if (used < digits) {
      chat_fail(l->c, "\\%c in a string needs %d hexadecimal digits", *s, digits);
      return 1;
    }
    chat_write(l->c, out, bytes, resq_utf8_encode(code, bytes));
    return 1 + (size_t)used;
  }
  chat_write(l->c, out, "\\", 1); // not an escape: kept, as Python does
  return 0;
}

static void lex_string(lexer *l) {
  char quote = l->text[l->at];
  size_t start = l->at + 1, end = start;
  bool escapes = false;
  while (end < l->size && l->text[end] != quote) {
    escapes |= l->text[end] == '\\';
    end += l->text[end] == '\\' && end + 1 < l->size ? 2 : 1;
  }
  if (end >= l->size) {
    chat_fail(l->c, "a string without its closing %c", quote);
    return;
  }
  chat_token *token = add(l, CHAT_TOKEN_STRING, l->text + start, end - start);
  if (escapes) {
    chat_buffer out = {0};
    for (size_t at = start; at < end && !l->c->failed;) {
      size_t plain = at;
      while (plain < end && l->text[plain] != '\\')
        ++plain;
      chat_write(l->c, &out, l->text + at, plain - at);
      at = plain < end ? plain + 1 : plain;
      if (plain < end)
        at += unescape(l, l->text + at, end - at, &out);
    }
    token->text = chat_buffer_text(&out);
  }
  advance(l, end + 1 - l->at);
}

static void lex_number(lexer *l) {
  size_t end = l->at;
  bool is_float = false;
  while (end < l->size && (is_digit(l->text[end]) || l->text[end] == '_'))
    ++end;
  if (end + 1 < l->size && l->text[end] == '.' && is_digit(l->text[end + 1])) {
    is_float = true;
    for (++end; end < l->size && is_digit(l->text[end]);)
      ++end;
  }
  size_t power = end + 1; // an exponent: e, a sign or none, digits
  if (end < l->size && (l->text[end] | 32) == 'e') {
    power += power < l->size && (l->text[power] == '-' || l->text[power] == '+');
    is_float |= power < l->size && is_digit(l->text[power]);
    for (; power < l->size && is_digit(l->text[power]); ++power)
      end = power + 1;
  }
  char digits[40];
  size_t count = 0;
  for (size_t i = l->at; i < end && count < sizeof digits; ++i)
    if (l->text[i] != '_')
      digits[count++] = l->text[i];
  if (count > (is_float ? 30 : 18)) {
    chat_fail(l->c, "a number of %zu digits; at most %d are allowed", count, is_float ? 30 : 18);
    return;
  }
  digits[count] = 0;
  chat_token *token =
      add(l, is_float ? CHAT_TOKEN_FLOAT : CHAT_TOKEN_INT, l->text + l->at, end - l->at);
  token->value = is_float ? chat_float(strtod(digits, NULL)) : chat_int(strtoll(digits, NULL, 10));
  advance(l, end - l->at);
}

static void lex_operator(lexer *l, int *nesting) {
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
  add(l, CHAT_TOKEN_OPERATOR, l->text + l->at, size);
  advance(l, size);
}

/// The end of a tag here, with its sign: its length, 0 for none.
static size_t tag_end(const lexer *l, bool is_output, char *sign) {
  const char *close = is_output ? "}}" : "%}";
  size_t extra = looking_at(l, "-") || (!is_output && looking_at(l, "+"));
  *sign = extra ? l->text[l->at] : 0;
  size_t left = l->size - l->at;
  return left >= 2 + extra && memcmp(l->text + l->at + extra, close, 2) == 0 ? 2 + extra : 0;
}

static void lex_tag(lexer *l, bool is_output) {
  add(l, is_output ? CHAT_TOKEN_OPEN_OUTPUT : CHAT_TOKEN_OPEN_BLOCK, l->text + l->at, 2);
  int opened = l->c->line, nesting = 0;
  advance(l, 2);
  if (looking_at(l, "-") || looking_at(l, "+"))
    advance(l, 1);
  while (!l->c->failed) {
    while (l->at < l->size && is_space(l->text[l->at]))
      advance(l, 1);
    if (l->at >= l->size) {
      l->c->line = opened;
      chat_fail(l->c, "a tag %s without its end", is_output ? "{{" : "{%");
      return;
    }
    char sign, x = l->text[l->at];
    size_t end = nesting > 0 ? 0 : tag_end(l, is_output, &sign);
    if (end) {
      add(l, is_output ? CHAT_TOKEN_CLOSE_OUTPUT : CHAT_TOKEN_CLOSE_BLOCK, l->text + l->at, end);
      advance(l, end);
      skip_after(l, sign, is_output);
      return;
    }
    if (x == '\'' || x == '"') {
      lex_string(l);
    } else if (is_digit(x)) {
      lex_number(l);
    } else if (is_name(x)) {
      size_t stop = l->at;
      while (stop < l->size && is_name(l->text[stop]))
        ++stop;
      add(l, CHAT_TOKEN_NAME, l->text + l->at, stop - l->at);
      advance(l, stop - l->at);
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
  lexer l = {.c = c,
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
    else
      lex_tag(&l, l.text[l.at + 1] == '{');
  }
  add(&l, CHAT_TOKEN_END, "", 0);
}
