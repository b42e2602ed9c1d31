// LINK: compiler
//===-- gguf_test.c - the GGUF reader, good files and bad -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/gguf/gguf.h"
#include "dialect/import/gguf/gguf_checkpoint.h"
#include "tests/unit/gguf_rows.h"
#include "tests/unit/gguf_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <time.h>

/// Parses and frees the bytes; the file must be refused with a message that holds `why`.
static void expect_refusal(gguf_bytes bytes, const char *why) {
  resq_gguf gguf;
  resq_error err = {0};
  assert_false(resq_gguf_parse(&gguf, bytes.data, bytes.size, "t.gguf", &err));
  free(bytes.data);
  assert_null(gguf.path);
  if (err.code != RESQ_BAD_INPUT || strncmp(err.message, "t.gguf: ", 8) != 0 ||
      !strstr(err.message, why))
    fail_msg("wanted '%s', got code %d: %s", why, err.code, err.message);
}

static void expect_writer_refused(gguf_writer w, const char *why) {
  expect_refusal(gguf_writer_finish(&w), why);
}

static resq_gguf expect_open(gguf_bytes bytes) {
  resq_gguf gguf;
  resq_error err = {0};
  if (!resq_gguf_parse(&gguf, bytes.data, bytes.size, "t.gguf", &err))
    fail_msg("%s", err.message);
  return gguf;
}

//===-- Good files --------------------------------------------------------===//

static void test_tiny(void **state) {
  (void)state;
  for (uint32_t version = 2; version <= 3; ++version) {
    gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){.head = true});
    w.version = version;
    gguf_bytes bytes = gguf_writer_finish(&w);
    resq_gguf gguf = expect_open(bytes);
    assert_int_equal(gguf.version, version);
    assert_int_equal(gguf.alignment, 32);
    assert_int_equal(gguf.n_tensors, 1 + 2 * 9 + 2);
    const resq_gguf_tensor *k = resq_gguf_find(&gguf, "blk.1.attn_k.weight");
    assert_non_null(k);
    assert_int_equal(k->n_dims, 2);
    assert_int_equal(k->dims[0], 64);
    assert_int_equal(k->dims[1], 32);
    assert_int_equal(k->dims[2], 1);
    assert_int_equal(resq_gguf_outer_dim(k, 0), 32);
    assert_int_equal(resq_gguf_outer_dim(k, 1), 64);
    assert_int_equal(k->n_rows, 32);
    assert_int_equal(k->size, 32 * 64 * 4);
    assert_null(resq_gguf_find(&gguf, "blk.2.attn_k.weight"));
    assert_null(resq_gguf_find(&gguf, ""));
    resq_gguf_close(&gguf);
    resq_gguf_close(&gguf); // twice is fine
    free(bytes.data);
  }
}

static void test_no_tensors(void **state) {
  (void)state;
  gguf_writer w = gguf_writer_begin();
  gguf_bytes bytes = gguf_writer_finish(&w);
  resq_gguf gguf = expect_open(bytes);
  assert_null(resq_gguf_get(&gguf, "a"));
  assert_null(resq_gguf_find(&gguf, "a"));
  resq_gguf_close(&gguf);
  free(bytes.data);
}

