// LINK: compiler
//===-- gguf_blocks_test.c - quantised tensors of GGUF files --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding against the formats' definition, element by element: where the bits of
// element i of a block stand, and the exact value in double. The decoders work on
// whole blocks; nothing is shared with them.
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf.h"
#include "dialect/import/gguf/gguf_checkpoint.h"
#include "tests/unit/gguf_rows.h"
#include "tests/unit/gguf_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

//===-- The definition ----------------------------------------------------===//

/// `count` bits of the little-endian bit string `bytes`, from bit `begin` on.
static int bits(const uint8_t *bytes, int begin, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i)
    value |= (bytes[(begin + i) / 8] >> (begin + i) % 8 & 1) << i;
  return value;
}

static double half(const uint8_t *bytes) {
  int mantissa = bits(bytes, 0, 10), exponent = bits(bytes, 10, 5);
  double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
  return bits(bytes, 15, 1) ? -value : value;
}

/// Types of 32: nibble i of 16 bytes, elements 16 and up in the high halves.
static int small_code(const uint8_t *nibbles, int i) {
  return bits(nibbles, i % 16 * 8 + i / 16 * 4, 4);
}

static double element_q4_0(const uint8_t *b, int i) { return half(b) * (small_code(b + 2, i) - 8); }

static double element_q4_1(const uint8_t *b, int i) {
  return half(b) * small_code(b + 4, i) + half(b + 2);
}

static double element_q5_0(const uint8_t *b, int i) {
  return half(b) * (small_code(b + 6, i) + 16 * bits(b + 2, i, 1) - 16);
}

static double element_q5_1(const uint8_t *b, int i) {
  return half(b) * (small_code(b + 8, i) + 16 * bits(b + 4, i, 1)) + half(b + 2);
}

static double element_q8_0(const uint8_t *b, int i) { return half(b) * (int8_t)b[2 + i]; }

/// Scale (`which` 0) or minimum (1) of group j of 8: six bits, the first four in bytes of their own, the others in nibbles
/// of the last four bytes and the high bits of the first eight.
static int group_value(const uint8_t packed[12], int which, int j) {
  if (j < 4)
    return bits(packed + 4 * which + j, 0, 6);
  return bits(packed + 4 + j, 4 * which, 4) + 16 * bits(packed + 4 * which + j - 4, 6, 2);
}

/// Nibbles of two groups of 32 share 32 bytes.
static int group_code(const uint8_t *nibbles, int i) {
  return bits(nibbles, (i / 64 * 32 + i % 32) * 8 + i / 32 % 2 * 4, 4);
}

static double group_element(const uint8_t *b, int i, int code) {
  return half(b) * group_value(b + 4, 0, i / 32) * code -
         half(b + 2) * group_value(b + 4, 1, i / 32);
}

static double element_q4_k(const uint8_t *b, int i) {
  return group_element(b, i, group_code(b + 16, i));
}

static double element_q5_k(const uint8_t *b, int i) {
  return group_element(b, i, group_code(b + 48, i) + 16 * bits(b + 16, i % 32 * 8 + i / 32, 1));
}

/// Halves of 128: parts 0 and 1, 2 and 3 of 32 in the low and the high nibbles of 64 bytes; two bits of each part in 32 bytes.
static double element_q6_k(const uint8_t *b, int i) {
  int part = i % 128 / 32, at = i % 32;
  int low = bits(b + i / 128 * 64, (part % 2 * 32 + at) * 8 + part / 2 * 4, 4);
  int high = bits(b + 128 + i / 128 * 32, at * 8 + 2 * part, 2);
  return half(b + 208) * (int8_t)b[192 + i / 16] * (low + 16 * high - 32);
}

static const struct format {
  resq_gguf_type type;
  const char *name;
  int elements, bytes;
  int halves[2]; ///< where f16 fields stand; -1: none
  double (*element)(const uint8_t *block, int i);
} formats[] = {
    {RESQ_GGUF_Q4_0, "Q4_0", 32, 18, {0, -1}, element_q4_0},
    {RESQ_GGUF_Q4_1, "Q4_1", 32, 20, {0, 2}, element_q4_1},
    {RESQ_GGUF_Q5_0, "Q5_0", 32, 22, {0, -1}, element_q5_0},
    {RESQ_GGUF_Q5_1, "Q5_1", 32, 24, {0, 2}, element_q5_1},
    {RESQ_GGUF_Q8_0, "Q8_0", 32, 34, {0, -1}, element_q8_0},
    {RESQ_GGUF_Q4_K, "Q4_K", 256, 144, {0, 2}, element_q4_k},
    {RESQ_GGUF_Q5_K, "Q5_K", 256, 176, {0, 2}, element_q5_k},
    {RESQ_GGUF_Q6_K, "Q6_K", 256, 210, {208, -1}, element_q6_k},
};
enum {
  FORMATS = sizeof formats / sizeof formats[0],
  BLOCKS = 24,
  MOST_BYTES = 210,
  MOST_ELEMENTS = 256
};

//===-- Files -------------------------------------------------------------===//

/// A file of one tensor "x" of `rows` rows of `columns`, its data `size` bytes.
static gguf_bytes one_tensor(const struct format *f, uint64_t columns, uint64_t rows,
                             const uint8_t *data, size_t size) {
  gguf_writer w = gguf_writer_begin();
  gguf_tensor(&w, "x", f->type, 2, (const uint64_t[]){columns, rows}, data, size);
  return gguf_writer_finish(&w);
}

