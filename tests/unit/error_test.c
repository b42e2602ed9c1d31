//===-- error_test.c - messages that a terminal may have ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, size_t size, const char *wanted) {
  char out[256];
  resq_printable(out, sizeof out, text, size);
  assert_string_equal(out, wanted);
  // What is escaped stays.
  char again[256];
  resq_printable(again, sizeof again, out, strlen(out));
  assert_string_equal(again, wanted);
}
#define EXPECT(text, wanted) expect(text, sizeof(text) - 1, wanted)

/// The case "terminal".
static void test_printable(void **state) {
  (void)state;
  EXPECT("plain \\ text, ü 漢 🙂", "plain \\ text, ü 漢 🙂");
  EXPECT("\x1b]0;P\x07", "\\x1b]0;P\\x07");
  EXPECT("a\nb\r\tc\x7f\0d", "a\\nb\\x0d\\x09c\\x7f\\x00d");
  EXPECT("\xc2\x9b"
         "31m",
         "\\u009b31m"); // a control sequence in one character
  EXPECT("\xe2\x80\xae"
         "drow\xe2\x81\xa9",
         "\\u202edrow\\u2069");
  EXPECT("\xf3\xa0\x81\x81", "\\U000e0041");
  // No UTF-8: a lone byte, an overlong form, a surrogate, beyond the last, cut off.
  EXPECT("a\xff"
         "b\x80",
         "a\\xffb\\x80");
  EXPECT("\xc0\xaf", "\\xc0\\xaf");
  EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80");
  EXPECT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
  EXPECT("ok\xe6\xbc", "ok\\xe6\\xbc");
}

static void test_room(void **state) {
  (void)state;
  char out[8];
  resq_printable(out, sizeof out, "12345\x1b", 6);
  assert_string_equal(out, "12345"); // an escape is whole, or not there
  resq_printable(out, sizeof out, "12345ü", 7);
  assert_string_equal(out, "12345ü");
  resq_printable(out, 1, "1", 1);
  assert_string_equal(out, "");
}

static void test_messages(void **state) {
  (void)state;
  resq_error err = {0};
  assert_false(resq_fail(&err, RESQ_BAD_INPUT, "key '%s' is %d", "\x1b[2J", 3));
  assert_string_equal(err.message, "key '\\x1b[2J' is 3");
  assert_false(resq_fail_in(&err, "%s", "file\x07"));
  assert_string_equal(err.message, "file\\x07: key '\\x1b[2J' is 3");
  assert_false(
      resq_fail(&err, RESQ_FAILED, "again: %s", err.message)); // an argument in the message itself
  assert_string_equal(err.message, "again: file\\x07: key '\\x1b[2J' is 3");
  // A message that is too long is cut before a character, not inside it.
  char text[4000] = {0};
  for (size_t i = 0; i + 3 < sizeof text; i += 3)
    memcpy(text + i, "漢", 3);
  for (int pad = 0; pad < 3; ++pad) {
    resq_fail(&err, RESQ_FAILED, "%.*s%s", pad, "aa", text);
    assert_null(strchr(err.message, '\\'));
    assert_true(strlen(err.message) > sizeof err.message - 8);
  }
  memset(text, 0x1b, sizeof text - 1);
  resq_fail(&err, RESQ_FAILED, "%s", text);
  assert_true(strlen(err.message) < sizeof err.message);
  resq_fail_in(&err, "%s", text);
  assert_true(strlen(err.message) < sizeof err.message);
  assert_false(resq_fail(NULL, RESQ_FAILED, "nobody asks"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_printable), cmocka_unit_test(test_room),
                                     cmocka_unit_test(test_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
