//===-- chat_literals.c - strings and numbers of chat templates -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_lexer.h"
#include "text/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char x) { return x >= '0' && x <= '9'; }

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
static size_t unescape(chat_lexer *l, const char *s, size_t size, chat_buffer *out) {
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
    if (used == digits && (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))) {
      chat_fail(l->c, "\\%c%.*s in a string is not a code point", *s, digits, s + 1);
      return 1;
    }
    if (used < digits) {
      chat_fail(l->c, "\\%c in a string needs %d hexadecimal digits", *s, digits);
      return 1;
    }
    chat_write(l->c, out, bytes, resq_utf8_encode(code, bytes));
    return 1 + (size_t)used;
  }
  if (size && *s == 'N') {
    chat_fail(l->c, "\\N in a string (characters by name) is not supported");
    return 1;
  }
  chat_write(l->c, out, "\\", 1); // not an escape: kept, as Python does
  if (size && (unsigned char)*s >= 0x80) {
    // Jinja turns what is not ASCII into escapes first, and this backslash takes theirs away.
    uint32_t code;
    char name[16];
    size_t length = resq_utf8_step(s, size, &code);
    snprintf(name, sizeof name, code < 0x100 ? "x%02x" : code < 0x10000 ? "u%04x" : "U%08x", code);
    chat_write_text(l->c, out, name);
    return length;
  }
  return 0;
}

void chat_lex_string(chat_lexer *l) {
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
  chat_token *token = chat_add_token(l, CHAT_TOKEN_STRING, l->text + start, end - start);
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
  chat_advance(l, end + 1 - l->at);
}

/// End of digits of `base` with single underscores between them, `(_?digit)*`, from `at`.
static size_t digits_end(const chat_lexer *l, size_t at, unsigned base) {
  for (;;) {
    size_t next = at + (at < l->size && l->text[at] == '_');
    int used = 0;
    if (next < l->size)
      escape_digits(l->text + next, 1, 1, base, &used);
    if (!used)
      return at;
    at = next + 1;
  }
}

/// End of a float at the lexer's place, or 0 when there is none.
static size_t float_end(const chat_lexer *l) {
  size_t end = digits_end(l, l->at, 10);
  bool is_float = false;
  if (l->at > 0 && l->text[l->at - 1] == '.') // a.0.1 is two items
    return 0;
  if (end + 1 < l->size && l->text[end] == '.' && is_digit(l->text[end + 1])) {
    is_float = true;
    end = digits_end(l, end + 1, 10);
  }
  size_t power = end + 1; // an exponent: e, a sign or none, digits
  if (end < l->size && (l->text[end] | 32) == 'e') {
    power += power < l->size && (l->text[power] == '-' || l->text[power] == '+');
    if (power < l->size && is_digit(l->text[power])) {
      is_float = true;
      end = digits_end(l, power, 10);
    }
  }
  return is_float ? end : 0;
}

void chat_lex_number(chat_lexer *l) {
  size_t start = l->at, end = float_end(l);
  bool is_float = end != 0;
  unsigned base = 10;
  if (!is_float) {
    char mark = l->text[start] == '0' && start + 1 < l->size ? (char)(l->text[start + 1] | 32) : 0;
    unsigned marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    end = marked ? digits_end(l, start + 2, marked) : 0;
    if (end > start + 2) {
      base = marked;
      start += 2;
    } else if (l->text[start] == '0') { // further zeros alone, as Jinja has it
      end = digits_end(l, start, 1);
    } else {
      end = digits_end(l, start, 10);
    }
  }
  char digits[400];
  size_t count = 0;
  for (size_t i = start; i < end && count < sizeof digits; ++i)
    if (l->text[i] != '_')
      digits[count++] = l->text[i];
  if (count == sizeof digits) {
    chat_fail(l->c, "a number of more than %zu digits", sizeof digits - 1);
    return;
  }
  digits[count] = 0;
  chat_token *token =
      chat_add_token(l, is_float ? CHAT_TOKEN_FLOAT : CHAT_TOKEN_INT, l->text + l->at, end - l->at);
  errno = 0;
  long long integer = is_float ? 0 : strtoll(digits, NULL, (int)base);
  if (errno)
    chat_fail(l->c, "the integer %.60s is beyond 64 bits", digits);
  token->value = is_float ? chat_float(strtod(digits, NULL)) : chat_int(integer);
  chat_advance(l, end - l->at);
}
