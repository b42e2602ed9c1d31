//===-- identifiers.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "identifiers.h"
#include "dialect/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/// Words that no identifier may be, in C17, C23 or C++20, and macros of standard headers that
/// session.h includes.
static const char keywords[] = " alignas alignof and and_eq asm auto bitand bitor bool break case "
                               "catch char char8_t char16_t char32_t class compl "
                               "concept const consteval constexpr constinit const_cast continue "
                               "co_await co_return co_yield decltype default delete "
                               "do double dynamic_cast else enum explicit export extern false "
                               "float for friend goto if inline int long mutable "
                               "namespace new noexcept not not_eq nullptr operator or or_eq "
                               "private protected public register reinterpret_cast "
                               "requires restrict return short signed sizeof static static_assert "
                               "static_cast struct switch template this "
                               "thread_local throw true try typedef typeid typename typeof "
                               "typeof_unqual union unsigned using virtual void volatile "
                               "wchar_t while xor xor_eq NULL offsetof linux unix ";

static bool is_keyword(const char *name) {
  char *marked = resq_print_text(" %s ", name);
  bool found = strstr(keywords, marked) != NULL;
  free(marked);
  return found;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

char *resq_identifier(const char *text, size_t length) {
  static const char prefix[] = "model_";
  char *name = resq_new(length + sizeof prefix + 1, 1);
  size_t n = 0;
  if (!length || !is_letter(*text)) {
    memcpy(name, prefix, sizeof prefix - 1);
    n = sizeof prefix - 1;
  }
  for (size_t i = 0; i < length; i++) {
    bool plain = is_letter(text[i]) || is_digit(text[i]);
    if (plain || !n || name[n - 1] != '_') // "__" is the compiler's
      name[n++] = plain ? text[i] : '_';
  }
  name[n] = 0;
  if (is_keyword(name)) {
    name[n++] = '_';
    name[n] = 0;
  }
  return name;
}

static bool has(const resq_identifiers *scope, const char *name) {
  for (int i = 0; i < scope->count; i++)
    if (!strcmp(scope->items[i], name))
      return true;
  return false;
}

const char *resq_identifier_add(resq_identifiers *scope, const char *text, size_t length) {
  char *name = resq_identifier(text, length), *chosen = name;
  for (int i = 2; has(scope, chosen); i++) {
    if (chosen != name)
      free(chosen);
    chosen = resq_print_text("%s_%d", name, i);
  }
  if (chosen != name)
    free(name);
  scope->items = RESQ_GROW(scope->items, scope->count);
  return scope->items[scope->count++] = chosen;
}

void resq_identifiers_free(resq_identifiers *scope) {
  for (int i = 0; i < scope->count; i++)
    free(scope->items[i]);
  free(scope->items);
  *scope = (resq_identifiers){NULL, 0};
}

void resq_print_c_string(FILE *f, const char *text, size_t length) {
  fputc('"', f);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    // Three octal digits end by themselves; "??" would begin a trigraph.
    if (c < 32 || c > 126 || c == '"' || c == '\\' || c == '?')
      fprintf(f, "\\%03o", c);
    else
      fputc(c, f);
  }
  fputc('"', f);
}

void resq_print_in_comment(FILE *f, const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    bool pair = i && ((c == '?' && text[i - 1] == '?') || (c == '*' && text[i - 1] == '/') ||
                      (c == '/' && text[i - 1] == '*'));
    if (c < 32 || c > 126 || c == '\\' || pair)
      fprintf(f, "\\x%02x", c);
    else
      fputc(c, f);
  }
}
