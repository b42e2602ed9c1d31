//===-- qlinear_test.c - quantised linears, level against level -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The generic kernel against dequantised values in double, and AVX-512 against the
// generic bit for bit: odd shapes, groups, one and two branches, threads, and a row
// alone against the same row among others. Nothing past n is written.
//===----------------------------------------------------------------------===//
#include "kernels/layout/trellis_weights.h"
#include "quant_harness.h"
#include <math.h>

__typeof__(resq_qlinear_generic) resq_qlinear_avx2, resq_qlinear_avx512, resq_qlinear_avx512vbmi;

typedef struct branch {
  int64_t k, group, wgroup, abits, wbits, trellis;
  int8_t *codes;
  resq_quant_meta *meta;
  uint8_t *weight;
} branch;

typedef struct linear_case {
  int64_t rows, n, ldy, first; ///< first: the row a call begins with
  branch a, b;
  const float *bias;
  float *y;
} linear_case;

static const int8_t *codes_at(const branch *b, int64_t row) {
  return b->k ? b->codes + row * resq_code_stride(b->k, b->group) : NULL;
}

static const resq_quant_meta *meta_at(const branch *b, int64_t row) {
  return b->k ? b->meta + row * (b->k / b->group) : NULL;
}

#define CALL_LEVEL(level)                                                                          \
  static void call_##level(resq_worker *w, void *p) {                                              \
    const linear_case *c = p;                                                                      \
    resq_qlinear_##level(w, 0, codes_at(&c->a, c->first), meta_at(&c->a, c->first), c->a.weight,   \
                         codes_at(&c->b, c->first), meta_at(&c->b, c->first), c->b.weight,         \
                         c->bias, c->y, c->rows, c->ldy, c->n, c->a.k, c->a.group, c->a.wgroup,    \
                         c->a.abits, c->a.wbits, c->a.trellis, c->b.k, c->b.group, c->b.wgroup,    \
                         c->b.abits, c->b.wbits, c->b.trellis);                                    \
  }
CALL_LEVEL(generic)
CALL_LEVEL(avx2)
CALL_LEVEL(avx512)
CALL_LEVEL(avx512vbmi)

static void quantize_rows(resq_worker *w, void *p) {
  const linear_case *c = p;
  const branch *b = &c->a;
  resq_quantize_generic(w, 0, c->y, NULL, b->codes, b->meta, c->rows, b->k, b->k, b->group,
                        b->group, b->abits, 1.0f);
}

/// Fills a branch with random weights and rows.
static void fill_branch(branch *b, int64_t rows, int64_t n, uint64_t seed) {
  float *x = random_rows(rows * b->k, 3.0f, seed);
  b->codes = aligned_bytes((size_t)(rows * resq_code_stride(b->k, b->group)));
  b->meta = aligned_bytes((size_t)(rows * (b->k / b->group)) * sizeof(resq_quant_meta));
  linear_case c = {.rows = rows, .a = *b, .y = x};
  run_kernel(quantize_rows, &c, 1);
  b->weight = random_weight(n, b->k, b->group, b->wgroup, b->wbits, seed + 1);
  free(x);
}

static void free_branch(branch *b) {
  free(b->codes);
  free(b->meta);
  free(b->weight);
}

/// The code of a channel's weight, `back` channels before in its tile, a ring.
static int32_t stored_code(const branch *b, int64_t channel, int64_t k, int back) {
  const int64_t there = channel / 16 * 16 + (channel + 16 - back) % 16;
  return resq_unpack_weight_code(b->weight, there, k, b->k, b->group, b->wbits) +
         resq_packed_offset(b->wbits);
}

/// What the stored code of a weight stands for.
static int32_t weight_value(const branch *b, int64_t channel, int64_t k) {
  const int32_t code = stored_code(b, channel, k, 0);
  if (!b->trellis)
    return code - resq_packed_offset(b->wbits);
  int state = 0;
  for (int back = resq_trellis_memory(b->wbits); back > 0; --back)
    state = resq_trellis_next(state, stored_code(b, channel, k, back), b->wbits);
  return resq_trellis_values(b->wbits)[resq_trellis_place(state, code, b->wbits)];
}

/// Adds the branch's product of (row, channel) to *value and its size to *magnitude.
static void add_reference(const branch *b, int64_t n, int64_t row, int64_t channel, double *value,
                          double *magnitude) {
  const int64_t groups = b->k / b->group;
  for (int64_t k = 0; k < b->k; ++k) {
    const int64_t g = k / b->group;
    const resq_quant_meta meta = b->meta[row * groups + g];
    const int8_t x_code = codes_at(b, row)[g * resq_round_up(b->group, 8) + k % b->group];
    const double x = (double)meta.scale * (x_code + meta.shift);
    const double scale = bf16_value(
        *resq_packed_scale(b->weight, channel, k / b->wgroup, n, b->k, b->group, b->wbits));
    const double w = scale * weight_value(b, channel, k);
    *value += x * w;
    *magnitude += fabs(x * w);
  }
}

