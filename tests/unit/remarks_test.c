// LINK: compiler
//===-- remarks_test.c - remarks of many layers in one line ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/build.h"
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

/// A measure of param, or two of its blocks.
typedef struct measured {
  const char *where, *param;
  resq_measure_kind kind;
  double low, high;
  bool several;
} measured;

static void expect_measures(MlirContext ctx, const measured *all, int n, const char *wanted) {
  resq_remarks r = {0};
  for (int i = 0; i < n; ++i) {
    MlirLocation where = *all[i].where ? mlirLocationNameGet(ctx, resq_str(all[i].where),
                                                             mlirLocationUnknownGet(ctx))
                                       : mlirLocationUnknownGet(ctx);
    resq_measure m = {.kind = all[i].kind,
                      .several = all[i].several,
                      .low = all[i].low,
                      .high = all[i].high,
                      .param = all[i].param,
                      .location = where};
    resq_remarks_measure(&r, &m);
  }
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  resq_remarks_print(&r, out);
  fclose(out);
  assert_string_equal(text, wanted);
  free(text);
}
#define MEASURES(wanted, ...)                                                                      \
  expect_measures(ctx, (const measured[]){__VA_ARGS__},                                            \
                  sizeof((const measured[]){__VA_ARGS__}) / sizeof(measured), wanted)
#define CONDITION RESQ_MEASURE_CONDITION
#define DEPARTURE RESQ_MEASURE_DEPARTURE

static void measures(void **state) {
  (void)state;
  MlirContext ctx = resqContextCreate();
  MEASURES("  remark: m: @l0.q: condition number 1.5\n", {"m", "l0.q", CONDITION, 1.5, 1.5, false});
  MEASURES("  remark: m and 1 more: @l0.q: condition number 1.5\n",
           {"m", "l0.q", CONDITION, 1.5, 1.5, false}, {"n", "l0.q", CONDITION, 1.5, 1.5, false});
  // Of two kinds by turns; the order is by value, not by text.
  MEASURES(
      "  remark: m: @l0.q .. @l10.q (3): condition number 1.5 .. 12.5, largest of @l9.q\n"
      "  remark: m: @l0.k .. @l10.k (3): its random matrix departs from an orthogonal one by "
      "2e-08 .. 0.1, largest of @l0.k\n",
      {"m", "l0.q", CONDITION, 9.5, 9.5, false}, {"m", "l0.k", DEPARTURE, 0.1, 0.1, false},
      {"m", "l9.q", CONDITION, 12.5, 12.5, false}, {"m", "l9.k", DEPARTURE, 2e-08, 2e-08, false},
      {"m", "l10.q", CONDITION, 1.5, 1.5, false}, {"m", "l10.k", DEPARTURE, 0.05, 0.05, false});
  MEASURES("  remark: @l0.q .. @l2.q (3): condition numbers 1.1 .. 4.0, largest of @l1.q\n",
           {"", "l0.q", CONDITION, 1.3, 2, true}, {"", "l1.q", CONDITION, 1.2, 4, true},
           {"", "l2.q", CONDITION, 1.1, 3, true});
  MEASURES("  remark: @l0.q .. @l1.q (2): condition number 2.0, largest of @l0.q\n",
           {"", "l0.q", CONDITION, 2, 2, false}, {"", "l1.q", CONDITION, 2, 2, false});
  // Apart: other params, another kind, ranges and single numbers. A text that reads like a measure.
  MEASURES("  remark: @l0.q: condition number 1.5\n  remark: @l0.key: condition number 1.5\n"
           "  remark: @l1.q: its random matrix departs from an orthogonal one by 1.5\n"
           "  remark: @l2.q: condition numbers 1.5 .. 7.0\n",
           {"", "l0.q", CONDITION, 1.5, 1.5, false}, {"", "l0.key", CONDITION, 1.5, 1.5, false},
           {"", "l1.q", DEPARTURE, 1.5, 1.5, false}, {"", "l2.q", CONDITION, 1.5, 7, true});
  mlirContextDestroy(ctx);
}

static void apart(void **state) {
  (void)state;
  EXPECT("  remark: @l0.q: number 1.5\n  remark: @l1.q: number 2.5\n"
         "  remark: @l2.q: number 1.5 of 7\n  remark: @l0.q\n",
         {"", "@l0.q: number 1.5"}, {"", "@l1.q: number 2.5"}, {"", "@l2.q: number 1.5 of 7"},
         {"", "@l0.q"});
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
