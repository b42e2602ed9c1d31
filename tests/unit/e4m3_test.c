//===-- e4m3_test.c - OCP E4M3, exhaustively, and its quantisers ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All 256 codes against the words of the format, and back; every f32 that decides a rounding: the
// midpoints of neighbours, what stands next to them, and beyond the largest; every f32 there is, in
// steps. Then the activation quantisers level against level, NaN and infinity included.
//===----------------------------------------------------------------------===//
#include "kernels/e4m3.h"
#include "quant_harness.h"
#include <float.h>
#include <math.h>

__typeof__(resq_quantize_e4m3_generic) resq_quantize_e4m3_avx512;

/// What a code means, in double.
static double number_of(int code) {
  const int field = code >> 3 & 15, mantissa = code & 7;
  const double magnitude = field ? ldexp(8 + mantissa, field - 7 - 3) : ldexp(mantissa, 1 - 7 - 3);
  return code & 0x80 ? -magnitude : magnitude;
}

static void test_decode(void **state) {
  (void)state;
  for (int code = 0; code < 256; ++code) {
    const float x = resq_f32_from_e4m3((uint8_t)code);
    if ((code & 0x7f) == 0x7f) {
      assert_true(isnan(x));
      assert_int_equal(signbit(x) != 0, code >> 7);
      continue;
    }
    assert_true((double)x == number_of(code));
    assert_int_equal(signbit(x) != 0, code >> 7);
  }
  assert_true(resq_f32_from_e4m3(0x7e) == 448.0f);
  assert_true(resq_f32_from_e4m3(0x01) == 0x1p-9f);
}

/// The nearest code of a finite x: of two as near, the even one; beyond 448, that.
static int nearest(float x) {
  const double magnitude = fabs((double)x);
  int best = 0;
  for (int code = 1; code < 0x7f; ++code) {
    const double here = fabs(number_of(code) - magnitude),
                 there = fabs(number_of(best) - magnitude);
    if (here < there || (here == there && code % 2 == 0))
      best = code;
  }
  return best | (signbit(x) ? 0x80 : 0);
}

static void check(float x) {
  assert_int_equal(resq_e4m3_from_f32(x), nearest(x));
  assert_int_equal(resq_e4m3_from_f32(-x), nearest(-x));
}

static void test_codes_come_back(void **state) {
  (void)state;
  for (int code = 0; code < 256; ++code)
    assert_int_equal(resq_e4m3_from_f32(resq_f32_from_e4m3((uint8_t)code)), code);
}

static void test_ties(void **state) {
  (void)state;
  for (int code = 0; code < 0x7e; ++code) {
    const float middle = (float)((number_of(code) + number_of(code + 1)) / 2);
    const int even = code % 2 ? code + 1 : code;
    assert_int_equal(resq_e4m3_from_f32(middle), even);
    assert_int_equal(resq_e4m3_from_f32(-middle), even | 0x80);
    assert_int_equal(resq_e4m3_from_f32(nextafterf(middle, 0)), code);
    assert_int_equal(resq_e4m3_from_f32(nextafterf(middle, INFINITY)), code + 1);
  }
}

static void test_saturation(void **state) {
  (void)state;
  // 464 lies between 448 and 480, which is no number of E4M3.
  const float beyond[] = {
      448.0f, nextafterf(464, 0), 464.0f, nextafterf(464, 500), 480.0f, 1e6f, FLT_MAX, INFINITY};
  for (size_t i = 0; i < sizeof beyond / sizeof *beyond; ++i) {
    assert_int_equal(resq_e4m3_from_f32(beyond[i]), 0x7e);
    assert_int_equal(resq_e4m3_from_f32(-beyond[i]), 0xfe);
  }
}

static void test_nan(void **state) {
  (void)state;
  const uint32_t bits[] = {0x7f800001, 0x7fc00000, 0x7fffffff};
  for (size_t i = 0; i < sizeof bits / sizeof *bits; ++i) {
    assert_int_equal(resq_e4m3_from_f32(resq_float_of(bits[i])), 0x7f);
    assert_int_equal(resq_e4m3_from_f32(resq_float_of(bits[i] | 0x80000000u)), 0xff);
  }
}

/// A prime step through all finite bit patterns: subnormals of f32 to its largest.
static void test_all_magnitudes(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 0x7f800000u; bits += 7919)
    check(resq_float_of(bits));
}

//===-- The quantiser -----------------------------------------------------===//

typedef struct quantize_case {
  const float *x;
  int64_t rows, ldx, width, group;
  uint8_t *codes;
  float *scales;
} quantize_case;