static void test_values(void **state) {
  (void)state;
  gguf_writer w = gguf_writer_begin();
  const int8_t minus = -3;
  const double wide = 1.5;
  gguf_u32(&w, "u32", 4000000000u);
  gguf_key(&w, "i8", GGUF_W_I8), gguf_put(&w.values, &minus, 1);
  gguf_key(&w, "u64", GGUF_W_U64), gguf_put_u64(&w.values, UINT64_MAX);
  gguf_key(&w, "f64", GGUF_W_F64), gguf_put(&w.values, &wide, 8);
  gguf_f32(&w, "nan", NAN);
  gguf_bool(&w, "yes", 1);
  gguf_text(&w, "text", "abc");
  gguf_array(&w, "numbers", GGUF_W_I32, 2), gguf_put_u64(&w.values, 7);
  gguf_array(&w, "none", GGUF_W_STRING, 0);
  gguf_bytes bytes = gguf_writer_finish(&w);
  resq_gguf g = expect_open(bytes);
  resq_error err = {0};
  uint64_t u;
  double d;
  bool b;
  resq_text t, *texts;
  int32_t *numbers;
  int64_t count;
  assert_true(resq_gguf_u64(&g, "u32", &u, &err) && u == 4000000000u);
  assert_true(resq_gguf_u64(&g, "u64", &u, &err) && u == UINT64_MAX);
  assert_true(resq_gguf_f64(&g, "f64", &d, &err) && d == 1.5);
  assert_true(resq_gguf_bool(&g, "yes", &b, &err) && b);
  assert_true(resq_gguf_string(&g, "text", &t, &err) && t.size == 3 && !memcmp(t.data, "abc", 3));
  assert_true(resq_gguf_i32s(&g, "numbers", &numbers, &count, &err) && count == 2);
  assert_true(numbers[0] == 7 && numbers[1] == 0);
  free(numbers);
  assert_true(resq_gguf_strings(&g, "none", &texts, &count, &err) && count == 0 && !texts);
  assert_false(resq_gguf_u64(&g, "i8", &u, &err));
  assert_string_equal(err.message, "t.gguf: key 'i8' is -3; it can't be negative");
  assert_false(resq_gguf_u64(&g, "text", &u, &err));
  assert_string_equal(err.message, "t.gguf: key 'text' is string; an integer is needed");
  assert_false(resq_gguf_u64(&g, "numbers", &u, &err));
  assert_string_equal(err.message,
                      "t.gguf: key 'numbers' is an array of i32; an integer is needed");
  assert_false(resq_gguf_f64(&g, "nan", &d, &err));
  assert_false(resq_gguf_f64(&g, "u32", &d, &err));
  assert_false(resq_gguf_bool(&g, "u32", &b, &err));
  assert_false(resq_gguf_string(&g, "u32", &t, &err));
  assert_false(resq_gguf_strings(&g, "numbers", &texts, &count, &err));
  assert_false(resq_gguf_i32s(&g, "none", &numbers, &count, &err));
  assert_false(resq_gguf_u64(&g, "absent", &u, &err));
  assert_string_equal(err.message, "t.gguf: key 'absent' is missing");
  resq_gguf_close(&g);
  free(bytes.data);
}

//===-- Bad headers -------------------------------------------------------===//

static void test_magic_and_version(void **state) {
  (void)state;
  expect_refusal((gguf_bytes){0}, "does not begin with 'GGUF'");
  gguf_bytes text = {0};
  gguf_put(&text, "GGML....", 8);
  expect_refusal(text, "does not begin with 'GGUF'");
  static const uint32_t versions[] = {0, 1, 4, 1000, 0x03000000, 0x02000000};
  for (size_t i = 0; i < sizeof versions / sizeof *versions; ++i) {
    gguf_writer w = gguf_writer_begin();
    w.version = versions[i];
    expect_writer_refused(w, versions[i] > 0xffff ? "big-endian" : "resq reads 2 and 3");
  }
}

static void test_counts(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, (1u << 20) + 1, UINT64_MAX / 8, UINT64_MAX};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
    gguf_writer w = gguf_writer_begin();
    w.n_values = counts[i];
    expect_writer_refused(w, "metadata keys in a file");
    w = gguf_writer_begin();
    w.n_tensors = counts[i];
    expect_writer_refused(w, "tensors in a file");
  }
}

/// Every proper prefix of a good file is refused (the tail of the data, too).
static void test_truncation(void **state) {
  (void)state;
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_bytes bytes = gguf_writer_finish(&w);
  for (size_t size = 0; size < bytes.size; size += size < 9000 ? 1 : 4001) {
    uint8_t *part = malloc(size ? size : 1); // exact, so that the sanitizer sees a read past it
    memcpy(part, bytes.data, size);
    expect_refusal((gguf_bytes){part, size, size}, "");
  }
  free(bytes.data);
}

