//===-- levels_test.c - which levels the tests of this machine cover ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tests of kernels (tests/unit), of definitions (tests/diff) and of models (tests/e2e) run the
// levels that the CPU has and pass over the others. One test for each level says so: it is skipped
// where the CPU lacks the level, and so the count of skipped tests shows what was not covered.
//===----------------------------------------------------------------------===//
#include "exec/cpu.h"
#include "tests/unit/quant_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/// What the tests' own probe says agrees with what the run time finds.
static void check_level(bool has, unsigned feature, const char *name) {
  if (!has) {
    print_message("skipped: this CPU lacks the level %s: its kernels are not tested here\n", name);
    skip();
  }
  assert_true(resq_cpu_features() & feature);
}

static void level_avx2(void **state) {
  (void)state;
  check_level(has_level(LEVEL_AVX2), RESQ_CPU_AVX2, "avx2");
}

static void level_avx512(void **state) {
  (void)state;
  check_level(has_level(LEVEL_AVX512), RESQ_CPU_AVX512VNNI, "avx512");
}

static void level_avx512vbmi(void **state) {
  (void)state;
  check_level(has_avx512vbmi(), RESQ_CPU_AVX512VBMI, "avx512vbmi");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(level_avx2),
      cmocka_unit_test(level_avx512),
      cmocka_unit_test(level_avx512vbmi),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