static void expect_refused(gguf_bytes file, size_t size, const char *why) {
  resq_gguf gguf;
  resq_error err = {0};
  // A copy of its own size, so that sanitizers see a read behind the end.
  uint8_t *copy = malloc(size);
  assert_non_null(copy);
  memcpy(copy, file.data, size);
  assert_false(resq_gguf_parse(&gguf, copy, size, "test", &err));
  if (err.code != RESQ_BAD_INPUT || !strstr(err.message, why))
    fail_msg("wanted '%s', got code %d: %s", why, err.code, err.message);
  free(copy);
  free(file.data);
}

//===-- Tests -------------------------------------------------------------===//

static void fill(const struct format *f, uint8_t *data, int pattern) {
  uint32_t noise = (uint32_t)f->type;
  for (int i = 0; i < BLOCKS * f->bytes; ++i) {
    noise = noise * 1664525u + 1013904223u;
    data[i] = pattern == 0 ? (uint8_t)(noise >> 24) : pattern == 1 ? 0 : 0xff;
  }
  for (int b = 0; b < BLOCKS; ++b)
    for (int h = 0; h < 2; ++h)
      if (f->halves[h] >= 0)
        data[b * f->bytes + f->halves[h] + 1] &= 0xbf; // finite
}

/// Bit for bit: only the last operation of an element rounds.
static void test_elements(void **state) {
  (void)state;
  enum { ROWS = 4 };
  for (const struct format *f = formats; f < formats + FORMATS; ++f)
    for (int pattern = 0; pattern < 3; ++pattern) {
      uint8_t data[BLOCKS * MOST_BYTES];
      static float found[BLOCKS * MOST_ELEMENTS];
      fill(f, data, pattern);
      gguf_bytes file = one_tensor(f, (uint64_t)(BLOCKS / ROWS * f->elements), ROWS, data,
                                   (size_t)(BLOCKS * f->bytes));
      resq_error err = {0};
      if (!read_rows(file, 0, ROWS, found, &err))
        fail_msg("%s: %s", f->name, err.message);
      for (int i = 0; i < BLOCKS * f->elements; ++i) {
        float wanted = (float)f->element(data + i / f->elements * f->bytes, i % f->elements);
        if (found[i] != wanted)
          fail_msg("%s, pattern %d, element %d: %a, wanted %a", f->name, pattern, i,
                   (double)found[i], (double)wanted);
      }
      free(file.data);
    }
}

static void test_table(void **state) {
  (void)state;
  for (const struct format *f = formats; f < formats + FORMATS; ++f) {
    uint64_t elements, bytes;
    const char *name;
    assert_true(resq_gguf_type_block(f->type, &elements, &bytes, &name));
    assert_int_equal(elements, f->elements);
    assert_int_equal(bytes, f->bytes);
    assert_string_equal(name, f->name);
    assert_string_equal(resq_gguf_type_name(f->type), f->name);
    assert_non_null(strstr(resq_gguf_type_list(), f->name));
  }
}

/// A block that is cut, rows of part of a block, sizes past 64 bits.
static void test_refused(void **state) {
  (void)state;
  const uint8_t zeros[64 * MOST_BYTES] = {0};
  for (const struct format *f = formats; f < formats + FORMATS; ++f) {
    char why[128];
    uint64_t columns = (uint64_t)f->elements;
    // 64 blocks are a multiple of the alignment: the file ends with the data.
    gguf_bytes whole = one_tensor(f, columns, 64, zeros, (size_t)(64 * f->bytes));
    snprintf(why, sizeof why, "tensor 'x': %d bytes at offset 0 of the data, which has %d bytes",
             64 * f->bytes, 64 * f->bytes - 1);
    expect_refused(whole, whole.size - 1, why);
    snprintf(why, sizeof why, "rows of %d elements; %s needs a multiple of %d", f->elements - 1,
             f->name, f->elements);
    gguf_bytes part = one_tensor(f, columns - 1, 1, zeros, (size_t)f->bytes);
    expect_refused(part, part.size, why);
    gguf_bytes wide = one_tensor(f, UINT64_C(1) << 62, UINT64_C(1) << 10, zeros, (size_t)f->bytes);
    expect_refused(wide, wide.size, "overflows");
    gguf_bytes tall = one_tensor(f, columns, UINT64_C(1) << 59, zeros, (size_t)f->bytes);
    expect_refused(tall, tall.size, "overflows");
  }
}

/// A scale that is infinite, or no number.
static void test_not_finite(void **state) {
  (void)state;
  for (const struct format *f = formats; f < formats + FORMATS; ++f)
    for (int h = 0; h < 2 && f->halves[h] >= 0; ++h)
      for (int nan = 0; nan < 2; ++nan) {
        uint8_t data[BLOCKS * MOST_BYTES];
        float found[2 * MOST_ELEMENTS];
        resq_error err = {0};
        fill(f, data, 2);
        memcpy(data + f->bytes + f->halves[h], nan ? "\x01\x7c" : "\x00\x7c", 2);
        gguf_bytes file = one_tensor(f, (uint64_t)f->elements, 2, data, (size_t)(2 * f->bytes));
        assert_true(read_rows(file, 0, 1, found, &err));
        assert_false(read_rows(file, 0, 2, found, &err));
        assert_non_null(strstr(err.message, "of row 1 is"));
        assert_non_null(strstr(err.message, "weights must be finite"));
        free(file.data);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_elements),
      cmocka_unit_test(test_table),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
