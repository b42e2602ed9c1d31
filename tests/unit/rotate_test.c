//===-- rotate_test.c - block rotations, level against level --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both levels against double sums: an error of at most 2 size 2^-24 sum |x m|. At each
// level a row has the same bits alone and among others, with one and two threads.
//===----------------------------------------------------------------------===//
#include "quant_harness.h"
#include <math.h>

__typeof__(resq_rotate_generic) resq_rotate_avx512;

typedef struct rotate_case {
  int64_t rows, ldx, ldy, groups, size, blocks;
  const float *x, *matrix;
  float *y;
} rotate_case;

static void call_generic(resq_worker *w, void *p) {
  const rotate_case *c = p;
  resq_rotate_generic(w, 0, c->x, c->matrix, c->y, c->rows, c->ldx, c->ldy, c->groups, c->size,
                      c->blocks);
}

static void call_avx512(resq_worker *w, void *p) {
  const rotate_case *c = p;
  resq_rotate_avx512(w, 0, c->x, c->matrix, c->y, c->rows, c->ldx, c->ldy, c->groups, c->size,
                     c->blocks);
}

static float *run_case(rotate_case c, kernel_call call, int threads) {
  c.y = aligned_bytes((size_t)(c.rows * c.ldy) * sizeof(float));
  run_kernel(call, &c, threads);
  return c.y;
}

static void check_value(const rotate_case *c, const float *y, int64_t row, int64_t at) {
  const int64_t j = at / c->size, column = at % c->size;
  const float *x = c->x + row * c->ldx + j * c->size;
  const float *m = c->matrix + j * c->blocks / c->groups * c->size * c->size + column;
  double sum = 0, magnitude = 0;
  for (int64_t k = 0; k < c->size; ++k) {
    sum += (double)x[k] * m[k * c->size];
    magnitude += fabs((double)x[k] * m[k * c->size]);
  }
  assert_true(fabs(y[row * c->ldy + at] - sum) <= 2.0 * (double)c->size * 0x1p-24 * magnitude);
}

static void check_level(const rotate_case *c, kernel_call call) {
  const int64_t width = c->groups * c->size;
  const size_t bytes = (size_t)(c->rows * c->ldy) * sizeof(float);
  float *y = run_case(*c, call, 1), *threads = run_case(*c, call, 2);
  assert_memory_equal(y, threads, bytes);
  const uint32_t *words = (const uint32_t *)y;
  for (int64_t r = 0; r < c->rows; ++r) {
    for (int64_t i = 0; i < width; i += width > 300 ? 11 : 1)
      check_value(c, y, r, i);
    for (int64_t i = width; i < c->ldy; ++i)
      assert_int_equal(words[r * c->ldy + i], 0xa5a5a5a5);
    rotate_case one = *c;
    one.rows = 1;
    one.x += r * c->ldx;
    float *alone = run_case(one, call, 1);
    assert_memory_equal(alone, y + r * c->ldy, (size_t)width * sizeof(float));
    free(alone);
  }
  free(y);
  free(threads);
}

static void test_shapes(void **state) {
  (void)state;
  static const int64_t shapes[][3] = {{1, 1, 1},   {3, 5, 3},  {4, 16, 2},  {9, 64, 3},
                                      {9, 64, 1},  {3, 72, 3}, {2, 100, 1}, {8, 128, 2},
                                      {1, 576, 1}, {9, 56, 9}};
  static const int64_t row_counts[] = {1, 2, 3, 7, 17, 50};
  for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); ++s)
    for (size_t r = 0; r < sizeof(row_counts) / sizeof(*row_counts); ++r) {
      const int64_t groups = shapes[s][0], size = shapes[s][1], blocks = shapes[s][2];
      const int64_t width = groups * size, rows = row_counts[r];
      float *x = random_rows(rows * (width + 3), 2.0f, s + r);
      float *matrix = random_rows(blocks * size * size, 1.0f, s);
      const rotate_case c = {rows, width + 3, width + 1, groups, size, blocks, x, matrix, NULL};
      check_level(&c, call_generic);
      if (has_avx512())
        check_level(&c, call_avx512);
      free(x);
      free(matrix);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
