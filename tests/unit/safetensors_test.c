// LINK: compiler
//===-- safetensors_test.c - a strict reader of safetensors ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct file_bytes {
  uint8_t *data;
  size_t size;
} file_bytes;

/// A file of a header and `size` bytes behind it: 0, 1, 2, ...
static file_bytes make_file(const char *header, size_t size) {
  uint64_t length = strlen(header);
  file_bytes f = {malloc(8 + length + size + 1), 8 + length + size};
  assert_non_null(f.data);
  memcpy(f.data, &length, 8);
  memcpy(f.data + 8, header, length);
  for (size_t i = 0; i < size; ++i)
    f.data[8 + length + i] = (uint8_t)i;
  return f;
}

static void expect_bytes_refused(file_bytes f, size_t size, const char *why) {
  // A block of exactly these bytes: a read past them is one that sanitizers see.
  uint8_t *exact = malloc(size + !size);
  resq_safetensors out;
  resq_error err = {0};
  memcpy(exact, f.data, size);
  assert_false(resq_safetensors_parse(&out, exact, size, "FILE", &err));
  if (err.code != RESQ_BAD_INPUT || !strstr(err.message, why) || !strstr(err.message, "FILE"))
    fail_msg("wanted '%s', got code %d: %s", why, err.code, err.message);
  assert_null(out.tensors);
  free(exact);
  free(f.data);
}

static void expect_refused(const char *header, size_t size, const char *why) {
  file_bytes f = make_file(header, size);
  expect_bytes_refused(f, f.size, why);
}

#define T(dtype, shape, offsets)                                                                   \
  "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_reads(void **state) {
  (void)state;
  file_bytes f =
      make_file("{\"__metadata__\":{\"format\":\"pt\"},\"c\":" T("BF16", "[2,1,2]", "[24,32]") //
                ",\"a\":" T("F32", "[2,2]", "[0,16]") ",\"b\":" T("F16", "[4]", "[16,24]") "}  ",
                32);
  resq_safetensors out;
  resq_error err = {0};
  if (!resq_safetensors_parse(&out, f.data, f.size, "FILE", &err))
    fail_msg("%s", err.message);
  assert_int_equal(out.n_tensors, 3);
  const resq_safetensors_tensor *a = resq_safetensors_find(&out, "a"),
                                *b = resq_safetensors_find(&out, "b"),
                                *c = resq_safetensors_find(&out, "c");
  assert_true(a && b && c && !resq_safetensors_find(&out, "d"));
  assert_string_equal(resq_safetensors_type_name(c->type), "BF16");
  assert_true(a->rank == 2 && b->rank == 1 && c->rank == 3 && c->shape[2] == 2);
  float values[4], wanted[4];
  memcpy(wanted, (const uint8_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 16);
  resq_safetensors_decode(a, 0, 4, values);
  assert_memory_equal(values, wanted, sizeof values);
  resq_safetensors_decode(b, 1, 2, values); // 0x1312 and 0x1514 as f16
  assert_true(values[0] == 0x1.c48p-11f && values[1] == 0x1.45p-10f);
  resq_safetensors_decode(c, 3, 1, values); // 0x1f1e as bf16
  assert_true(values[0] == 0x1.3cp-65f);
  resq_safetensors_close(&out);
  free(f.data);
}

static void test_headers(void **state) {
  (void)state;
  file_bytes none = make_file("", 0);
  expect_bytes_refused(none, 0, "0 bytes; a safetensors file begins with 8 bytes");
  expect_bytes_refused(make_file("{}", 0), 7, "7 bytes; a safetensors file begins with 8 bytes");
  expect_bytes_refused(make_file("{}", 0), 9, "a header of 2 bytes, but 1 are left");
  file_bytes huge = make_file("{}", 0);
  memset(huge.data, 0xff, 8);
  expect_bytes_refused(huge, huge.size, "at most 67108864 are allowed");
  expect_refused("", 0, "not JSON");
  expect_refused("[]", 0, "not a JSON object");
  expect_refused("{\"a\":" T("F32", "[1]", "[0,4]") ",\"a\":" T("F32", "[1]", "[4,8]") "}", 8,
                 "duplicate");
  expect_refused("{}", 5, "5 bytes behind the last tensor belong to no tensor");
}

