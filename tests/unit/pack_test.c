// LINK: compiler
//===-- pack_test.c - stored orders and element types ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/philox.h"
#include "kernels/layout/pack_layout.h"
#include "lowering/numeric/pack.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

//===-- Elements ----------------------------------------------------------===//

static uint16_t stored16(resq_float element, double x) {
  uint16_t bits;
  resq_store_f64(element, x, &bits);
  return bits;
}

static uint16_t half_of(double x) {
  _Float16 half = (_Float16)x;
  uint16_t bits;
  memcpy(&bits, &half, sizeof bits);
  return bits;
}

/// Every half, and what lies just beside and between: against the compiler's own conversion.
static void test_f16_rounds_to_nearest_even(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint16_t low = (uint16_t)bits;
    _Float16 half;
    memcpy(&half, &low, sizeof half);
    double x = (double)half;
    if (!isfinite(x))
      continue;
    assert_int_equal(stored16(RESQ_FLOAT_F16, x), low);
    uint16_t up = (uint16_t)(bits + 1);
    _Float16 next;
    memcpy(&next, &up, sizeof next);
    if (!isfinite((double)next) || (bits & 0x7fff) == 0x7fff)
      continue;
    double middle = (x + (double)next) / 2;
    const double cases[] = {middle, nextafter(middle, 0), nextafter(middle, middle * 2),
                            x * 1.0001};
    for (int i = 0; i < 4; ++i) {
      if (stored16(RESQ_FLOAT_F16, cases[i]) != half_of(cases[i]))
        fail_msg("%.17g: %04x, not %04x", cases[i], stored16(RESQ_FLOAT_F16, cases[i]),
                 half_of(cases[i]));
      float single = (float)cases[i];
      uint16_t out;
      resq_store_rows(RESQ_FLOAT_F16, &single, false, 1, &out);
      assert_int_equal(out, half_of((double)single));
    }
  }
  assert_int_equal(stored16(RESQ_FLOAT_F16, 65519.99), 0x7bff);
  assert_int_equal(stored16(RESQ_FLOAT_F16, 65520), 0x7c00);
  assert_int_equal(stored16(RESQ_FLOAT_F16, -1e300), 0xfc00);
}

static void test_bf16_rounds_once(void **state) {
  (void)state;
  assert_int_equal(stored16(RESQ_FLOAT_BF16, 1.0), 0x3f80);
  assert_int_equal(stored16(RESQ_FLOAT_BF16, 1.00390625), 0x3f80);
  assert_int_equal(stored16(RESQ_FLOAT_BF16, 1.01171875), 0x3f82);
  // Just above a tie by less than an f32 step: rounding through f32 would fall back on the tie.
  assert_int_equal(stored16(RESQ_FLOAT_BF16, 1.00390625 + 0x1p-40), 0x3f81);
  assert_int_equal(stored16(RESQ_FLOAT_BF16, -(1.00390625 + 0x1p-40)), 0xbf81);
  assert_int_equal(stored16(RESQ_FLOAT_BF16, 1.01171875 - 0x1p-40), 0x3f81);
  assert_int_equal(stored16(RESQ_FLOAT_BF16, NAN) & 0x7fc0, 0x7fc0);
}

//===-- Panels ------------------------------------------------------------===//

static void test_panel(void **state) {
  (void)state;
  enum { N = 37, K = 11, PADDED = 48 };
  float x[N * K], out[PADDED * K], one[PADDED * K];
  double wide[N * K];
  uint16_t half[PADDED * K];
  for (int i = 0; i < N * K; ++i)
    wide[i] = x[i] = (float)(i + 1);
  resq_pack_panel(2, RESQ_FLOAT_F32, x, false, N, K, out);
  resq_pack_panel(1, RESQ_FLOAT_F32, wide, true, N, K, one);
  resq_pack_panel(2, RESQ_FLOAT_BF16, wide, true, N, K, half);
  assert_memory_equal(out, one, sizeof out);
  for (int n = 0; n < PADDED; ++n)
    for (int k = 0; k < K; ++k) {
      int at = ((n / 16) * K + k) * 16 + n % 16;
      float expected = n < N ? x[n * K + k] : 0;
      assert_true(out[at] == expected);
      assert_int_equal(half[at], stored16(RESQ_FLOAT_BF16, expected));
    }
}

