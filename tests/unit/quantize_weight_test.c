// LINK: compiler
//===-- quantize_weight_test.c - weight codes against the definition ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference is resq.quantize_weight's formula in f64 with libm's pow. The chosen
// scale may be another than the reference's only when their errors are equal to 1e-5.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "lowering/numeric/quantize_weight.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *weights(int64_t count, uint64_t seed) {
  float *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; ++i) {
    double v = resq_philox_normal(seed, (uint64_t)i);
    x[i] = (float)(0.02 * (i % 97 == 0 ? v * 6 : v)); // outliers make clipping pay
  }
  return x;
}

/// The number of E4M3 nearest to t: of two as near, the one with an even code.
static double nearest_e4m3(double t) {
  double best = 0;
  for (int code = 1; code < 0x7f; ++code) {
    int field = code >> 3, mantissa = code & 7;
    double number = field ? ldexp(8 + mantissa, field - 10) : ldexp(mantissa, -9);
    double apart = fabs(number - fabs(t)) - fabs(best - fabs(t));
    if (apart < 0 || (apart == 0 && code % 2 == 0))
      best = number;
  }
  return copysign(best, t);
}

/// The number of the code of w.
static double value_of(float w, float s, const resq_weight_code *how) {
  if (how->codes.kind == RESQ_CODE_E4M3)
    return nearest_e4m3((double)(w / s));
  int bits = (int)how->codes.bits;
  float q = rintf(w / s), low = (float)-(1 << (bits - 1)), high = (float)((1 << (bits - 1)) - 1);
  return (double)(q < low ? low : q > high ? high : q);
}

static double error_of(const float *w, float s, const resq_weight_code *how) {
  double sum = 0;
  for (int64_t i = 0; i < how->group; ++i)
    sum += pow(fabs((double)w[i] - (double)s * value_of(w[i], s, how)), how->norm);
  return sum;
}

static float candidate(float peak, int step, const resq_weight_code *how) {
  double top = how->codes.kind == RESQ_CODE_E4M3 ? 448 : (1 << (how->codes.bits - 1)) - 1;
  return resq_round_bf16((float)((1 - step * 0.025) * (double)peak / top));
}

static void check_group(const float *w, const resq_weight_code *how, const int8_t *codes,
                        float scale) {
  float peak = 0;
  for (int64_t i = 0; i < how->group; ++i)
    peak = fabsf(w[i]) > peak ? fabsf(w[i]) : peak;
  double least = INFINITY;
  int found = -1;
  for (int step = 0; step < how->steps; ++step) {
    float s = candidate(peak, step, how);
    double error = error_of(w, s, how);
    least = error < least ? error : least;
    if (s == scale && found < 0)
      found = step;
  }
  assert_true(found >= 0);
  assert_true(error_of(w, scale, how) <= least * (1 + 1e-5));
  for (int64_t i = 0; i < how->group; ++i)
    assert_true((double)resq_weight_value(how->codes, codes[i]) == value_of(w[i], scale, how));
}

static void check(int64_t rows, int64_t width, resq_weight_code how) {
  float *x = weights(rows * width, 11);
  int64_t groups = width / how.group;
  int8_t *codes = malloc((size_t)(rows * width)), *again = malloc((size_t)(rows * width));
  float *scales = malloc((size_t)(rows * groups) * sizeof *scales);
  float *scales_again = malloc((size_t)(rows * groups) * sizeof *scales);
  resq_quantize_weight(1, x, rows, width, &how, codes, scales);
  resq_quantize_weight(2, x, rows, width, &how, again, scales_again);
  assert_memory_equal(codes, again, (size_t)(rows * width));
  assert_memory_equal(scales, scales_again, (size_t)(rows * groups) * sizeof *scales);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < groups; ++g)
      check_group(x + r * width + g * how.group, &how, codes + r * width + g * how.group,
                  scales[r * groups + g]);
  free(x), free(codes), free(again), free(scales), free(scales_again);
}

static void test_all_widths_of_codes(void **state) {
  (void)state;
  for (int bits = 2; bits <= 8; ++bits)
    check(9, 120, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, bits), 120, 28, 2.4});
}

static void test_groups_and_odd_sizes(void **state) {
  (void)state;
  check(33, 504, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 4), 504, 28, 2.4});
  check(17, 504, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 4), 56, 28, 2.4});
  check(5, 1280, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 4), 1280, 28, 2.4});
  check(3, 7, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 4), 7, 39, 2.4});
  check(3, 7, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 8), 1, 28, 2.4});
}