static void test_tensors(void **state) {
  (void)state;
  static const struct {
    const char *tensor;
    const char *why;
  } cases[] = {
      {"7", "tensor 'x': an object of dtype, shape and data_offsets is needed"},
      {"{\"dtype\":\"F32\"}", "tensor 'x': an object of dtype, shape and data_offsets"},
      {T("F8_E4M3", "[16]", "[0,16]"), "tensor 'x': type F8_E4M3; resq reads F32, F16 and BF16"},
      {T("f32", "[4]", "[0,16]"), "type f32; resq reads"},
      {T("F32", "[]", "[0,4]"), "tensor 'x': 0 dimensions; 1 to 4 are allowed"},
      {T("F32", "[1,1,1,1,4]", "[0,16]"), "5 dimensions; 1 to 4 are allowed"},
      {T("F32", "4", "[0,16]"), "0 dimensions; 1 to 4 are allowed"},
      {T("F32", "[0]", "[0,0]"), "dimension 0 is no integer of at least 1"},
      {T("F32", "[4,-1]", "[0,16]"), "dimension 1 is no integer of at least 1"},
      {T("F32", "[4.0]", "[0,16]"), "dimension 0 is no integer"},
      {T("F32", "[4611686018427387904,4]", "[0,16]"), "number of elements overflows"},
      {T("F32", "[4611686018427387904,1]", "[0,16]"), "16 bytes for 4611686018427387904 elements"},
      {T("F32", "[4]", "[0]"), "key 'data_offsets' is no pair of offsets"},
      {T("F32", "[4]", "[-16,0]"), "is no pair of offsets"},
      {T("F32", "[4]", "[16,0]"), "is no pair of offsets"},
      {T("F32", "[4]", "[0,15]"), "tensor 'x': 15 bytes for 4 elements of F32"},
      {T("F16", "[4]", "[0,16]"), "16 bytes for 4 elements of F16"},
      {T("F32", "[4]", "[4,20]"), "bytes 4 to 20 of the data, which has 16 bytes (is the file cut"},
      {T("F32", "[4]", "[9223372036854775791,9223372036854775807]"), "of the data, which has 16"},
      {T("F32", "[3]", "[4,16]"), "4 bytes before tensor 'x' belong to no tensor"},
      {T("F32", "[3]", "[0,12]"), "4 bytes behind the last tensor belong to no tensor"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char header[512];
    snprintf(header, sizeof header, "{\"x\":%s}", cases[i].tensor);
    expect_refused(header, 16, cases[i].why);
  }
  expect_refused("{\"x\":" T("F32", "[2]", "[0,8]") ",\"y\":" T("F32", "[3]", "[4,16]") "}", 16,
                 "tensors 'x' and 'y' overlap");
  expect_refused("{\"\":" T("F32", "[4]", "[0,16]") "}", 16, "name has 0 bytes; 1 to 255");
  expect_refused("{\"a\\n\":" T("F32", "[4]", "[0,16]") "}", 16, "a control character in its name");
  char name[300], header[512];
  memset(name, 'n', 256);
  name[256] = 0;
  snprintf(header, sizeof header, "{\"%s\":%s}", name, T("F32", "[4]", "[0,16]"));
  expect_refused(header, 16, "name has 256 bytes; 1 to 255 are allowed");
}

/// A file cut anywhere is refused.
static void test_cut(void **state) {
  (void)state;
  const char *header = "{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F16", "[2]", "[8,12]") "}";
  file_bytes whole = make_file(header, 12);
  size_t size = whole.size;
  free(whole.data);
  for (size_t cut = 0; cut < size; ++cut)
    expect_bytes_refused(make_file(header, 12), cut, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads),
      cmocka_unit_test(test_headers),
      cmocka_unit_test(test_tensors),
      cmocka_unit_test(test_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