static void test_keys(void **state) {
  (void)state;
  gguf_writer w = gguf_writer_begin();
  gguf_u32(&w, "", 1);
  expect_writer_refused(w, "a name of 0 bytes");
  w = gguf_writer_begin();
  gguf_put_u64(&w.values, UINT64_MAX), ++w.n_values;
  gguf_put(&w.values, "0123456789012345", 16);
  expect_writer_refused(w, "18446744073709551615 bytes");
  w = gguf_writer_begin();
  gguf_put_text(&w.values, "a\0b", 3), gguf_put_u32(&w.values, 0), gguf_put(&w.values, "x", 1);
  ++w.n_values;
  expect_writer_refused(w, "a control character");
  w = gguf_writer_begin();
  gguf_u32(&w, "a.b", 1), gguf_u32(&w, "a.c", 1), gguf_u32(&w, "a.b", 1);
  expect_writer_refused(w, "key 'a.b' appears twice");
  w = gguf_writer_begin();
  char *longest = calloc(1, RESQ_GGUF_MAX_KEY + 2);
  memset(longest, 'k', RESQ_GGUF_MAX_KEY + 1);
  gguf_u32(&w, longest, 1);
  expect_writer_refused(w, "a name of 65536 bytes; 1 to 65535 are allowed");
  free(longest);
}

static void test_bad_values(void **state) {
  (void)state;
  gguf_writer w = gguf_writer_begin();
  gguf_key(&w, "k", 13), gguf_put_u64(&w.values, 0);
  expect_writer_refused(w, "key 'k': value type 13");
  w = gguf_writer_begin();
  gguf_bool(&w, "k", 2), gguf_put_u64(&w.values, 0);
  expect_writer_refused(w, "a bool of value 2");
  w = gguf_writer_begin();
  gguf_array(&w, "k", GGUF_W_ARRAY, 1), gguf_put_u64(&w.values, 0);
  expect_writer_refused(w, "an array of arrays");
  w = gguf_writer_begin();
  gguf_array(&w, "k", 77, 1), gguf_put_u64(&w.values, 0);
  expect_writer_refused(w, "value type 77");
  static const uint64_t counts[] = {9, 1ull << 60, 1ull << 61, 1ull << 62, UINT64_MAX};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
    w = gguf_writer_begin();
    gguf_array(&w, "k", GGUF_W_U64, counts[i]), gguf_put_u64(&w.values, 0);
    expect_writer_refused(w, "elements of u64 pass the end");
    w = gguf_writer_begin();
    gguf_array(&w, "k", GGUF_W_STRING, counts[i]), gguf_put_u64(&w.values, 0);
    expect_writer_refused(w, "passes the end of the file");
  }
  w = gguf_writer_begin();
  gguf_key(&w, "k", GGUF_W_STRING), gguf_put_u64(&w.values, 1ull << 63);
  expect_writer_refused(w, "passes the end of the file");
}

static void test_alignment(void **state) {
  (void)state;
  static const uint32_t bad[] = {0, 3, 33, 1u << 21, UINT32_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    gguf_writer w = gguf_writer_begin();
    gguf_u32(&w, "general.alignment", bad[i]);
    expect_writer_refused(w, "a power of two");
  }
  gguf_writer w = gguf_writer_begin();
  gguf_key(&w, "general.alignment", GGUF_W_I32), gguf_put_u32(&w.values, 32);
  expect_writer_refused(w, "is i32; u32 is needed");
  for (uint32_t alignment = 1; alignment <= 4096; alignment *= 2) {
    w = gguf_writer_begin();
    w.alignment = alignment;
    gguf_u32(&w, "general.alignment", alignment);
    gguf_random(&w, "a", 3, 5);
    gguf_random(&w, "b", 0, 7);
    gguf_bytes bytes = gguf_writer_finish(&w);
    resq_gguf gguf = expect_open(bytes);
    float row[7];
    uint32_t noise = 2;
    assert_true(read_rows(bytes, 0, 1, row, NULL));
    assert_true(row[0] == gguf_noise(&noise));
    resq_gguf_close(&gguf);
    free(bytes.data);
  }
}

