//===-- levels_test.c - which levels the tests of this machine cover ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tests of kernels (tests/unit), of definitions (tests/diff) and of models (tests/e2e) run the
// levels that the CPU has and pass over the others. One test for each row of levels.def says so: it is
// skipped where the CPU lacks the level, and so the count of skipped tests shows what was not covered.
//===----------------------------------------------------------------------===//
#include "exec/cpu.h"
#include "tests/unit/quant_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void covers(void **state) {
  const resq_level_row *row = *state;
  if (strcmp(row->architecture, resq_cpu_architecture) || row->kind == RESQ_LEVEL_GPU)
    return; // tests/e2e/levels_test.py, tests/gpu
  if (!resq_cpu_runs(resq_cpu_features(), row->name)) {
    print_message("skipped: this CPU lacks the level %s: its kernels are not tested here\n",
                  row->name);
    skip();
  }
}

/// What the kernel tests' own probe says agrees with what the run time finds.
static void probes_agree(void **state) {
  (void)state;
  const unsigned here = resq_cpu_features();
  assert_int_equal(!!has_level(LEVEL_AVX2), resq_cpu_runs(here, "avx2"));
  assert_int_equal(!!has_level(LEVEL_AVX512), resq_cpu_runs(here, "avx512"));
  assert_int_equal(!!has_avx512vbmi(), resq_cpu_runs(here, "avx512vbmi"));
}

static void names(void **state) {
  (void)state;
  resq_error err;
  for (int i = 0; i < resq_n_level_rows; i++) {
    const resq_level_row *row = &resq_level_rows[i];
    assert_ptr_equal(resq_level_row_find(row->name), row);
    assert_non_null(strstr(resq_level_names(RESQ_LEVEL_ANY), row->name));
    assert_int_equal(row->by_default, strstr(resq_level_default(), row->name) != NULL);
  }
  assert_null(resq_level_row_find("sse9"));
  assert_false(resq_level_unknown(&err, "sse9", RESQ_LEVEL_KERNELS));
  assert_int_equal(err.code, RESQ_USAGE);
  assert_non_null(strstr(err.message, "level 'sse9' is not known; allowed: generic, avx2"));
  assert_null(strstr(err.message, "definition"));
}

/// A level of another architecture is in the table and never runs.
static void other_architecture(void **state) {
  (void)state;
  for (int i = 0; i < resq_n_level_rows; i++)
    if (strcmp(resq_level_rows[i].architecture, resq_cpu_architecture))
      assert_false(resq_cpu_runs(~0u, resq_level_rows[i].name));
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define RESQ_LEVEL_ROW(name, ...)                                                                  \
  {"level_" #name, covers, NULL, NULL, (void *)resq_level_row_find(#name)},
#include "base/levels.def"
      cmocka_unit_test(probes_agree),
      cmocka_unit_test(names),
      cmocka_unit_test(other_architecture),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