static void check_reference(const linear_case *c) {
  for (int64_t r = 0; r < c->rows; r += c->rows > 8 ? 5 : 1)
    for (int64_t i = 0; i < c->n; i += c->n > 100 ? 7 : 1) {
      double value = c->bias ? c->bias[i] : 0.0, magnitude = fabs(value);
      add_reference(&c->a, c->n, r, i, &value, &magnitude);
      if (c->b.k)
        add_reference(&c->b, c->n, r, i, &value, &magnitude);
      assert_true(fabs(value - c->y[r * c->ldy + i]) <= 1e-6 * magnitude + 1e-30);
    }
}

static float *run_level(linear_case c, kernel_call call, int threads) {
  c.y = aligned_bytes((size_t)(c.rows * c.ldy) * sizeof(float));
  run_kernel(call, &c, threads);
  return c.y;
}

static void check_equal(const linear_case *c, const float *y, const float *expected) {
  // Whole rows: what stands past n is the fill of both buffers.
  assert_memory_equal(y, expected, (size_t)(c->rows * c->ldy) * sizeof(float));
  const uint32_t *words = (const uint32_t *)y;
  for (int64_t r = 0; r < c->rows; ++r)
    for (int64_t i = c->n; i < c->ldy; ++i)
      assert_int_equal(words[r * c->ldy + i], 0xa5a5a5a5);
}

static void check_single_rows(const linear_case *c, kernel_call call) {
  for (int64_t r = 0; r < c->rows; r += 1 + c->rows / 4) {
    linear_case one = *c;
    one.first = r;
    one.rows = 1;
    float *y = run_level(one, call, 1);
    assert_memory_equal(y, c->y + r * c->ldy, (size_t)c->n * sizeof(float));
    free(y);
  }
}

/// Bit for bit what the generic level gave, on one thread and two, and a row alone.
static void check_level(const linear_case *c, void (*call)(resq_worker *, void *)) {
  for (int threads = 1; threads <= 2; ++threads) {
    float *y = run_level(*c, call, threads);
    check_equal(c, y, c->y);
    free(y);
  }
  check_single_rows(c, call);
}

static void check_case(int64_t rows, int64_t n, branch a, branch b, int with_bias, uint64_t seed) {
  linear_case c = {.rows = rows, .n = n, .ldy = n + 5, .a = a, .b = b};
  float *bias = random_rows(n, 0.5f, seed + 7);
  c.bias = with_bias ? bias : NULL;
  fill_branch(&c.a, rows, n, seed);
  if (b.k)
    fill_branch(&c.b, rows, n, seed + 3);
  c.y = run_level(c, call_generic, 1);
  check_reference(&c);
  check_single_rows(&c, call_generic);
  if (__builtin_cpu_supports("avx2"))
    check_level(&c, call_avx2);
  if (has_avx512())
    check_level(&c, call_avx512);
  if (has_avx512vbmi())
    check_level(&c, call_avx512vbmi);
  float *y = run_level(c, call_generic, 2);
  check_equal(&c, y, c.y);
  free(y);
  free(c.y);
  free(bias);
  free_branch(&c.a);
  if (b.k)
    free_branch(&c.b);
}

static const branch none = {0};

/// Of trellis codes.
static branch trellis_shape(int64_t k, int64_t group, int64_t wgroup, int64_t abits,
                            int64_t wbits) {
  return (branch){
      .k = k, .group = group, .wgroup = wgroup, .abits = abits, .wbits = wbits, .trellis = 1};
}

static branch shape(int64_t k, int64_t group, int64_t wgroup, int64_t abits, int64_t wbits) {
  return (branch){.k = k, .group = group, .wgroup = wgroup, .abits = abits, .wbits = wbits};
}

/// Every row count that takes another path, at odd numbers of channels.
static void test_rows_and_channels(void **state) {
  (void)state;
  static const int64_t channels[] = {1, 15, 16, 17, 33, 64};
  static const int64_t rows[] = {18, 25, 33, 97, 130};
  for (size_t i = 0; i < sizeof(channels) / sizeof(*channels); ++i) {
    const int64_t n = channels[i];
    for (int64_t r = 1; r <= 17; ++r)
      check_case(r, n, shape(44, 44, 44, 4, 4), shape(12, 12, 12, 8, 8), r % 2, 100 * n + r);
    for (size_t j = 0; j < sizeof(rows) / sizeof(*rows); ++j)
      check_case(rows[j], n, shape(44, 44, 44, 8, 4), shape(24, 12, 24, 4, 8), j % 2, n + j);
  }
}

