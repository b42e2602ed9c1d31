//===-- hadamard_test.c - Hadamard transforms, level against level --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The generic transform against its matrix in double, AVX-512 against the generic
// bit for bit, in place and not, rows strided, one and two threads.
//===----------------------------------------------------------------------===//
#include "quant_harness.h"
#include <math.h>

__typeof__(resq_hadamard_generic) resq_hadamard_avx512;

typedef struct hadamard_case {
  int64_t rows, ldx, ldy, width, size, order;
  const float *x;
  const int8_t *signs;
  float *y;
} hadamard_case;

static void call_generic(resq_worker *w, void *p) {
  const hadamard_case *c = p;
  resq_hadamard_generic(w, 0, c->x, c->signs, c->y, c->rows, c->ldx, c->ldy, c->width, c->size,
                        c->order);
}

static void call_avx512(resq_worker *w, void *p) {
  const hadamard_case *c = p;
  resq_hadamard_avx512(w, 0, c->x, c->signs, c->y, c->rows, c->ldx, c->ldy, c->width, c->size,
                       c->order);
}

static float *run_case(hadamard_case c, kernel_call call, int threads, int in_place) {
  const size_t size = (size_t)(c.rows * c.ldy) * sizeof(float);
  c.y = aligned_bytes(size);
  if (in_place) {
    for (int64_t r = 0; r < c.rows; ++r)
      memcpy(c.y + r * c.ldy, c.x + r * c.ldx, (size_t)c.width * sizeof(float));
    c.x = c.y;
    c.ldx = c.ldy;
  }
  run_kernel(call, &c, threads);
  return c.y;
}

/// Element `at` of the transform of one block: signs (x) Sylvester, entry by entry.
static double reference(const hadamard_case *c, const float *x, int64_t at) {
  const int64_t length = c->size / c->order;
  double sum = 0;
  for (int64_t j = 0; j < c->size; ++j) {
    const int sylvester = __builtin_parityll((unsigned long long)(at % length & j % length));
    const int8_t sign = c->order == 1 ? 1 : c->signs[at / length * c->order + j / length];
    sum += (sylvester ? -1.0 : 1.0) * sign * (double)x[j];
  }
  return sum / sqrt((double)c->size);
}

static void check_reference(const hadamard_case *c, const float *y) {
  for (int64_t r = 0; r < c->rows; ++r)
    for (int64_t i = 0; i < c->width; i += c->width > 200 ? 13 : 1) {
      const float *x = c->x + r * c->ldx + i / c->size * c->size;
      const double expected = reference(c, x, i % c->size);
      assert_true(fabs(y[r * c->ldy + i] - expected) <= 2e-6 * (4 + fabs(expected)));
    }
}

static void check_case(int64_t rows, int64_t blocks, int64_t size, int64_t order, uint64_t seed) {
  int8_t *signs = aligned_bytes((size_t)(order * order));
  for (int64_t i = 0; i < order * order; ++i)
    signs[i] = random_bits(&seed) & 1 ? 1 : -1;
  const int64_t width = blocks * size;
  hadamard_case c = {
      rows, width + 3, width + 5, width, size, order, NULL, order == 1 ? NULL : signs, NULL};
  float *x = random_rows(rows * c.ldx, 2.0f, seed);
  c.x = x;
  float *expected = run_case(c, call_generic, 1, 0);
  check_reference(&c, expected);
  for (int way = 0; way < 6; ++way) {
    const int avx512 = way >= 2;
    if (avx512 && !has_avx512())
      continue;
    float *y = run_case(c, avx512 ? call_avx512 : call_generic, 1 + way % 2, way < 2 || way > 3);
    assert_memory_equal(y, expected, (size_t)(rows * c.ldy) * sizeof(float));
    free(y);
  }
  free(expected);
  free(x);
  free(signs);
}

static void test_powers_of_two(void **state) {
  (void)state;
  for (int64_t size = 1; size <= 8192; size *= 2)
    for (int64_t rows = 1; rows <= 7; rows += 3)
      check_case(rows, size > 500 ? 1 : 3, size, 1, (uint64_t)(size + rows));
  check_case(130, 9, 64, 1, 5);
}

static void test_orders(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{12, 12},   {24, 12},   {48, 12},  {96, 12},   {192, 12},
                                      {384, 12},  {1536, 12}, {20, 20},  {160, 20},  {640, 20},
                                      {1280, 20}, {28, 28},   {224, 28}, {3584, 28}, {76, 76},
                                      {4864, 76}, {12288, 12}};
  for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); ++s)
    for (int64_t rows = 1; rows <= 5; rows += 4)
      check_case(rows, shapes[s][0] > 500 ? 1 : 2, shapes[s][0], shapes[s][1], s + 1);
  check_case(130, 1, 1280, 20, 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_powers_of_two),
      cmocka_unit_test(test_orders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
