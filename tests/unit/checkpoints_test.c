// LINK: compiler
//===-- checkpoints_test.c - a compile opens and hashes a file once -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The registry of open checkpoints, and a whole compile with calibration and a report, in which import,
// tokenizer, calibration, report and materialize all read the checkpoint.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/import/checkpoints.h"
#include "lowering/driver/compile.h"
#include "tests/unit/gguf_writer.h"

#include <unistd.h>

static char folder[] = "/tmp/resq-checkpoints-XXXXXX";
static char paths[5][64];
enum { MODEL, TEXT, OUTPUT, REPORT, OTHER, N_PATHS };

static void write_file(const char *path, const void *data, size_t size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static int set_up(void **state) {
  (void)state;
  static const char *const names[N_PATHS] = {"model.gguf", "text", "out", "report.html", "none"};
  if (!mkdtemp(folder))
    return -1;
  for (int i = 0; i < N_PATHS; i++)
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){.bytes = true});
  gguf_bytes bytes = gguf_writer_finish(&w);
  write_file(paths[MODEL], bytes.data, bytes.size);
  free(bytes.data);
  char text[2100]; // a window of calibration, a token each
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = "abcde "[i * i % 6];
  write_file(paths[TEXT], text, sizeof text);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  for (int i = 0; i < N_PATHS; i++)
    unlink(paths[i]);
  return rmdir(folder);
}

static void registry(void **state) {
  (void)state;
  resq_checkpoint_counts before = resq_checkpoint_counted();
  resq_checkpoints *c = resq_checkpoints_create();
  resq_error err = {0};
  assert_null(resq_checkpoints_open(c, paths[OTHER], &err));
  assert_int_equal(err.code, RESQ_IO);
  resq_checkpoint *file = resq_checkpoints_open(c, paths[MODEL], &err);
  assert_non_null(file);
  assert_ptr_equal(resq_checkpoints_open(c, paths[MODEL], &err), file);
  XXH128_hash_t digest = resq_checkpoint_digest(file);
  resq_checkpoints_drop_pages(c);
  assert_true(XXH128_isEqual(resq_checkpoint_digest(file), digest));
  // A file that was not there is looked for again.
  assert_null(resq_checkpoints_open(c, paths[OTHER], &err));
  resq_checkpoints_destroy(c);
  resq_checkpoints_destroy(NULL);
  resq_checkpoint_counts after = resq_checkpoint_counted();
  assert_int_equal(after.opened - before.opened, 3);
  assert_int_equal(after.digested - before.digested, 1);
}

static void compile_once(void **state) {
  (void)state;
  resq_checkpoint_counts before = resq_checkpoint_counted();
  resq_compile_options options = {.input = paths[MODEL],
                                  .output = paths[OUTPUT],
                                  .scheme = "resq-w4a8kv4",
                                  .emit = RESQ_EMIT_OBJ,
                                  .levels = "generic",
                                  .calibration = paths[TEXT],
                                  .calibration_windows = 1,
                                  .report = paths[REPORT],
                                  .pretokenizer = "smollm",
                                  .seed = 1};
  resq_error err = {0};
  if (!resq_compile(&options, &err))
    fail_msg("%s", err.message);
  resq_checkpoint_counts after = resq_checkpoint_counted();
  assert_int_equal(after.opened - before.opened, 1);
  assert_int_equal(after.digested - before.digested, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(registry),
      cmocka_unit_test(compile_once),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
