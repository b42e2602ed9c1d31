// LINK: compiler
//===-- random_calls_test.c - calls that may be wrong in any way ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/random_calls.h"

/// Seeded: what is legal runs, what is not is refused, and nothing leaves its memory.
static void legal_calls_run_and_others_do_not(void **state) {
  (void)state;
  enum { CALLS = 20000 };
  static calls c;
  assert_true(calls_open(&c));
  uint64_t random = 17;
  for (int i = 0; i < CALLS; ++i) {
    uint8_t bytes[96];
    for (size_t j = 0; j < sizeof bytes; ++j) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      bytes[j] = (uint8_t)(random >> 56);
    }
    if (!calls_run(&c, bytes, sizeof bytes))
      fail_msg("call %d", i);
    if (i % 1000 == 999)
      assert_true(calls_restart(&c));
  }
  // Enough of either kind.
  assert_true(c.legal > CALLS / 2);
  assert_true(c.refused > CALLS / 8);
  resq_session_destroy(c.session);
  resq_model_close(c.model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(legal_calls_run_and_others_do_not)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
