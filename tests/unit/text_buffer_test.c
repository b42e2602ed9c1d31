// LINK: compiler
//===-- text_buffer_test.c - text that grows ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/build.h"
#include "dialect/check.h"
#include "dialect/text_buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

__attribute__((format(printf, 2, 3))) static void format(resq_text_buffer *t, const char *text,
                                                         ...) {
  va_list args;
  va_start(args, text);
  resq_text_buffer_format(t, text, args);
  va_end(args);
}

static void pieces_join(void **state) {
  (void)state;
  resq_text_buffer t = {0};
  assert_string_equal(resq_text_buffer_text(&t), "");
  resq_text_buffer_add(resq_str("a"), &t);
  resq_text_buffer_add(resq_str(""), &t);
  format(&t, "%d%s", 12, "b");
  assert_string_equal(resq_text_buffer_text(&t), "a12b");
  assert_int_equal(t.size, 4);
  for (int i = 0; i < 1000; ++i)
    format(&t, "%03d", i);
  assert_int_equal(t.size, 3004);
  assert_memory_equal(t.data + 4 + 3 * 512, "512", 3);
  assert_int_equal(strlen(t.data), 3004);
  resq_text_buffer_free(&t);
  assert_null(t.data);
  assert_string_equal(resq_text_buffer_text(&t), "");
}

/// A type of 160 bytes and more is cut in messages.
static void long_types_are_cut(void **state) {
  (void)state;
  MlirContext ctx = mlirContextCreate();
  int64_t shape[64];
  for (int i = 0; i < 64; ++i)
    shape[i] = 1000;
  MlirType element = mlirF32TypeGet(ctx);
  assert_string_equal(resq_print_type(resq_tensor(element, 2, shape)).text,
                      "tensor<1000x1000xf32>");
  resq_type_text cut = resq_print_type(resq_tensor(element, 64, shape));
  assert_int_equal(strlen(cut.text), sizeof cut.text - 1);
  assert_string_equal(cut.text + sizeof cut.text - sizeof "...", "...");
  mlirContextDestroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_join),
      cmocka_unit_test(long_types_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
