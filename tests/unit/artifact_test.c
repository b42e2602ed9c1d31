//===-- artifact_test.c - good trailers read, bad ones refused ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small artifact is built in memory; every field of footer and table is then made
// wrong once, with hashes repaired so that the check behind them is reached.
//===----------------------------------------------------------------------===//
#include "exec/artifact.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

enum { elf = 100, tokenizer_size = 300, metadata_size = 17 };
enum { params_at = 4096, tokenizer_at = 8192, metadata_at = 12288, table_at = 12312 };
enum { n_sections = 3, file_size = table_at + n_sections * 32 + 40 };

typedef struct sample {
  _Alignas(4096) uint8_t bytes[file_size];
} sample;

static resq_section *table_of(sample *s) { return (resq_section *)(void *)(s->bytes + table_at); }
static resq_footer *footer_of(sample *s) {
  return (resq_footer *)(void *)(s->bytes + file_size - sizeof(resq_footer));
}
static void seal(sample *s) {
  footer_of(s)->table_hash = XXH3_64bits(table_of(s), n_sections * sizeof(resq_section));
}
/// The hash of everything else; the table's sections must lie in the file.
static void seal_outside(sample *s) {
  resq_footer *footer = footer_of(s);
  resq_error err;
  assert_true(resq_artifact_outside_hash(s->bytes, file_size - sizeof *footer, table_of(s),
                                         n_sections, footer, &footer->outside_hash, &err));
}

static void build(sample *s) {
  for (int i = 0; i < file_size; ++i)
    s->bytes[i] = (uint8_t)(i * 31);
  static const resq_section sections[n_sections] = {
      {RESQ_SECTION_PARAMS, 0, params_at, 4096, 0},
      {RESQ_SECTION_TOKENIZER, 0, tokenizer_at, tokenizer_size, 0},
      {RESQ_SECTION_METADATA, 0, metadata_at, metadata_size, 0},
  };
  for (int i = 0; i < n_sections; ++i) {
    table_of(s)[i] = sections[i];
    table_of(s)[i].hash = XXH3_64bits(s->bytes + sections[i].offset, sections[i].size);
  }
  memcpy(footer_of(s)->magic, RESQ_ARTIFACT_MAGIC, 8);
  footer_of(s)->version = RESQ_ARTIFACT_VERSION;
  footer_of(s)->section_count = n_sections;
  footer_of(s)->table_offset = table_at;
  seal(s);
  seal_outside(s);
}

static void reads_sections(void **state) {
  (void)state;
  static sample s;
  build(&s);
  resq_artifact a;
  resq_error err = {0};
  assert_true(resq_artifact_view(&a, s.bytes, file_size, &err));
  const uint8_t *data;
  uint64_t size;
  assert_true(resq_artifact_section(&a, RESQ_SECTION_TOKENIZER, &data, &size));
  assert_ptr_equal(data, s.bytes + tokenizer_at);
  assert_int_equal(size, tokenizer_size);
  assert_true(resq_artifact_verify(&a, &err));
  s.bytes[tokenizer_at + 7] ^= 4;
  assert_false(resq_artifact_verify(&a, &err));
  assert_non_null(strstr(err.message, "tokenizer"));
}

static void refuse(sample *s, uint64_t size, const char *expected) {
  resq_artifact a;
  resq_error err = {0};
  if (resq_artifact_view(&a, s->bytes, size, &err))
    fail_msg("accepted, expected an error about '%s'", expected);
  assert_int_equal(err.code, RESQ_BAD_INPUT);
  if (!strstr(err.message, expected))
    fail_msg("'%s' does not mention '%s'", err.message, expected);
}

static void refuses_wrong_fields(void **state) {
  (void)state;
  static sample s;
#define REFUSE(change, expected)                                                                   \
  do {                                                                                             \
    build(&s);                                                                                     \
    resq_section *table = table_of(&s);                                                            \
    resq_footer *footer = footer_of(&s);                                                           \
    (void)table, (void)footer;                                                                     \
    change;                                                                                        \
    seal(&s);                                                                                      \
    refuse(&s, file_size, expected);                                                               \
  } while (0)
  REFUSE(footer->magic[3] ^= 1, "footer");
  REFUSE(footer->version = 1, "version 1");
  REFUSE(footer->version = 3, "version 3");
  REFUSE(footer->section_count = 0xffffffff, "sections");
  REFUSE(footer->section_count = 64, "table");
  REFUSE(footer->section_count = 2, "table");
  REFUSE(footer->table_offset = UINT64_MAX - 8, "table");
  REFUSE(footer->table_offset += 8, "table");
  REFUSE(table[0].kind = 0, "kind");
  REFUSE(table[0].kind = 99, "kind 99");
  REFUSE(table[1].kind = RESQ_SECTION_PARAMS, "two parameters");
  REFUSE(table[1].flags = 2, "flags");
  REFUSE(table[1].flags = 0x80000001, "flags");
  REFUSE((table[1].kind = 0, table[1].flags = RESQ_SECTION_OPTIONAL), "kind 0");
  REFUSE(table[1].offset += 64, "multiple");
  REFUSE(table[1].offset = 4096, "leaves the room");
  REFUSE(table[1].offset = UINT64_MAX - 4095, "leaves the room");
  REFUSE(table[2].size = UINT64_MAX, "leaves the room");
  REFUSE(table[2].size = table_at - metadata_at + 1, "leaves the room");
  REFUSE(table[0].size = 4097, "leaves the room");
#undef REFUSE
  build(&s);
  table_of(&s)[0].hash ^= 1; // not sealed
  refuse(&s, file_size, "hash");
}

