// LINK: compiler
//===-- program_test.c - the program table, as C sees it ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler writes resq_program_v1 as LLVM constants; here a compiled module's table is read
// through the declarations of resq/abi.h, so that the two layouts cannot part.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lowering/driver/compile.h"
#include "resq/abi.h"
#include "resq/session.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char module_text[] =
    "module attributes {resq.context_length = 640 : i64} {\n"
    "  resq.kv_cache @l0 heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f32>\n"
    "  resq.kv_cache @l1 heads 2 size 16 keys #resq.kv_qjl_groups<rows = 32, outliers = 1, "
    "outlier_rows = 16, buffer = 32, window = 96> values #resq.kv_float<f16>\n"
    "  resq.param @w : tensor<24x32xf32> {\n"
    "    %0 = arith.constant dense<0.5> : tensor<24x32xf32>\n"
    "    resq.yield %0 : tensor<24x32xf32>\n"
    "  }\n"
    "  func.func @f(%x: tensor<?x32xf32> {resq.name = \"hidden\"}) -> tensor<?x24xf32> {\n"
    "    %w = resq.get @w : tensor<24x32xf32>\n"
    "    %y = resq.linear %x, %w {name = \"only\"} : tensor<?x32xf32>, tensor<24x32xf32> -> "
    "tensor<?x24xf32>\n"
    "    return %y : tensor<?x24xf32>\n"
    "  }\n"
    "}\n";

static void check_table(const resq_program *p) {
  assert_int_equal(p->abi_version, RESQ_ABI_VERSION);
  assert_int_equal(p->n_entries, 2);
  assert_int_equal(p->n_caches, 2);
  assert_int_equal(p->n_params, 1);
  assert_int_equal(p->n_sites, 0);
  assert_string_equal(p->scheme, "none");
  assert_int_equal(p->context_length, 640);
  assert_string_equal(p->caches[0].name, "l0");
  assert_int_equal(p->caches[0].bytes_per_token, 2 * 16 * (2 + 4));
  assert_int_equal(p->caches[0].bytes_per_sequence, 0);
  assert_int_equal(p->caches[0].rewind, -1);
  assert_true(p->caches[0].bits_per_element > 23.99 && p->caches[0].bits_per_element < 24.01);
  assert_int_equal(p->caches[1].bytes_per_sequence, 2 * 16 * 96 * 2);
  assert_int_equal(p->caches[1].rewind, 96 - 32);
  assert_string_equal(p->params[0].name, "w");
  assert_string_equal(p->params[0].type, "tensor<24x32x!resq.panel<f32>>");
  assert_int_equal(p->params[0].offset, 0);
  assert_int_equal(p->params[0].size, 32 * 32 * 4); // 24 channels padded to 2 tiles of 16
  assert_int_equal(p->params[0].elements, 24 * 32);
  for (int i = 0; i < 2; i++) {
    const resq_entry *e = &p->entries[i];
    assert_string_equal(e->function, "f");
    assert_string_equal(e->level, "generic");
    assert_int_equal(e->max_rows, i ? 48 : 4);
    assert_int_equal(e->n_args, 2);
    assert_int_equal(e->n_ops, 1);
    assert_string_equal(e->op_names[0], "only: linear_f32");
    assert_string_equal(e->args[0].name, "hidden");
    assert_int_equal(e->args[0].dtype, RESQ_F32);
    assert_int_equal(e->args[0].is_result, 0);
    assert_int_equal(e->args[0].rows, -1);
    assert_int_equal(e->args[0].width, 32);
    assert_int_equal(e->args[1].is_result, 1);
    assert_int_equal(e->args[1].width, 24);
    assert_int_equal(e->args[1].rows_as, 0);
    assert_int_equal(e->args[0].n_rules, 0);
    assert_int_equal(e->n_uses, 0);
  }
}

static void check_call(const resq_program *p, const char *path) {
  resq_message why = {{0}, 0};
  resq_model *model = resq_model_open(p, path, &why);
  assert_non_null(model);
  resq_session_options options = {.threads = 1, .level = "generic"};
  resq_session *session = resq_session_create(model, &options, &why);
  assert_non_null(session);
  // 100 rows: two chunks of the large entry and one of the small.
  float *x = malloc(100 * 32 * sizeof *x), *y = malloc(100 * 24 * sizeof *y);
  for (int i = 0; i < 100 * 32; i++)
    x[i] = (float)(i / 32);
  void *args[] = {x, y};
  const int64_t rows[] = {100, 100};
  assert_true(resq_session_call(session, "f", args, rows, 2, &why));
  for (int i = 0; i < 100 * 24; i++)
    assert_true(y[i] == 16.0f * (float)(i / 24));
  free(x);
  free(y);
  resq_session_destroy(session);
  resq_model_close(model);
}

static void test_table(void **state) {
  (void)state;
  char folder[] = "/tmp/resq-program-XXXXXX", source[64], library[64], header[64];
  assert_non_null(mkdtemp(folder));
  snprintf(source, sizeof source, "%s/m.mlir", folder);
  snprintf(library, sizeof library, "%s/m.so", folder);
  snprintf(header, sizeof header, "%s/m.h", folder);
  FILE *f = fopen(source, "w");
  assert_non_null(f);
  fputs(module_text, f);
  fclose(f);
  resq_compile_options options = {.input = source,
                                  .output = library,
                                  .scheme = "none",
                                  .pipeline = "",
                                  .emit = RESQ_EMIT_SHARED,
                                  .levels = "generic",
                                  .decode_rows = 4,
                                  .prefill_rows = 48,
                                  .seed = 1};
  resq_error err = {0};
  if (!resq_compile(&options, &err))
    fail_msg("%s", err.message);
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(handle);
  const resq_program *program = dlsym(handle, "resq_program_v1");
  assert_non_null(program);
  check_table(program);
  check_call(program, library);
  dlclose(handle);
  unlink(source);
  unlink(library);
  unlink(header);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