//===-- Bad tensors -------------------------------------------------------===//

static void expect_info_refused(uint32_t type, uint32_t n_dims, const uint64_t *dims,
                                uint64_t offset, const char *why) {
  gguf_writer w = gguf_writer_begin();
  gguf_info(&w, "x", type, n_dims, dims, offset);
  gguf_put(&w.data, (const uint8_t[64]){0}, 64);
  expect_writer_refused(w, why);
}

static void test_bad_tensors(void **state) {
  (void)state;
  const uint64_t ok[] = {4, 4}, zero[] = {4, 0}, huge[] = {1ull << 62, 4};
  const uint64_t negative[] = {UINT64_MAX, 1}, wraps[] = {4, (1ull << 60) + 1};
  const uint64_t cve[] = {32, (1ull << 42) + 1, 1ull << 16, 1}, five[] = {1, 1, 1, 1, 1};
  expect_info_refused(0, 0, ok, 0, "tensor 'x': 0 dimensions; 1 to 4 are allowed");
  expect_info_refused(0, 5, five, 0, "tensor 'x': 5 dimensions");
  expect_info_refused(0, 2, zero, 0, "dimension 1 is 0");
  expect_info_refused(0, 2, negative, 0, "dimension 0 is -1");
  expect_info_refused(0, 2, huge, 0, "overflows");
  expect_info_refused(0, 2, wraps, 0, "overflows");
  expect_info_refused(8, 4, cve, 0, "overflows");
  expect_info_refused(0, 2, ok, 32, "64 bytes at offset 32 of the data, which has 64 bytes");
  expect_info_refused(0, 2, ok, 1, "offset 1; a multiple of 32 is needed");
  expect_info_refused(0, 2, ok, UINT64_MAX - 31, "bytes at offset");
  expect_info_refused(2, 2, ok, 0, "rows of 4 elements; Q4_0 needs a multiple of 32");
  expect_info_refused(10, 2, ok, 0, "type Q2_K (10); resq reads F32, F16, BF16, Q4_0");
  expect_info_refused(4, 2, ok, 0, "type unknown (4)");
  expect_info_refused(UINT32_MAX, 2, ok, 0, "type unknown (4294967295)");
}

static void test_names(void **state) {
  (void)state;
  const uint64_t dims[] = {4};
  gguf_writer w = gguf_writer_begin();
  gguf_random(&w, "x", 0, 4), gguf_random(&w, "y", 0, 4), gguf_random(&w, "x", 0, 4);
  expect_writer_refused(w, "tensor 'x' appears twice");
  w = gguf_writer_begin();
  gguf_info(&w, "", 0, 1, dims, 0);
  gguf_put(&w.data, (const uint8_t[64]){0}, 64);
  expect_writer_refused(w, "tensor 0: a name of 0 bytes");
  char name[66];
  memset(name, 'n', 65);
  name[65] = '\0';
  w = gguf_writer_begin();
  gguf_random(&w, name, 0, 4);
  expect_writer_refused(w, "a name of 65 bytes; 1 to 64 are allowed");
  w = gguf_writer_begin();
  gguf_random(&w, "a\nb", 0, 4);
  expect_writer_refused(w, "a control character");
}

static void test_overlap(void **state) {
  (void)state;
  const uint64_t dims[] = {12};
  gguf_writer w = gguf_writer_begin();
  gguf_info(&w, "x", 0, 1, dims, 32); // 48 bytes: 32..80
  gguf_info(&w, "y", 0, 1, dims, 64);
  gguf_put(&w.data, (const uint8_t[160]){0}, 160);
  expect_writer_refused(w, "tensors 'x' and 'y' overlap");
  w = gguf_writer_begin();
  gguf_info(&w, "x", 0, 1, dims, 0);
  gguf_info(&w, "y", 0, 1, dims, 0); // one tensor under two names
  gguf_put(&w.data, (const uint8_t[160]){0}, 160);
  expect_writer_refused(w, "overlap");
}