/// The case "integrity": every byte of the file is covered by a hash.
static void integrity_finds_every_flipped_byte(void **state) {
  (void)state;
  static sample s;
  resq_artifact a;
  resq_error err = {0};
  build(&s);
  for (int i = 0; i < file_size; ++i) {
    s.bytes[i] ^= 1 << i % 8;
    if (resq_artifact_view(&a, s.bytes, file_size, &err) && resq_artifact_verify(&a, &err))
      fail_msg("byte %d was changed and nothing noticed", i);
    assert_int_equal(err.code, RESQ_BAD_INPUT);
    s.bytes[i] ^= 1 << i % 8;
  }
  // What the checks at load cover: all but the sections.
  s.bytes[elf / 2] ^= 64;
  assert_true(resq_artifact_view(&a, s.bytes, file_size, &err));
  assert_false(resq_artifact_verify_outside(&a, &err));
  assert_non_null(strstr(err.message, "code"));
  s.bytes[elf / 2] ^= 64;
  s.bytes[params_at + 5] ^= 64;
  assert_true(resq_artifact_view(&a, s.bytes, file_size, &err));
  assert_true(resq_artifact_verify_outside(&a, &err));
  assert_true(resq_artifact_verify_section(&a, RESQ_SECTION_TOKENIZER, &err));
  assert_false(resq_artifact_verify_section(&a, RESQ_SECTION_PARAMS, &err));
}

/// Later versions may add sections that this one does without, but not such that it needs.
static void skips_unknown_optional_sections(void **state) {
  (void)state;
  static sample s;
  resq_artifact a;
  resq_error err = {0};
  const uint8_t *data;
  uint64_t size;
  build(&s);
  table_of(&s)[1].kind = table_of(&s)[2].kind = 77;
  table_of(&s)[1].flags = table_of(&s)[2].flags = RESQ_SECTION_OPTIONAL;
  seal(&s);
  seal_outside(&s);
  if (!resq_artifact_view(&a, s.bytes, file_size, &err) || !resq_artifact_verify(&a, &err))
    fail_msg("%s", err.message);
  assert_int_equal(a.count, n_sections);
  assert_true(resq_artifact_section(&a, RESQ_SECTION_PARAMS, &data, &size));
  assert_false(resq_artifact_section(&a, RESQ_SECTION_TOKENIZER, &data, &size));
  s.bytes[tokenizer_at] ^= 1; // hashed although unknown
  assert_false(resq_artifact_verify(&a, &err));
  table_of(&s)[1].flags = 0;
  seal(&s);
  assert_false(resq_artifact_view(&a, s.bytes, file_size, &err));
  assert_non_null(strstr(err.message, "kind 77 and not optional"));
}

/// The case "strip": what the file ends with tells a stripped one from one cut short.
static void strip_is_answered(void **state) {
  (void)state;
  _Alignas(8) uint8_t bytes[200] = {0};
  Elf64_Ehdr header = {.e_shoff = 64, .e_shnum = 2, .e_shentsize = 64};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  memcpy(bytes, &header, sizeof header);
  resq_artifact a;
  resq_error err = {0};
  assert_false(resq_artifact_view(&a, bytes, 192, &err));
  assert_non_null(strstr(err.message, "strip"));
  assert_false(resq_artifact_view(&a, bytes, 200, &err));
  assert_null(strstr(err.message, "strip"));
  assert_non_null(strstr(err.message, "cut short"));
}

static void refuses_every_truncation(void **state) {
  (void)state;
  static sample s;
  build(&s);
  for (uint64_t size = 0; size < file_size; ++size)
    refuse(&s, size, "footer");
}

static void names_the_file(void **state) {
  (void)state;
  char path[] = "/tmp/resq_artifact_test_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "short", 5), 5);
  close(fd);
  resq_artifact a;
  resq_error err = {0};
  assert_false(resq_artifact_open(&a, path, &err));
  assert_non_null(strstr(err.message, path));
  static sample s;
  build(&s);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(s.bytes, 1, file_size, f), file_size);
  fclose(f);
  assert_true(resq_artifact_open(&a, path, &err));
  assert_true(resq_artifact_verify(&a, &err));
  resq_artifact_close(&a);
  unlink(path);
  assert_false(resq_artifact_open(&a, path, &err));
  assert_int_equal(err.code, RESQ_IO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_sections),
      cmocka_unit_test(refuses_wrong_fields),
      cmocka_unit_test(integrity_finds_every_flipped_byte),
      cmocka_unit_test(skips_unknown_optional_sections),
      cmocka_unit_test(strip_is_answered),
      cmocka_unit_test(refuses_every_truncation),
      cmocka_unit_test(names_the_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