static void test_norms_and_no_search(void **state) {
  (void)state;
  check(8, 64, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 4), 64, 1, 2.4});
  check(8, 64, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 4), 64, 28, 2.0});
  check(8, 64, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 3), 64, 28, 1.0});
  check(8, 64, (resq_weight_code){resq_codebook_of(RESQ_CODE_INTEGER, 3), 64, 28, 4.0});
}

static void test_e4m3(void **state) {
  (void)state;
  check(9, 120, (resq_weight_code){resq_codebook_of(RESQ_CODE_E4M3, 8), 120, 28, 2.4});
  check(5, 504, (resq_weight_code){resq_codebook_of(RESQ_CODE_E4M3, 8), 72, 28, 2.4});
  check(3, 7, (resq_weight_code){resq_codebook_of(RESQ_CODE_E4M3, 8), 7, 39, 2.0});
  check(3, 7, (resq_weight_code){resq_codebook_of(RESQ_CODE_E4M3, 8), 1, 1, 2.4});
}

static void test_e4m3_without_numbers(void **state) {
  (void)state;
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_E4M3, 8), 4, 28, 2.4};
  float x[] = {1, -2, 3, 0.5f, 0, 0, 0, 0};
  int8_t codes[8];
  float scales[2];
  resq_quantize_weight(1, x, 2, 4, &how, codes, scales);
  assert_true(resq_codes_are_numbers(codes, 8));
  assert_true(scales[1] == 0 && codes[4] == 0);
  x[1] = NAN;
  resq_quantize_weight(1, x, 2, 4, &how, codes, scales);
  assert_false(resq_codes_are_numbers(codes, 8));
  x[1] = INFINITY;
  resq_quantize_weight(1, x, 2, 4, &how, codes, scales);
  assert_false(resq_codes_are_numbers(codes, 8));
}

/// A heavy tail must be clipped, or the search does nothing.
static void test_search_clips(void **state) {
  (void)state;
  float x[512];
  for (int i = 0; i < 512; ++i)
    x[i] = (float)(0.01 * resq_philox_normal(5, (uint64_t)i));
  x[100] = 0.08f;
  int8_t codes[512];
  float scale;
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_INTEGER, 4), 512, 28, 2.4};
  resq_quantize_weight(1, x, 1, 512, &how, codes, &scale);
  assert_true(scale < 0.9f * 0.08f / 7);
  assert_int_equal(codes[100], 7);
}

static void test_zeros_and_tiny(void **state) {
  (void)state;
  float x[32] = {0};
  x[16] = 1e-44f;
  int8_t codes[32];
  float scales[2];
  memset(codes, 1, sizeof codes);
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_INTEGER, 4), 16, 28, 2.4};
  resq_quantize_weight(1, x, 1, 32, &how, codes, scales);
  assert_true(scales[0] == 0 && scales[1] == 0);
  for (int i = 0; i < 32; ++i)
    assert_int_equal(codes[i], 0);
}

/// numpy: w = [-1, -0.5, 0.25, 0.75], 4 bits, no search: s = bf16(1 / 7) = 0.142578125.
static void test_known(void **state) {
  (void)state;
  const float x[] = {-1.0f, -0.5f, 0.25f, 0.75f};
  int8_t codes[4];
  float scale;
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_INTEGER, 4), 4, 1, 2.4};
  resq_quantize_weight(1, x, 1, 4, &how, codes, &scale);
  assert_true(scale == 0.142578125f);
  const int8_t expected[] = {-7, -4, 2, 5};
  assert_memory_equal(codes, expected, 4);
}

static void test_bf16(void **state) {
  (void)state;
  assert_true(resq_round_bf16(1.00390625f) == 1.0f);      // a tie to even
  assert_true(resq_round_bf16(1.01171875f) == 1.015625f); // a tie to even, upwards
  assert_true(resq_round_bf16(-1.0078125f) == -1.0078125f);
  assert_true(isinf(resq_round_bf16(3.4028235e38f)));
  assert_true(isnan(resq_round_bf16(NAN)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_widths_of_codes),
      cmocka_unit_test(test_groups_and_odd_sizes),
      cmocka_unit_test(test_norms_and_no_search),
      cmocka_unit_test(test_e4m3),
      cmocka_unit_test(test_e4m3_without_numbers),
      cmocka_unit_test(test_search_clips),
      cmocka_unit_test(test_zeros_and_tiny),
      cmocka_unit_test(test_known),
      cmocka_unit_test(test_bf16),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
