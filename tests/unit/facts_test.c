// LINK: compiler
//===-- facts_test.c - what ops say that they do with their rows ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// That every op of functions has roles, and roles that suit its operands, is checked when resq is
// built (dialect/generate/ops.c); tests/dialect/generate.test breaks it.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/ops.h"
#include "lowering/entries/facts.h"

static void ops_of_functions_have_roles(void **state) {
  (void)state;
  assert_string_equal(resq_row_roles(resq_str(RESQ_OP_ATTENTION)), "rpsw");
  assert_string_equal(resq_row_roles(resq_str(RESQ_OP_GET)), "");
}

static void other_ops_have_none(void **state) {
  (void)state;
  assert_null(resq_row_roles(resq_str(RESQ_OP_LEAF)));
  assert_null(resq_row_roles(resq_str("arith.addf")));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ops_of_functions_have_roles),
                                     cmocka_unit_test(other_ops_have_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