//===-- Codes -------------------------------------------------------------===//

static void check_codes(int64_t n, int64_t k, int64_t group, int bits) {
  int8_t *codes = malloc((size_t)(n * k));
  int span = 1 << bits;
  for (int64_t i = 0; i < n * k; ++i) {
    uint32_t words[4];
    resq_philox(13, (uint64_t)i, words);
    codes[i] = (int8_t)((int)(words[0] % (uint32_t)span) - span / 2);
  }
  int64_t size = resq_packed_scales_offset(n, k, group, bits);
  uint8_t *out = malloc((size_t)size),
          *expected = malloc((size_t)resq_packed_weight_size(n, k, group, k, bits));
  resq_pack_codes(2, codes, n, k, resq_packing_of(group, bits),
                  resq_codebook_of(RESQ_CODE_INTEGER, (unsigned)bits), out);
  resq_pack_clear(expected, n, k, group, k, bits);
  for (int64_t c = 0; c < n; ++c)
    for (int64_t i = 0; i < k; ++i) {
      resq_pack_weight_code(expected, c, i, codes[c * k + i], k, group, bits);
      assert_int_equal(resq_unpack_weight_code(out, c, i, k, group, bits), codes[c * k + i]);
    }
  assert_memory_equal(out, expected, (size_t)size);
  // A block of rows gives the same tiles.
  if (n > 16) {
    resq_pack_codes(1, codes + 16 * k, n - 16, k, resq_packing_of(group, bits),
                    resq_codebook_of(RESQ_CODE_INTEGER, (unsigned)bits), out);
    int64_t tile = resq_packed_tile_bytes(k, group, bits);
    assert_memory_equal(out, expected + tile, (size_t)(size - tile));
  }
  free(codes), free(out), free(expected);
}

/// E4M3 codes are stored as they are, padding as 0.
static void test_e4m3_codes(void **state) {
  (void)state;
  enum { N = 19, K = 30, GROUP = 10 };
  int8_t codes[N * K];
  for (int i = 0; i < N * K; ++i)
    codes[i] = (int8_t)(i * 7);
  int64_t size = resq_packed_scales_offset(N, K, GROUP, 8);
  uint8_t *out = malloc((size_t)size), *expected = calloc(1, (size_t)size);
  resq_pack_codes(2, codes, N, K, resq_packing_of(GROUP, 8), resq_codebook_of(RESQ_CODE_E4M3, 8),
                  out);
  for (int c = 0; c < N; ++c)
    for (int k = 0; k < K; ++k) {
      expected[resq_packed_unit_at(c, k, K, GROUP, 8) +
               resq_packed_index(c, resq_packed_column(k, GROUP))] = (uint8_t)codes[c * K + k];
    }
  assert_memory_equal(out, expected, (size_t)size);
  free(out), free(expected);
}

static void test_codes(void **state) {
  (void)state;
  for (int bits = 2; bits <= 8; ++bits) {
    check_codes(16, 64, 64, bits);
    check_codes(35, 30, 30, bits);
    check_codes(33, 70, 7, bits);
    check_codes(1, 504, 56, bits);
  }
}

static void test_scales(void **state) {
  (void)state;
  const float scales[] = {1, 2, 3, 4, 5, 6}; // three rows of two groups
  uint16_t out[2 * 16] = {0};
  resq_pack_scales(scales, 2, 2, 0, 3, out);
  resq_pack_scales(scales + 4, 1, 2, 2, 3, out);
  for (int g = 0; g < 2; ++g)
    for (int r = 0; r < 16; ++r)
      assert_int_equal(out[g * 16 + r],
                       r < 3 ? stored16(RESQ_FLOAT_BF16, (double)scales[r * 2 + g]) : 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_f16_rounds_to_nearest_even),
      cmocka_unit_test(test_bf16_rounds_once),
      cmocka_unit_test(test_panel),
      cmocka_unit_test(test_codes),
      cmocka_unit_test(test_e4m3_codes),
      cmocka_unit_test(test_scales),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
