//===-- qlinear_e4m3_test.c - linears of E4M3 codes, level against level --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both levels against decoded values in double: odd shapes, groups, a bias or what y holds,
// threads, a row alone against the same row among others. All 256 activation codes meet all
// weights'; NaN reaches its row's results and no other. Nothing past n is written.
//===----------------------------------------------------------------------===//
#include "kernels/e4m3.h"
#include "quant_harness.h"
#include <math.h>

__typeof__(resq_qlinear_e4m3_generic) resq_qlinear_e4m3_avx512;

typedef struct linear_case {
  int64_t rows, n, ldy, first, k, group, wgroup, add; ///< first: the row a call begins with
  uint8_t *codes, *weight;
  float *scales, *bias, *y; ///< bias: NULL for none
} linear_case;

#define CALL_LEVEL(level)                                                                          \
  static void call_##level(resq_worker *w, void *p) {                                              \
    const linear_case *c = p;                                                                      \
    resq_qlinear_e4m3_##level(w, 0, c->codes + c->first * resq_code_stride(c->k, c->group),        \
                              c->scales + c->first * (c->k / c->group), c->weight, c->bias, c->y,  \
                              c->rows, c->ldy, c->n, c->k, c->group, c->wgroup, c->add);           \
  }
CALL_LEVEL(generic)
CALL_LEVEL(avx512)

/// A code that is no NaN.
static uint8_t random_code(uint64_t *seed) {
  const uint8_t code = (uint8_t)random_bits(seed);
  return (code & 0x7f) == 0x7f ? code ^ 1 : code;
}

static int64_t code_at(const linear_case *c, int64_t row, int64_t k) {
  return row * resq_code_stride(c->k, c->group) + k / c->group * resq_round_up(c->group, 8) +
         k % c->group;
}

static uint8_t *weight_at(const linear_case *c, int64_t channel, int64_t k) {
  return c->weight + resq_packed_unit_at(channel, k, c->k, c->group, 8) +
         resq_packed_index(channel, resq_packed_column(k, c->group));
}

static void fill_case(linear_case *c, uint64_t seed) {
  const size_t size = (size_t)resq_packed_weight_size(c->n, c->k, c->group, c->wgroup, 8);
  const size_t codes = (size_t)(c->rows * resq_code_stride(c->k, c->group));
  c->weight = memset(aligned_bytes(size), 0, size);
  c->codes = memset(aligned_bytes(codes), 0, codes);
  c->scales = random_rows(c->rows * (c->k / c->group), 0.01f, seed + 1);
  for (int64_t r = 0; r < c->rows; ++r)
    for (int64_t k = 0; k < c->k; ++k)
      c->codes[code_at(c, r, k)] = random_code(&seed);
  for (int64_t i = 0; i < c->n; ++i) {
    for (int64_t k = 0; k < c->k; ++k)
      *weight_at(c, i, k) = random_code(&seed);
    for (int64_t g = 0; g < c->k / c->wgroup; ++g)
      *resq_packed_scale(c->weight, i, g, c->n, c->k, c->group, 8) =
          (resq_bf16)(0x3c00 + (random_bits(&seed) & 0x1ff));
  }
}

/// What the call adds to: one number for each (row, channel).
static float before(const linear_case *c, int64_t row, int64_t channel) {
  return c->add ? (float)(row * 3 - channel) : c->bias ? c->bias[channel] : 0.0f;
}

static float *run_level(linear_case c, kernel_call call, int threads) {
  c.y = aligned_bytes((size_t)(c.rows * c.ldy) * sizeof(float));
  for (int64_t r = 0; c.add && r < c.rows; ++r)
    for (int64_t i = 0; i < c.n; ++i)
      c.y[r * c.ldy + i] = before(&c, c.first + r, i);
  run_kernel(call, &c, threads);
  return c.y;
}

static void check_value(const linear_case *c, const float *y, int64_t row, int64_t channel) {
  double value = (double)before(c, row, channel), magnitude = fabs(value);
  for (int64_t k = 0; k < c->k; ++k) {
    const float scale =
        bf16_value(*resq_packed_scale(c->weight, channel, k / c->wgroup, c->n, c->k, c->group, 8));
    const double w = (double)scale * (double)resq_f32_from_e4m3(*weight_at(c, channel, k));
    const double x = (double)c->scales[row * (c->k / c->group) + k / c->group] *
                     (double)resq_f32_from_e4m3(c->codes[code_at(c, row, k)]);
    value += x * w;
    magnitude += fabs(x * w);
  }
  assert_true(fabs(value - (double)y[row * c->ldy + channel]) <= 2e-6 * magnitude + 1e-30);
}

