//===-- normalize_test.c - Unicode normal form C --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/normalize.h"
#include "text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include <cmocka.h>

/// Random texts of letters, marks of many classes, Hangul and what composes: as utf8proc does it.
static void equals_utf8proc(void **state) {
  (void)state;
  static const uint32_t codes[] = {'a',    'e',    'o',    0x301,  0x323,   0x308,   0x334,  0x345,
                                   0x5B0,  0x5C1,  0x64B,  0x93C,  0x958,   0xE9,    0x1EAD, 0x212B,
                                   0x1100, 0x1161, 0x11A8, 0xAC00, 0x1F600, 0x1D15E, 0x2ADC, ' '};
  uint32_t seed = 3;
  for (int round = 0; round < 3000; ++round) {
    char text[512];
    size_t size = 0, n = (size_t)(round % 100);
    for (size_t i = 0; i < n; ++i) {
      seed = seed * 1664525u + 1013904223u;
      size += resq_utf8_encode(codes[(seed >> 16) % (round % 3 ? 24 : 12)], text + size);
    }
    char *got = NULL;
    utf8proc_uint8_t *wanted = NULL;
    size_t got_size = 0;
    utf8proc_ssize_t wanted_size =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size, &wanted,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    assert_true(wanted_size >= 0);
    assert_true(resq_normalize((resq_text){text, size}, &got, &got_size, NULL, NULL));
    assert_int_equal(got_size, wanted_size);
    assert_memory_equal(got, wanted, got_size);
    free(got);
    free(wanted);
  }
}

/// A long run of marks of two classes in turn.
static void work_is_linear(void **state) {
  (void)state;
  for (size_t marks = 20000; marks <= 80000; marks *= 2) {
    char *text = malloc(2 * marks + 1), *out;
    assert_non_null(text);
    text[0] = 'a';
    for (size_t i = 0; i < marks; ++i)
      memcpy(text + 1 + 2 * i, i % 2 ? "\xCC\xA3" : "\xCC\x81", 2);
    uint64_t work = 0;
    size_t size;
    assert_true(resq_normalize((resq_text){text, 2 * marks + 1}, &out, &size, &work, NULL));
    assert_true(work <= 2 * marks);
    free(out);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_utf8proc),
      cmocka_unit_test(work_is_linear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