#define CALL_LEVEL(level)                                                                          \
  static void call_##level(resq_worker *w, void *p) {                                              \
    const quantize_case *c = p;                                                                    \
    resq_quantize_e4m3_##level(w, 0, c->x, c->codes, c->scales, c->rows, c->ldx, c->width,         \
                               c->group);                                                          \
  }
CALL_LEVEL(generic)
CALL_LEVEL(avx512)

static size_t code_bytes(const quantize_case *c) {
  return (size_t)(c->rows * resq_code_stride(c->width, c->group));
}

static size_t scale_bytes(const quantize_case *c) {
  return (size_t)(c->rows * (c->width / c->group)) * sizeof(float);
}

static void run_case(quantize_case *c, kernel_call call, int threads) {
  c->codes = aligned_bytes(code_bytes(c));
  c->scales = aligned_bytes(scale_bytes(c));
  run_kernel(call, c, threads);
}

static void check_row(const quantize_case *c, int64_t row) {
  const uint8_t *codes = c->codes + row * resq_code_stride(c->width, c->group);
  const int64_t padded = resq_round_up(c->group, 8);
  for (int64_t g = 0; g < c->width / c->group; ++g) {
    const float *x = c->x + row * c->ldx + g * c->group;
    float peak = 0;
    for (int64_t i = 0; i < c->group; ++i)
      peak = fmaxf(peak, fabsf(x[i]));
    const float scale = fmaxf(peak / 448.0f, 1e-8f);
    assert_true(c->scales[row * (c->width / c->group) + g] == scale);
    for (int64_t i = 0; i < c->group; ++i) {
      const float q = x[i] / scale;
      assert_int_equal(codes[g * padded + i],
                       isnan(q) ? 0x7f | (signbit(q) ? 0x80 : 0) : nearest(q));
    }
    for (int64_t i = c->group; i < padded; ++i)
      assert_int_equal(codes[g * padded + i], 0);
  }
  for (int64_t i = resq_padded_k(c->width, c->group); i < resq_code_stride(c->width, c->group); ++i)
    assert_int_equal(codes[i], 0);
}

static void check_case(const float *x, int64_t rows, int64_t width, int64_t group) {
  quantize_case c = {.x = x, .rows = rows, .ldx = width + 3, .width = width, .group = group};
  run_case(&c, call_generic, 1);
  for (int64_t r = 0; r < rows; ++r)
    check_row(&c, r);
  for (int threads = 1; threads <= 2; ++threads)
    for (int level = 0; level < 1 + has_avx512(); ++level) {
      quantize_case other = c;
      run_case(&other, level ? call_avx512 : call_generic, threads);
      assert_memory_equal(other.codes, c.codes, code_bytes(&c));
      assert_memory_equal(other.scales, c.scales, scale_bytes(&c));
      free(other.codes);
      free(other.scales);
    }
  free(c.codes);
  free(c.scales);
}

static void test_quantiser(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{1, 1},  {7, 7},   {16, 16}, {33, 33},
                                      {72, 8}, {72, 72}, {45, 9},  {150, 150}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (int64_t rows = 1; rows <= 41; rows += 8) {
      const int64_t width = shapes[i][0];
      float *x = random_rows(rows * (width + 3), 3.0f, 10 * i + (uint64_t)rows);
      for (int64_t r = 0; r < rows; r += 3) // subnormal codes: one value outweighs the row
        x[r * (width + 3)] *= 1000;
      check_case(x, rows, width, shapes[i][1]);
      free(x);
    }
}

static void test_quantiser_of_no_numbers(void **state) {
  (void)state;
  enum { ROWS = 5, WIDTH = 21, LDX = WIDTH + 3 };
  float *x = random_rows(ROWS * LDX, 1.0f, 9);
  memset(x, 0, WIDTH * sizeof *x); // zeros
  x[LDX + 4] = NAN;                // no extreme, and NaN
  x[2 * LDX + 20] = -INFINITY;     // NaN; the others are nothing beside it
  for (int i = 0; i < WIDTH; ++i)
    x[3 * LDX + i] = i % 2 ? NAN : -NAN; // nothing else
  x[4 * LDX] = 1e-40f;                   // f32's subnormals
  check_case(x, ROWS, WIDTH, WIDTH);
  check_case(x, ROWS, WIDTH, 7);
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_decode),    cmocka_unit_test(test_codes_come_back),
      cmocka_unit_test(test_ties),      cmocka_unit_test(test_saturation),
      cmocka_unit_test(test_nan),       cmocka_unit_test(test_all_magnitudes),
      cmocka_unit_test(test_quantiser), cmocka_unit_test(test_quantiser_of_no_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
