// LINK: compiler
//===-- remarks_test.c - remarks of many layers in one line ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/driver/remarks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct said {
  const char *where, *what;
} said;

static void expect(const said *remarks, int n, const char *wanted) {
  resq_remarks r = {0};
  for (int i = 0; i < n; ++i)
    resq_remarks_add(remarks[i].where, remarks[i].what, &r);
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  resq_remarks_print(&r, out);
  fclose(out);
  assert_string_equal(text, wanted);
  assert_int_equal(r.count, 0);
  free(text);
}
#define EXPECT(wanted, ...)                                                                        \
  expect((const said[]){__VA_ARGS__}, sizeof((const said[]){__VA_ARGS__}) / sizeof(said), wanted)

static void equal_texts(void **state) {
  (void)state;
  EXPECT("  remark: a and 1 more: stays\n  remark: goes\n", {"a", "stays"}, {"", "goes"},
         {"b", "stays"});
  // Numbers outside measures are parts of the text.
  EXPECT("  remark: a: a rotation of 16 stays\n  remark: b: a rotation of 32 stays\n",
         {"a", "a rotation of 16 stays"}, {"b", "a rotation of 32 stays"});
}

static void measures(void **state) {
  (void)state;
  EXPECT("  remark: m: @l0.q: condition number 1.5\n", {"m", "@l0.q: condition number 1.5"});
  // Of two kinds by turns; the order is by value, not by text.
  EXPECT("  remark: m: @l0.q .. @l10.q (3): condition number 1.5 .. 12.5, largest of @l9.q\n"
         "  remark: m: @l0.k .. @l10.k (3): departs by 2e-08 .. 0.1, largest of @l0.k\n",
         {"m", "@l0.q: condition number 9.5"}, {"m", "@l0.k: departs by 0.1"},
         {"m", "@l9.q: condition number 12.5"}, {"m", "@l9.k: departs by 2e-08"},
         {"m", "@l10.q: condition number 1.5"}, {"m", "@l10.k: departs by 0.05"});
  EXPECT("  remark: @l0.q .. @l2.q (3): numbers 1.1 .. 4.0 in all, largest of @l1.q\n",
         {"", "@l0.q: numbers 1.3 .. 2.0 in all"}, {"", "@l1.q: numbers 1.2 .. 4.0 in all"},
         {"", "@l2.q: numbers 1.1 .. 3.0 in all"});
  EXPECT("  remark: @l0.q .. @l1.q (2): number 2.0, largest of @l0.q\n", {"", "@l0.q: number 2.0"},
         {"", "@l1.q: number 2.0"});
}

static void apart(void **state) {
  (void)state;
  // Other symbols, other words, a second number that may be no range.
  EXPECT("  remark: @l0.q: number 1.5\n  remark: @l0.key: number 1.5\n"
         "  remark: @l1.q: norm 1.5\n  remark: @l2.q: number 1.5 of 7\n"
         "  remark: @l3.q: number 2.5 of 7\n",
         {"", "@l0.q: number 1.5"}, {"", "@l0.key: number 1.5"}, {"", "@l1.q: norm 1.5"},
         {"", "@l2.q: number 1.5 of 7"}, {"", "@l3.q: number 2.5 of 7"});
  EXPECT("  remark: @l0.q\n  remark: @l0.q: none\n", {"", "@l0.q"}, {"", "@l0.q: none"});
}

/// Work is bounded by what is said: as many comparisons a remark with ten thousand as with a hundred.
static void many(void **state) {
  (void)state;
  for (int n = 100; n <= 10000; n *= 10) {
    resq_remarks r = {0};
    for (int round = 0; round < 2; ++round)
      for (int i = 0; i < n; ++i) {
        char what[32];
        snprintf(what, sizeof what, "text %d of many", i);
        resq_remarks_add("m", what, &r);
      }
    assert_int_equal(r.count, n);
    assert_in_range(r.compared, n, 8 * n);
    resq_remarks_free(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_texts),
      cmocka_unit_test(measures),
      cmocka_unit_test(apart),
      cmocka_unit_test(many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
