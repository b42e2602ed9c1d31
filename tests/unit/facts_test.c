// LINK: compiler
//===-- facts_test.c - every op with rows says what it does with them -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// dialect/row_roles.def beside dialect/resq.td, which is read as text: an op that may stand in a
// function and is forgotten in the table, or whose ids have no role there, fails here.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lowering/entries/facts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_dialect(void) {
  FILE *f = fopen(RESQ_SOURCE_DIR "/dialect/resq.td", "r");
  assert_non_null(f);
  char *text = calloc(1, 1 << 20);
  assert_true(fread(text, 1, (1 << 20) - 1, f) > 1000);
  fclose(f);
  return text;
}

/// Inside [from, end), behind the next `mark`, up to `stop`; NULL when it is not there.
static char *between(const char *from, const char *end, const char *mark, const char *stop) {
  const char *at = strstr(from, mark);
  if (!at || at >= end)
    return NULL;
  at += strlen(mark);
  const char *last = strstr(at, stop);
  return strndup(at, (size_t)(last - at));
}

/// The operands of an op in order, a letter each: r rows, i ids, w a parameter.
static void operand_kinds(const char *arguments, char out[16]) {
  size_t n = 0;
  for (const char *at = arguments; at && (at = strstr(at, "Resq_")); at += 5) {
    const char *kinds[] = {"Rows", "Ids", "Param"};
    for (int k = 0; k < 3; k++)
      if (!strncmp(at + 5, kinds[k], strlen(kinds[k])) && n < 15)
        out[n++] = "riw"[k];
  }
  out[n] = 0;
}

static void check_op(const char *name, const char *roles, const char *kinds) {
  if (!roles)
    fail_msg("resq.%s may stand in a function and has no row in dialect/row_roles.def", name);
  if (strlen(roles) != strlen(kinds))
    fail_msg("resq.%s: roles '%s' of operands '%s'", name, roles, kinds);
  for (size_t i = 0; roles[i]; i++) {
    // A parameter may be one of indices: resq.permute's.
    const char *allowed = kinds[i] == 'r' ? "rqg" : kinds[i] == 'i' ? "tpsni" : "wc";
    if (!strchr(allowed, roles[i]))
      fail_msg("resq.%s: operand %zu has role '%c', allowed: one of %s", name, i, roles[i],
               allowed);
  }
}

static void all_ops_have_roles(void **state) {
  (void)state;
  char *text = read_dialect();
  int in_functions = 0, with_ids = 0;
  for (const char *at = text; (at = strstr(at, "\ndef Resq_"));) {
    at += 5;
    const char *end = strstr(at, "\n}");
    const char *line_end = strchr(at, '\n');
    char *name = between(at, line_end, ": Resq_Op<\"", "\"");
    char *traits = name ? between(at, line_end, "Resq_Op<", "\n") : NULL;
    bool apart = !name || strstr(traits, "HasParent<"); // in a parameter's recipe, or a symbol
    if (!apart && end) {
      char *arguments = between(at, end, "let arguments = (ins", ");"), kinds[16], full[64];
      operand_kinds(arguments, kinds);
      snprintf(full, sizeof full, "resq.%s", name);
      check_op(name, resq_row_roles(resq_str(full)), kinds);
      in_functions++;
      with_ids += strchr(kinds, 'i') != NULL;
      free(arguments);
    }
    free(name);
    free(traits);
  }
  free(text);
  // Of what the dialect had when this was written: the reading above finds ops.
  assert_true(in_functions >= 23);
  assert_true(with_ids >= 5);
}

static void unknown_ops_have_none(void **state) {
  (void)state;
  assert_null(resq_row_roles(resq_str("resq.leaf")));
  assert_null(resq_row_roles(resq_str("arith.addf")));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_ops_have_roles),
                                     cmocka_unit_test(unknown_ops_have_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
