//===-- quantize_test.c - activation codes, level against level -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The generic quantiser against a direct transcription of resq.quantize, and the
// AVX-512 one against the generic: codes, scales and sums exactly, padding zero.
//===----------------------------------------------------------------------===//
#include "quant_harness.h"
#include <math.h>

__typeof__(resq_quantize_generic) resq_quantize_avx512;

typedef struct quantize_case {
  int64_t rows, ldx, width, group, range, bits;
  float clip;
  const float *x;
  int8_t *codes;
  resq_quant_meta *meta;
  const float *clip_by; ///< NULL, or in the place of clip
} quantize_case;

static void call_generic(resq_worker *w, void *p) {
  const quantize_case *c = p;
  resq_quantize_generic(w, 0, c->x, c->clip_by, c->codes, c->meta, c->rows, c->ldx, c->width,
                        c->group, c->range, c->bits, c->clip);
}

static void call_avx512(resq_worker *w, void *p) {
  const quantize_case *c = p;
  resq_quantize_avx512(w, 0, c->x, c->clip_by, c->codes, c->meta, c->rows, c->ldx, c->width,
                       c->group, c->range, c->bits, c->clip);
}

static size_t code_bytes(const quantize_case *c) {
  return (size_t)(c->rows * resq_code_stride(c->width, c->group));
}

static size_t meta_bytes(const quantize_case *c) {
  return (size_t)(c->rows * (c->width / c->group)) * sizeof(resq_quant_meta);
}

static void run_case(quantize_case *c, kernel_call call, int threads) {
  c->codes = aligned_bytes(code_bytes(c));
  c->meta = aligned_bytes(meta_bytes(c));
  run_kernel(call, c, threads);
}

/// The generic codes of a group against the words of resq.td, with libm's rounding.
static void check_group(const quantize_case *c, int64_t row, int64_t g) {
  const float *x = c->x + row * c->ldx + g * c->group;
  const int8_t *codes =
      c->codes + row * resq_code_stride(c->width, c->group) + g * resq_round_up(c->group, 8);
  const resq_quant_meta meta = c->meta[row * (c->width / c->group) + g];
  const int top = (1 << c->bits) - 1;
  const float *first = x - g * c->group % c->range;
  float low = 0, high = 0;
  for (int64_t i = 0; i < c->range; ++i) {
    low = fminf(low, first[i]);
    high = fmaxf(high, first[i]);
  }
  low *= c->clip_by ? *c->clip_by : c->clip;
  high *= c->clip_by ? *c->clip_by : c->clip;
  const float scale = fmaxf((high - low) / (float)top, 1e-8f);
  const int zero = (int)nearbyintf(-low / scale);
  int32_t sum = 0;
  for (int64_t i = 0; i < c->group; ++i) {
    int code = (int)nearbyintf(x[i] / scale) + zero;
    code = code < 0 ? 0 : code > top ? top : code;
    assert_int_equal(codes[i], c->bits == 8 ? code - 128 : code - zero);
    sum += codes[i];
  }
  for (int64_t i = c->group; i < resq_round_up(c->group, 8); ++i)
    assert_int_equal(codes[i], 0);
  assert_true(meta.scale == scale);
  assert_int_equal(meta.sum, sum);
  assert_int_equal(meta.shift, c->bits == 8 ? 128 - zero : 0);
}

static void check_case(quantize_case c) {
  run_case(&c, call_generic, 1);
  const quantize_case expected = c;
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t g = 0; g < c.width / c.group; ++g)
      check_group(&c, r, g);
    for (int64_t i = resq_padded_k(c.width, c.group); i < resq_code_stride(c.width, c.group); ++i)
      assert_int_equal(c.codes[r * resq_code_stride(c.width, c.group) + i], 0);
  }
  for (int threads = 1; threads <= 2 && has_avx512(); ++threads) {
    run_case(&c, call_avx512, threads);
    assert_memory_equal(c.codes, expected.codes, code_bytes(&c));
    assert_memory_equal(c.meta, expected.meta, meta_bytes(&c));
    assert_int_equal(((uint8_t *)c.codes)[code_bytes(&c)], 0xa5);
    free(c.codes);
    free(c.meta);
  }
  free(expected.codes);
  free(expected.meta);
}

