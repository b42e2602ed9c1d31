// LINK: compiler
//===-- artifact_write_test.c - what the writer writes, the reader reads --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/artifact.h"
#include "lowering/artifact/artifact_write.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/resq_artifact_XXXXXX";
static char elf_path[64], artifact_path[64];

static int set_up(void **state) {
  (void)state;
  if (!mkdtemp(directory))
    return -1;
  snprintf(elf_path, sizeof elf_path, "%s/elf", directory);
  snprintf(artifact_path, sizeof artifact_path, "%s/out", directory);
  FILE *file = fopen(elf_path, "wb");
  fputs("\177ELF and so on", file);
  return fclose(file);
}

static int tear_down(void **state) {
  (void)state;
  unlink(elf_path);
  unlink(artifact_path);
  return rmdir(directory);
}

static void check_section(const resq_artifact *a, resq_section_kind kind, const void *data,
                          uint64_t size) {
  const uint8_t *found;
  uint64_t found_size;
  assert_true(resq_artifact_section(a, kind, &found, &found_size));
  assert_int_equal(found_size, size);
  assert_memory_equal(found, data, size);
}

static void test_round_trip(void **state) {
  (void)state;
  resq_error err = {0};
  uint8_t params[10000];
  for (size_t i = 0; i < sizeof params; ++i)
    params[i] = (uint8_t)(i * 7);
  resq_out *out = resq_out_create(artifact_path, 0755, &err);
  assert_true(resq_artifact_write_elf(out, elf_path, &err));
  resq_artifact_writer *w = resq_artifact_writer_create(out, &err);
  assert_true(resq_artifact_begin(w, RESQ_SECTION_PARAMS, &err));
  assert_true(resq_artifact_bytes(w, params, 9000, &err));
  assert_true(resq_artifact_bytes(w, params + 9000, 1000, &err));
  assert_true(resq_artifact_end(w, &err));
  // Written past the writer, as resq_materialize does.
  assert_true(resq_artifact_begin(w, RESQ_SECTION_TOKENIZER, &err));
  assert_true(resq_out_write(out, "tokens", 6, &err));
  assert_true(resq_artifact_end(w, &err));
  assert_true(resq_artifact_section_write(w, RESQ_SECTION_METADATA, "{}", 2, &err));
  assert_true(resq_artifact_finish(w, &err));
  assert_true(resq_out_commit(out, &err));

  resq_artifact a;
  if (!resq_artifact_open(&a, artifact_path, &err))
    fail_msg("%s", err.message);
  if (!resq_artifact_verify(&a, &err))
    fail_msg("%s", err.message);
  check_section(&a, RESQ_SECTION_PARAMS, params, sizeof params);
  check_section(&a, RESQ_SECTION_TOKENIZER, "tokens", 6);
  check_section(&a, RESQ_SECTION_METADATA, "{}", 2);
  assert_memory_equal(a.map.data, "\177ELF", 4);
  for (uint32_t i = 0; i < a.count; ++i)
    assert_int_equal(a.table[i].offset % RESQ_SECTION_ALIGNMENT, 0);
  resq_artifact_close(&a);
  assert_int_equal(access(artifact_path, X_OK), 0);
}

static void test_misuse(void **state) {
  (void)state;
  resq_error err = {0};
  resq_out *out = resq_out_create(artifact_path, 0755, &err);
  assert_false(resq_artifact_write_elf(out, "/dev/null", &err));
  assert_true(resq_out_write(out, "x", 1, &err));
  assert_false(resq_artifact_write_elf(out, elf_path, &err));
  resq_artifact_writer *w = resq_artifact_writer_create(out, &err);
  assert_false(resq_artifact_bytes(w, "x", 1, &err));
  assert_false(resq_artifact_end(w, &err));
  assert_false(resq_artifact_begin(w, (resq_section_kind)99, &err));
  assert_true(resq_artifact_begin(w, RESQ_SECTION_PARAMS, &err));
  assert_false(resq_artifact_begin(w, RESQ_SECTION_METADATA, &err));
  assert_true(resq_artifact_end(w, &err));
  assert_false(resq_artifact_begin(w, RESQ_SECTION_PARAMS, &err));
  assert_non_null(strstr(err.message, "twice"));
  resq_artifact_abandon(w);
  resq_out_discard(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                     cmocka_unit_test(test_misuse)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