static void check_level(const linear_case *c, kernel_call call) {
  float *y = run_level(*c, call, 1), *again = run_level(*c, call, 3);
  const uint32_t *words = (const uint32_t *)y;
  for (int64_t r = 0; r < c->rows; ++r) {
    for (int64_t i = 0; i < c->n; i += c->n > 100 ? 7 : 1)
      check_value(c, y, r, i);
    for (int64_t i = c->n; i < c->ldy; ++i)
      assert_int_equal(words[r * c->ldy + i], 0xa5a5a5a5);
  }
  assert_memory_equal(y, again, (size_t)(c->rows * c->ldy) * sizeof(float));
  for (int64_t r = 0; r < c->rows; r += 1 + c->rows / 4) {
    linear_case one = *c;
    one.first = r;
    one.rows = 1;
    free(again);
    again = run_level(one, call, 1);
    assert_memory_equal(again, y + r * c->ldy, (size_t)c->n * sizeof(float));
  }
  free(y);
  free(again);
}

static void check_case(linear_case c, int with_bias, uint64_t seed) {
  float *bias = random_rows(c.n, 0.5f, seed + 7);
  c.ldy = c.n + 5;
  c.bias = with_bias ? bias : NULL;
  fill_case(&c, seed);
  check_level(&c, call_generic);
  if (has_avx512())
    check_level(&c, call_avx512);
  free(bias);
  free(c.codes);
  free(c.weight);
  free(c.scales);
}

static linear_case shape(int64_t rows, int64_t n, int64_t k, int64_t group, int64_t wgroup) {
  return (linear_case){.rows = rows, .n = n, .k = k, .group = group, .wgroup = wgroup};
}

static void test_rows_and_channels(void **state) {
  (void)state;
  static const int64_t channels[] = {1, 15, 16, 17, 33, 64}, more[] = {25, 64, 65, 97};
  for (size_t i = 0; i < sizeof channels / sizeof *channels; ++i) {
    for (int64_t r = 1; r <= 18; ++r)
      check_case(shape(r, channels[i], 44, 44, 44), r % 2, 100 * i + (uint64_t)r);
    for (size_t j = 0; j < sizeof more / sizeof *more; ++j)
      check_case(shape(more[j], channels[i], 24, 12, 24), j % 2, i + j);
  }
}

static void test_groups(void **state) {
  (void)state;
  static const int64_t groups[][2] = {{72, 1}, {8, 9}, {5, 7}, {13, 3}, {1, 6}, {64, 2}, {260, 1}};
  static const int64_t rows[] = {1, 2, 5, 12, 31};
  for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i)
    for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
      const int64_t group = groups[i][0], k = group * groups[i][1];
      check_case(shape(rows[r], 40, k, group, k), 1, 10 * i + r);
      check_case(shape(rows[r], 40, k, group, group), 0, 10 * i + r);
    }
}

static void test_adds(void **state) {
  (void)state;
  for (int64_t rows = 1; rows < 80; rows = rows * 2 + 1) {
    linear_case c = shape(rows, 35, 72, 72, 72);
    c.add = 1;
    check_case(c, 1, (uint64_t)rows);
  }
}

/// Row r is code r alone, the weights all codes that are numbers: each y is one product.
static void test_all_codes(void **state) {
  (void)state;
  linear_case c = shape(256, 256, 8, 8, 8);
  fill_case(&c, 3);
  c.ldy = c.n;
  for (int64_t i = 0; i < 256; ++i) {
    c.scales[i] = 1.0f;
    *resq_packed_scale(c.weight, i, 0, c.n, c.k, c.group, 8) = 0x3f80;
    for (int64_t k = 0; k < 8; ++k) {
      c.codes[code_at(&c, i, k)] = k == 5 ? (uint8_t)i : 0;
      *weight_at(&c, i, k) = (i & 0x7f) == 0x7f ? 0 : (uint8_t)i;
    }
  }
  for (int level = 0; level < 1 + has_avx512(); ++level) {
    float *y = run_level(c, level ? call_avx512 : call_generic, 2);
    for (int r = 0; r < 256; ++r)
      for (int i = 0; i < 256; ++i) {
        const float x = resq_f32_from_e4m3((uint8_t)r);
        const float w = resq_f32_from_e4m3(*weight_at(&c, i, 5));
        if (isnan(x))
          assert_true(isnan(y[r * 256 + i]));
        else
          assert_true(y[r * 256 + i] == x * w);
      }
    free(y);
  }
  free(c.codes);
  free(c.weight);
  free(c.scales);
}

static void test_model_shapes(void **state) {
  (void)state;
  static const int64_t rows[] = {1, 4, 16, 34};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    check_case(shape(rows[r], 576, 72, 72, 72), 0, r);
    check_case(shape(rows[r], 576, 72, 8, 72), 0, r);
    check_case(shape(rows[r], 576, 256, 256, 256), 1, r);
    check_case(shape(rows[r], 100, 8200, 8200, 8200), 1, r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows_and_channels),
      cmocka_unit_test(test_groups),
      cmocka_unit_test(test_adds),
      cmocka_unit_test(test_all_codes),
      cmocka_unit_test(test_model_shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