/// 200,000 keys that differ at their ends only, in a second or so: no quadratic search.
static void test_many_keys(void **state) {
  (void)state;
  gguf_writer w = gguf_writer_begin();
  for (int i = 0; i < 200000; ++i) {
    char key[64];
    snprintf(key, sizeof key, "a.rather.long.common.prefix.%d", i);
    gguf_u32(&w, key, (uint32_t)i);
  }
  gguf_bytes bytes = gguf_writer_finish(&w);
  clock_t begin = clock();
  resq_gguf gguf = expect_open(bytes);
  double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  uint64_t value;
  assert_true(resq_gguf_u64(&gguf, "a.rather.long.common.prefix.77777", &value, NULL));
  assert_int_equal(value, 77777);
  assert_true(seconds < 10.0); // about 0.1 s; sanitizers and busy machines included
  resq_gguf_close(&gguf);
  free(bytes.data);
}

//===-- Decoding ----------------------------------------------------------===//

static uint64_t fnv1a(const void *data, size_t size) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
  return hash;
}

/// Random blocks whose f16 fields are made finite. The hashes are of what ggml 0.25.3 (dequantize_row_*) makes of them.
static void test_decoding_is_ggmls(void **state) {
  (void)state;
  static const struct {
    resq_gguf_type type;
    int halves[2]; // offsets of f16 fields in a block
    uint64_t hash;
  } cases[] = {
      {RESQ_GGUF_Q4_0, {0, -1}, 0x3728263b7ed341dc},
      {RESQ_GGUF_Q4_1, {0, 2}, 0x814da1923a1a946e},
      {RESQ_GGUF_Q5_0, {0, -1}, 0xfb78e77bbd244abc},
      {RESQ_GGUF_Q5_1, {0, 2}, 0xffd070512ade7369},
      {RESQ_GGUF_Q8_0, {0, -1}, 0x11a62248f34b220e},
      {RESQ_GGUF_Q4_K, {0, 2}, 0x4e7cf64ba7aa31d9},
      {RESQ_GGUF_Q5_K, {0, 2}, 0x3aa676299db6b9ed},
      {RESQ_GGUF_Q6_K, {208, -1}, 0xc02475a6b6dd5773},
      {RESQ_GGUF_F16, {0, -1}, 0x468732d980178d80},
      {RESQ_GGUF_BF16, {0, -1}, 0x73323cd5db34953a},
  };
  enum { ELEMENTS = 4096 };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    uint64_t block, bytes;
    const char *name;
    assert_true(resq_gguf_type_block(cases[c].type, &block, &bytes, &name));
    uint8_t data[ELEMENTS * 2];
    size_t size = (size_t)(ELEMENTS / block * bytes);
    uint32_t noise = (uint32_t)cases[c].type + 1;
    for (size_t i = 0; i < size; ++i) {
      noise = noise * 1664525u + 1013904223u;
      data[i] = (uint8_t)(noise >> 24);
    }
    for (size_t b = 0; b < ELEMENTS / block; ++b)
      for (int h = 0; h < 2; ++h)
        if (cases[c].halves[h] >= 0)
          data[b * bytes + (size_t)cases[c].halves[h] + 1] &= 0xbf;
    gguf_writer w = gguf_writer_begin();
    gguf_tensor(&w, "x", cases[c].type, 2, (const uint64_t[]){512, 8}, data, size);
    gguf_bytes file = gguf_writer_finish(&w);
    resq_gguf gguf = expect_open(file);
    float whole[ELEMENTS], part[ELEMENTS];
    resq_error err = {0};
    assert_true(read_rows(file, 0, 8, whole, &err));
    if (fnv1a(whole, sizeof whole) != cases[c].hash)
      fail_msg("%s decodes otherwise than by ggml", name);
    // A range of rows is that part of the whole.
    assert_true(read_rows(file, 3, 6, part, &err));
    assert_memory_equal(part, whole + 3 * 512, 3 * 512 * sizeof(float));
    assert_true(read_rows(file, 8, 8, part, &err));
    assert_false(read_rows(file, 3, 9, part, &err));
    assert_false(read_rows(file, 4, 3, part, &err));
    resq_gguf_close(&gguf);
    free(file.data);
  }
}

