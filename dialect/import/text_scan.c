//===-- text_scan.c - limits on MLIR text before it is parsed -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A scan by characters that knows strings and comments only. Where it can't know
// what a character means (`>` closes a type, or compares), it errs towards deeper.
//===----------------------------------------------------------------------===//
#include "dialect/import/text_scan.h"

#include <inttypes.h>
#include <string.h>

typedef struct scanner {
  const char *data;
  uint64_t size, at;
  uint64_t line;
  uint64_t line_begin;
  int brackets;  // ( [ {
  int angles;    // <
  int operators; // + - * / since the last , or bracket: a chain the affine parser recurses on
  int aliases;
  const char *path;
  resq_error *err;
} scanner;

static bool fail(const scanner *s, const char *what, int limit) {
  return resq_fail(s->err, RESQ_BAD_INPUT, "%s:%" PRIu64 ":%" PRIu64 ": %s; at most %d are allowed",
                   s->path, s->line, s->at - s->line_begin + 1, what, limit);
}

static char peek(const scanner *s, uint64_t ahead) {
  return ahead < s->size - s->at ? s->data[s->at + ahead] : '\0';
}

/// To the closing quote, or to the end of the line: a string does not go on after it.
static void skip_string(scanner *s) {
  for (++s->at; s->at < s->size && s->data[s->at] != '"' && s->data[s->at] != '\n'; ++s->at)
    if (s->data[s->at] == '\\' && peek(s, 1) != '\n')
      ++s->at;
  if (s->at < s->size && s->data[s->at] == '\n')
    --s->at; // the newline is counted by the caller
}

static void skip_comment(scanner *s) {
  const char *newline = memchr(s->data + s->at, '\n', (size_t)(s->size - s->at));
  s->at = newline ? (uint64_t)(newline - s->data) - 1 : s->size;
}

static bool open_bracket(scanner *s, int *depth) {
  s->operators = 0;
  return ++*depth <= RESQ_TEXT_MAX_DEPTH || fail(s, "too many brackets inside each other", RESQ_TEXT_MAX_DEPTH);
}

static void close_bracket(scanner *s, int *depth) {
  s->operators = 0;
  if (*depth > 0)
    --*depth;
}

static bool count_operator(scanner *s) {
  return ++s->operators <= RESQ_TEXT_MAX_DEPTH || fail(s, "too many operators in a row", RESQ_TEXT_MAX_DEPTH);
}

/// `#name =` or `!name =` at the begin of a line defines an alias.
static bool begin_line(scanner *s) {
  ++s->line;
  s->line_begin = s->at + 1;
  char next = peek(s, 1);
  if (next != '#' && next != '!')
    return true;
  return ++s->aliases <= RESQ_TEXT_MAX_ALIASES || fail(s, "too many aliases", RESQ_TEXT_MAX_ALIASES);
}

static bool step(scanner *s) {
  switch (s->data[s->at]) {
  case '\n': return begin_line(s);
  case '"': skip_string(s); return true;
  case '(': case '[': case '{': return open_bracket(s, &s->brackets);
  case ')': case ']': case '}': close_bracket(s, &s->brackets); return true;
  case '<': return peek(s, 1) == '=' || open_bracket(s, &s->angles);
  case '>':
    if (peek(s, 1) != '=') // >= compares; -> was taken by '-'
      close_bracket(s, &s->angles);
    return true;
  case '-':
    if (peek(s, 1) == '>') {
      ++s->at;
      return true;
    }
    return count_operator(s);
  case '/':
    if (peek(s, 1) == '/') {
      skip_comment(s);
      return true;
    }
    return count_operator(s);
  case '+': case '*': return count_operator(s);
  case ',': case '=': case ':': s->operators = 0; return true;
  default: return true;
  }
}

bool resq_text_scan(const char *data, uint64_t size, const char *path, resq_error *err) {
  scanner s = {.data = data, .size = size, .line = 1, .path = path, .err = err};
  for (; s.at < s.size; ++s.at)
    if (!step(&s))
      return false;
  return true;
}