static void test_shapes(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{8, 8},     {1, 1},     {5, 5},      {15, 5},  {16, 16},
                                      {17, 17},   {33, 33},   {64, 64},    {72, 72}, {504, 504},
                                      {504, 56},  {576, 576}, {576, 64},   {576, 8}, {1280, 1280},
                                      {1536, 64}, {1529, 11}, {1536, 1536}};
  static const int64_t row_counts[] = {1, 2, 7, 33, 130};
  for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); ++s)
    for (size_t i = 0; i < sizeof(row_counts) / sizeof(*row_counts); ++i) {
      const int64_t rows = row_counts[i], width = shapes[s][0], ldx = width + 3;
      float *x = random_rows(rows * ldx, 4.0f, 17 * s + i);
      for (int64_t bits = 2; bits <= 8; ++bits)
        check_case((quantize_case){rows, ldx, width, shapes[s][1], shapes[s][1], bits,
                                   bits % 2 ? 1.0f : 0.875f, x, NULL, NULL, NULL});
      free(x);
    }
}

/// Groups that share a range: the whole row, or three of six.
static void test_ranges(void **state) {
  (void)state;
  static const int64_t shapes[][3] = {
      {504, 56, 504}, {48, 8, 24}, {66, 11, 33}, {1536, 64, 1536}, {576, 64, 192}};
  for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); ++s) {
    const int64_t rows = 7, width = shapes[s][0];
    float *x = random_rows(rows * width, 4.0f, 23 + s);
    for (int64_t bits = 2; bits <= 8; ++bits)
      check_case((quantize_case){rows, width, width, shapes[s][1], shapes[s][2], bits, 0.875f, x,
                                 NULL, NULL, NULL});
    free(x);
  }
}

/// Rows of one sign, zeros, ties, tiny and huge values, and a clip that saturates.
static void test_extremes(void **state) {
  (void)state;
  enum { rows = 8, width = 40 };
  float *x = random_rows(rows * width, 1.0f, 3);
  for (int i = 0; i < width; ++i) {
    x[i] = fabsf(x[i]);
    x[width + i] = -fabsf(x[width + i]);
    x[2 * width + i] = 0.0f;
    x[3 * width + i] = (float)(i % 16) * 0.5f;
    x[4 * width + i] *= 1e-12f;
    x[5 * width + i] *= 1e30f;
    x[6 * width + i] = i ? 1e-3f : -50.0f;
    x[7 * width + i] = -0.0f;
  }
  for (int64_t bits = 2; bits <= 8; ++bits) {
    check_case((quantize_case){rows, width, width, width, width, bits, 1.0f, x, NULL, NULL, NULL});
    check_case((quantize_case){rows, width, width, 20, 20, bits, 0.25f, x, NULL, NULL, NULL});
  }
  free(x);
}

/// A clip from a parameter: the constant does not count.
static void test_clip_by(void **state) {
  (void)state;
  enum { rows = 5, width = 60 };
  const float ratio = 0.7f;
  float *x = random_rows(rows * width, 2.0f, 9);
  for (int64_t bits = 2; bits <= 8; ++bits)
    check_case((quantize_case){rows, width, width, 20, 20, bits, 1.0f, x, NULL, NULL, &ratio});
  free(x);
}

/// NaN and infinity give some codes in range, the same at every level.
static void test_not_finite(void **state) {
  (void)state;
  enum { width = 50 };
  if (!has_avx512()) {
    print_message("skipped: this CPU lacks the level avx512\n");
    skip();
  }
  float *x = random_rows(3 * width, 1.0f, 5);
  x[3] = NAN;
  x[49] = NAN;
  x[width + 7] = INFINITY;
  x[2 * width + 1] = -INFINITY;
  x[2 * width + 2] = INFINITY;
  for (int64_t bits = 2; bits <= 8; ++bits) {
    quantize_case a = {3, width, width, width, width, bits, 1.0f, x, NULL, NULL, NULL}, b = a;
    run_case(&a, call_generic, 1);
    run_case(&b, call_avx512, 1);
    assert_memory_equal(a.codes, b.codes, code_bytes(&a));
    assert_memory_equal(a.meta, b.meta, meta_bytes(&a));
    free(a.codes);
    free(a.meta);
    free(b.codes);
    free(b.meta);
  }
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes),     cmocka_unit_test(test_ranges),
      cmocka_unit_test(test_extremes),   cmocka_unit_test(test_clip_by),
      cmocka_unit_test(test_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