/// Every half, against the definition.
static void test_all_halves(void **state) {
  (void)state;
  enum { HALVES = 1 << 16 };
  uint16_t *halves = malloc(HALVES * sizeof *halves);
  float *decoded = malloc(HALVES * sizeof *decoded);
  for (int i = 0; i < HALVES; ++i)
    halves[i] = (i >> 10 & 31) == 31 ? 0 : (uint16_t)i; // no infinity, no NaN
  gguf_writer w = gguf_writer_begin();
  gguf_tensor(&w, "x", 1, 1, (const uint64_t[]){HALVES}, halves, HALVES * sizeof *halves);
  gguf_bytes file = gguf_writer_finish(&w);
  resq_gguf gguf = expect_open(file);
  assert_true(read_rows(file, 0, 1, decoded, NULL));
  for (int i = 0; i < HALVES; ++i) {
    int exponent = halves[i] >> 10 & 31, mantissa = halves[i] & 1023;
    double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    value = halves[i] & 0x8000 ? -value : value;
    assert_true((double)decoded[i] == value && !signbit(decoded[i]) == !signbit(value));
  }
  resq_gguf_close(&gguf);
  free(file.data);
  free(halves);
  free(decoded);
}

static void test_not_finite(void **state) {
  (void)state;
  static const float bad[] = {INFINITY, -INFINITY, NAN};
  for (size_t i = 0; i < 3; ++i) {
    float values[300] = {0};
    values[211] = bad[i];
    gguf_writer w = gguf_writer_begin();
    gguf_tensor(&w, "x", 0, 2, (const uint64_t[]){100, 3}, values, sizeof values);
    gguf_bytes file = gguf_writer_finish(&w);
    resq_gguf gguf = expect_open(file);
    resq_error err = {0};
    float out[300];
    assert_true(read_rows(file, 0, 2, out, &err));
    assert_false(read_rows(file, 1, 3, out, &err));
    assert_non_null(strstr(err.message, "tensor 'x': element 11 of row 2 is"));
    resq_gguf_close(&gguf);
    free(file.data);
  }
}

//===-- Tokenizers --------------------------------------------------------===//

static void test_tokenizer_source(void **state) {
  (void)state;
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_bytes bytes = gguf_writer_finish(&w);
  resq_checkpoint_tokenizer read;
  resq_error err = {0};
  resq_checkpoint *c = resq_gguf_checkpoint_parse(bytes.data, bytes.size, "test", &err);
  assert_non_null(c);
  assert_true(resq_checkpoint_has_tokenizer(c));
  assert_true(resq_checkpoint_read_tokenizer(c, &read, &err));
  const resq_tokenizer_source *source = &read.source;
  assert_int_equal(source->n_tokens, 260);
  assert_int_equal(source->n_merges, 1);
  assert_memory_equal(source->tokens[259].data, "t259", 4);
  assert_memory_equal(source->merges[0].data, "t2 t3", 5);
  assert_int_equal(source->token_types[1], 3);
  assert_string_equal(source->pre, "smollm");
  assert_string_equal(source->chat_template, "{{ messages }}");
  assert_true(source->bos == 0 && source->eos == 1 && source->add_bos);
  assert_false(read.pre_guessed || read.add_bos_guessed);
  resq_checkpoint_free_tokenizer(&read);
  resq_checkpoint_free_tokenizer(&read);
  resq_checkpoint_close(c);
  free(bytes.data);
}

static void expect_tokenizer_refused(gguf_writer w, const char *why) {
  gguf_bytes bytes = gguf_writer_finish(&w);
  resq_checkpoint_tokenizer read;
  resq_error err = {0};
  resq_checkpoint *c = resq_gguf_checkpoint_parse(bytes.data, bytes.size, "test", &err);
  assert_non_null(c);
  assert_false(resq_checkpoint_read_tokenizer(c, &read, &err));
  if (err.code != RESQ_BAD_INPUT || !strstr(err.message, why))
    fail_msg("wanted '%s', got code %d: %s", why, err.code, err.message);
  assert_null(read.source.tokens);
  resq_checkpoint_close(c);
  free(bytes.data);
}

