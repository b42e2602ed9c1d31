//===-- text_scan.c - limits on MLIR text before it is parsed -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A scan by characters that knows strings, comments and words. Where it can't know
// what a character means (`>` closes a type, or compares), it errs towards deeper.
//===----------------------------------------------------------------------===//
#include "dialect/import/text_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/// What `#name` or `!name` stands for, counted through the aliases that it is made of.
typedef struct alias {
  const char *name; // into the text; NULL: a free slot
  uint32_t size, depth;
  uint64_t expansion;
} alias;

enum { SLOTS = 2 * RESQ_TEXT_MAX_ALIASES };

typedef struct scanner {
  const char *data;
  uint64_t size, at;
  uint64_t line, line_begin;
  int brackets;   // ( [ {
  int angles;     // <
  int operators;  // of an affine expression since the last thing that can't stand in one
  char last;      // the last character that is not white space
  alias *aliases; // [SLOTS], hashed by name; allocated with the first definition
  uint32_t n_aliases;
  alias *current; // the alias whose definition we are in
  const char *path;
  resq_error *err;
} scanner;

static bool fail(const scanner *s, const char *what, unsigned limit) {
  return resq_fail(s->err, RESQ_BAD_INPUT, "%s:%" PRIu64 ":%" PRIu64 ": %s; at most %u are allowed",
                   s->path, s->line, s->at - s->line_begin + 1, what, limit);
}

static char peek(const scanner *s, uint64_t ahead) {
  return ahead < s->size - s->at ? s->data[s->at + ahead] : '\0';
}

//===-- Brackets and operators --------------------------------------------===//

static bool deepen(scanner *s, uint32_t inside) {
  uint32_t depth = (uint32_t)(s->brackets + s->angles) + inside;
  if (s->current && depth > s->current->depth)
    s->current->depth = depth;
  return !s->current || depth <= RESQ_TEXT_MAX_DEPTH ||
         fail(s, "too many brackets or aliases inside each other", RESQ_TEXT_MAX_DEPTH);
}

static bool open_bracket(scanner *s, int *depth) {
  // A block at top level after anything but `=` begins a module, not a dictionary: no definition goes on here.
  if (s->data[s->at] == '{' && s->brackets + s->angles == 0 && s->last != '=')
    s->current = NULL;
  return (++*depth <= RESQ_TEXT_MAX_DEPTH ||
          fail(s, "too many brackets inside each other", RESQ_TEXT_MAX_DEPTH)) &&
         deepen(s, 0);
}

static void close_bracket(int *depth) {
  if (*depth > 0)
    --*depth;
}

/// Brackets don't break a chain: `d0 + (d0) + (d0)` is one.
static bool count_operator(scanner *s) {
  return ++s->operators <= RESQ_TEXT_MAX_DEPTH ||
         fail(s, "too many operators in a row", RESQ_TEXT_MAX_DEPTH);
}

//===-- Words and aliases -------------------------------------------------===//

static bool is_word(char c, const char *punctuation) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr(punctuation, c));
}

static uint32_t word_length(const scanner *s, uint64_t ahead, const char *punctuation) {
  uint32_t length = 0;
  while (is_word(peek(s, ahead + length), punctuation) && length < UINT32_MAX / 2)
    ++length;
  return length;
}

/// A bare word: some are operators.
static bool step_word(scanner *s) {
  static const char *const operators[] = {"mod", "floordiv", "ceildiv"};
  uint32_t length = word_length(s, 0, "_$.");
  const char *word = s->data + s->at;
  s->at += length - 1;
  for (size_t i = 0; i < sizeof operators / sizeof *operators; ++i)
    if (length == strlen(operators[i]) && memcmp(word, operators[i], length) == 0)
      return count_operator(s);
  return true;
}

/// The slot of a name: the alias, or the free place where it would go.
static alias *find_slot(const scanner *s, const char *name, uint32_t size) {
  for (uint64_t i = XXH3_64bits(name, size);; ++i) {
    alias *slot = &s->aliases[i % SLOTS];
    if (!slot->name || (slot->size == size && memcmp(slot->name, name, size) == 0))
      return slot;
  }
}

static bool define_alias(scanner *s, const char *name, uint32_t size) {
  if (!s->aliases && !(s->aliases = calloc(SLOTS, sizeof *s->aliases)))
    return resq_fail(s->err, RESQ_NO_MEMORY, "%s: no memory for aliases", s->path);
  alias *slot = find_slot(s, name, size);
  if (!slot->name && ++s->n_aliases > RESQ_TEXT_MAX_ALIASES)
    return fail(s, "too many aliases", RESQ_TEXT_MAX_ALIASES);
  *slot = (alias){name, size, 0, 1};
  s->current = slot;
  s->brackets = s->angles = 0; // definitions stand at top level
  return true;
}

static bool use_alias(scanner *s, const char *name, uint32_t size) {
  if (!s->current || !s->aliases)
    return true;
  const alias *used = find_slot(s, name, size);
  if (!used->name)
    return true;
  s->current->expansion += used->expansion;
  if (s->current->expansion > RESQ_TEXT_MAX_EXPANSION)
    return fail(s, "an alias expands to too many others", RESQ_TEXT_MAX_EXPANSION);
  return deepen(s, used->depth + 1);
}

/// `#name = ..` and `!name = ..` define, `#name` and `!name` use an alias (or belong to a dialect).
static bool step_alias(scanner *s) {
  uint32_t length = word_length(s, 1, "$._-") + 1;
  const char *name = s->data + s->at;
  uint64_t after = length;
  while (peek(s, after) == ' ' || peek(s, after) == '\t' || peek(s, after) == '\n' ||
         peek(s, after) == '\r')
    ++after;
  bool defines = length > 1 && peek(s, after) == '=' && peek(s, after + 1) != '=';
  s->at += length - 1;
  return defines ? define_alias(s, name, length) : use_alias(s, name, length);
}

//===-- The scan ----------------------------------------------------------===//

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

static bool step(scanner *s, char c) {
  switch (c) {
  case '\n':
    ++s->line;
    s->line_begin = s->at + 1;
    return true;
  case '"':
    skip_string(s);
    return true;
  case '(':
  case '[':
  case '{':
    return open_bracket(s, &s->brackets);
  case ')':
  case ']':
  case '}':
    close_bracket(&s->brackets);
    return true;
  case '<':
    return peek(s, 1) == '=' || open_bracket(s, &s->angles);
  case '>':
    if (peek(s, 1) != '=') // >= compares; -> is taken by '-'
      close_bracket(&s->angles);
    return true;
  case '-':
    if (peek(s, 1) != '>')
      return count_operator(s);
    ++s->at;
    return true;
  case '/':
    if (peek(s, 1) != '/')
      return count_operator(s);
    skip_comment(s);
    return true;
  case '+':
  case '*':
    return count_operator(s);
  case ',':
  case '=':
  case ':':
    s->operators = 0;
    return true;
  case '#':
  case '!':
    return step_alias(s);
  default:
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ? step_word(s) : true;
  }
}

bool resq_text_scan(const char *data, uint64_t size, const char *path, resq_error *err) {
  scanner s = {.data = data, .size = size, .line = 1, .path = path, .err = err};
  bool ok = true;
  for (; ok && s.at < s.size; ++s.at) {
    char c = s.data[s.at];
    ok = step(&s, c);
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
      s.last = c;
  }
  free(s.aliases);
  return ok;
}
