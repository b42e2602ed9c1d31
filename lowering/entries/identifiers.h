//===-- identifiers.h - strings of a module as C ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Symbols and names of a module are any bytes. In C they become identifiers, string literals or
// text of a comment, and nothing of them is read as anything else, by a C or a C++ compiler.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_IDENTIFIERS_H
#define RESQ_LOWERING_IDENTIFIERS_H

#include <stdio.h>

/// Names of one scope.
typedef struct resq_identifiers {
  char **items;
  int count;
} resq_identifiers;

/// `text` with what is no letter or digit as one "_" a run; "model_" stands before what would be
/// empty or begin with a digit or "_", "_" behind a keyword of C or C++. The caller frees it.
char *resq_identifier(const char *text, size_t length);
/// The same, with a number behind it where the scope has the name; added to it, and owned by it.
const char *resq_identifier_add(resq_identifiers *scope, const char *text, size_t length);
void resq_identifiers_free(resq_identifiers *scope);

/// "text" as a literal, quotes included.
void resq_print_c_string(FILE *f, const char *text, size_t length);
/// Text for a line of a // comment: what is not printable, and what could end the comment or
/// continue it, as \x and two digits.
void resq_print_in_comment(FILE *f, const char *text, size_t length);

#endif // RESQ_LOWERING_IDENTIFIERS_H