static void test_bad_tokenizers(void **state) {
  (void)state;
  expect_tokenizer_refused(gguf_writer_begin(), "'tokenizer.ggml.model' is missing");
  gguf_writer w = gguf_writer_begin();
  gguf_text(&w, "tokenizer.ggml.model", "llama");
  expect_tokenizer_refused(w, "is 'llama'; resq reads 'gpt2'");
  w = gguf_writer_begin();
  gguf_u32(&w, "tokenizer.ggml.model", 1);
  expect_tokenizer_refused(w, "a string is needed");
  w = gguf_writer_begin();
  gguf_text(&w, "tokenizer.ggml.model", "gpt2");
  expect_tokenizer_refused(w, "'tokenizer.ggml.tokens' is missing");
  w = gguf_writer_begin();
  gguf_text(&w, "tokenizer.ggml.model", "gpt2");
  gguf_array(&w, "tokenizer.ggml.tokens", GGUF_W_STRING, 0);
  expect_tokenizer_refused(w, "is empty");
  expect_tokenizer_refused(
      gguf_tiny_llama(&(gguf_tiny_options){.key = "tokenizer.ggml.bos_token_id", .value = 260}),
      "'tokenizer.ggml.bos_token_id' is 260; the vocabulary has 260 tokens");
  expect_tokenizer_refused(
      gguf_tiny_llama(&(gguf_tiny_options){.without = "tokenizer.ggml.bos_token_id"}),
      "'tokenizer.ggml.bos_token_id' is missing");
  w = gguf_writer_begin();
  gguf_text(&w, "tokenizer.ggml.model", "gpt2");
  gguf_array(&w, "tokenizer.ggml.tokens", GGUF_W_STRING, 1), gguf_put_text(&w.values, "a", 1);
  gguf_array(&w, "tokenizer.ggml.merges", GGUF_W_STRING, 0);
  gguf_array(&w, "tokenizer.ggml.token_type", GGUF_W_I32, 2), gguf_put_u64(&w.values, 0);
  expect_tokenizer_refused(w, "2 elements for 1 tokens");
}

/// The model that examples use, where it is at hand.
static void test_real_model(void **state) {
  (void)state;
  const char *path = getenv("RESQ_TEST_MODEL");
  if (!path) {
    print_message("skipped: RESQ_TEST_MODEL names no model\n");
    skip();
  }
  resq_error err = {0};
  resq_checkpoint *c = resq_gguf_checkpoint_open(path, &err);
  if (!c)
    fail_msg("%s", err.message);
  for (uint64_t i = 0; i < resq_checkpoint_count(c); ++i) {
    resq_checkpoint_tensor tensor = resq_checkpoint_tensor_at(c, i);
    int64_t width = tensor.shape[tensor.rank - 1], rows = tensor.rank > 1 ? tensor.shape[0] : 1;
    float *row = malloc((size_t)width * sizeof *row);
    for (int64_t r = 0; r < rows; ++r)
      assert_true(resq_checkpoint_rows(c, &tensor, r, r + 1, row, &err));
    free(row);
  }
  resq_checkpoint_close(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tiny),
      cmocka_unit_test(test_no_tensors),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_magic_and_version),
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_truncation),
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_bad_values),
      cmocka_unit_test(test_alignment),
      cmocka_unit_test(test_bad_tensors),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_overlap),
      cmocka_unit_test(test_many_keys),
      cmocka_unit_test(test_decoding_is_ggmls),
      cmocka_unit_test(test_all_halves),
      cmocka_unit_test(test_not_finite),
      cmocka_unit_test(test_tokenizer_source),
      cmocka_unit_test(test_bad_tokenizers),
      cmocka_unit_test(test_real_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