/// Widths of codes and weights, one branch.
static void test_bits(void **state) {
  (void)state;
  static const int64_t weight_bits[] = {2, 3, 4, 5, 6, 7, 8};
  static const int64_t row_counts[] = {1, 3, 4, 7, 14, 29};
  for (size_t i = 0; i < sizeof(weight_bits) / sizeof(*weight_bits); ++i)
    for (int64_t abits = 2; abits <= 8; abits += 2)
      for (size_t r = 0; r < sizeof(row_counts) / sizeof(*row_counts); ++r)
        check_case(row_counts[r], 48, shape(100, 100, 100, abits, weight_bits[i]), none, r % 2,
                   1000 * i + 10 * abits + r);
}

/// Groups of activations, with a weight scale per row and per group, padded and not.
static void test_groups(void **state) {
  (void)state;
  static const int64_t groups[][2] = {{56, 9}, {8, 9}, {5, 7}, {13, 3}, {1, 6}, {64, 2}};
  static const int64_t row_counts[] = {1, 2, 5, 12, 31};
  for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); ++i)
    for (size_t r = 0; r < sizeof(row_counts) / sizeof(*row_counts); ++r)
      for (int64_t abits = 4; abits <= 8; abits += 4) {
        const int64_t group = groups[i][0], k = group * groups[i][1];
        check_case(row_counts[r], 40, shape(k, group, k, abits, 4), shape(72, 8, 72, 8, 8), 1,
                   10 * i + r);
        check_case(row_counts[r], 40, shape(k, group, group, abits, 4), shape(72, 8, 8, 8, 8), 0,
                   10 * i + r);
        check_case(row_counts[r], 40, shape(k, group, group, abits, 8), none, 0, 10 * i + r);
      }
}

/// Trellis weights: every path of rows and channels, both widths of activations that differ in how
/// sums of weights are needed, groups with padding, which is no zero weight.
static void check_trellis(int64_t bits) {
  static const int64_t channels[] = {1, 16, 33},
                       groups[][2] = {{56, 3}, {8, 5}, {5, 7}, {13, 3}, {1, 6}, {44, 1}};
  for (size_t i = 0; i < sizeof(channels) / sizeof(*channels); ++i)
    for (int64_t r = 1; r <= 33; r += r < 17 ? 1 : 8)
      check_case(r, channels[i], trellis_shape(45, 45, 45, r % 2 ? 8 : 4, bits),
                 shape(12, 12, 12, 8, 8), r % 3 == 0, 100 * channels[i] + r);
  for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); ++i)
    for (int64_t rows = 1; rows <= 31; rows = rows * 2 + 3)
      for (int64_t abits = 2; abits <= 8; abits += 2) {
        const int64_t group = groups[i][0], k = group * groups[i][1];
        check_case(rows, 40, trellis_shape(k, group, k, abits, bits), shape(72, 8, 72, 8, 8), 1,
                   10 * i + rows);
        check_case(rows, 40, trellis_shape(k, group, group, abits, bits),
                   trellis_shape(k, group, k, 8, 7 - bits), 0, i + rows); // of the other trellis
      }
  check_case(5, 100, trellis_shape(8200, 8200, 8200, 8, bits), none, 1, 3);
}

static void test_trellises(void **state) {
  (void)state;
  check_trellis(3);
  check_trellis(4);
}

/// The head of a call that asks for no logits.
static void test_no_rows(void **state) {
  (void)state;
  check_case(0, 100, shape(64, 64, 64, 8, 4), shape(16, 16, 16, 8, 8), 1, 1);
}

/// The shapes of SmolLM2-135M, and long rows.
static void test_model_shapes(void **state) {
  (void)state;
  static const int64_t row_counts[] = {1, 4, 16, 34};
  for (size_t r = 0; r < sizeof(row_counts) / sizeof(*row_counts); ++r) {
    const int64_t rows = row_counts[r];
    check_case(rows, 576, shape(504, 504, 504, 4, 4), shape(72, 72, 72, 8, 8), 0, r);
    check_case(rows, 576, shape(504, 56, 504, 4, 4), shape(72, 8, 72, 8, 8), 0, r);
    check_case(rows, 576, shape(1280, 1280, 1280, 8, 4), shape(256, 256, 256, 8, 8), 1, r);
    check_case(rows, 192, shape(1536, 1536, 1536, 4, 4), none, 0, r);
    check_case(rows, 100, shape(8200, 8200, 8200, 8, 8), none, 1, r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows_and_channels),
      cmocka_unit_test(test_bits),
      cmocka_unit_test(test_groups),
      cmocka_unit_test(test_trellises),
      cmocka_unit_test(test_no_rows),
      cmocka_unit_test(test_model_shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
