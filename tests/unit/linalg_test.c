// LINK: compiler
//===-- linalg_test.c - products, eigenvectors, random matrices -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Against naive loops and defining properties; same bytes at any thread count.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "lowering/numeric/hadamard_rows.h"
#include "lowering/numeric/linalg.h"
#include "lowering/support/parallel.h"
#include "resq/dialect.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *normals(int64_t count, uint64_t seed) {
  double *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; ++i)
    x[i] = resq_philox_normal(seed, (uint64_t)i);
  return x;
}

static void assert_near(double a, double b, double bound) {
  if (!(fabs(a - b) <= bound))
    fail_msg("%.17g and %.17g differ by more than %g", a, b, bound);
}

/// max |q^T q - 1|.
static double orthogonality(const double *q, int64_t n) {
  double worst = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = i == j ? -1 : 0;
      for (int64_t k = 0; k < n; ++k)
        sum += q[k * n + i] * q[k * n + j];
      worst = fabs(sum) > worst ? fabs(sum) : worst;
    }
  return worst;
}

//===-- parallel ----------------------------------------------------------===//

static void count_task(void *user, int64_t task) {
  __atomic_fetch_add(&((int *)user)[task], 1, __ATOMIC_RELAXED);
}

static void test_parallel_runs_each_task_once(void **state) {
  (void)state;
  for (int threads = 0; threads < 5; ++threads) {
    int counts[100] = {0};
    resq_parallel(threads, 100, count_task, counts);
    for (int i = 0; i < 100; ++i)
      assert_int_equal(counts[i], 1);
  }
  resq_parallel(2, 0, count_task, NULL);
}

//===-- matmul ------------------------------------------------------------===//

static void test_matmul_equals_naive(void **state) {
  (void)state;
  enum { M = 301, N = 37, K = 65 };
  double *a = normals(M * K, 1), *b = normals(K * N, 2), *c = malloc(sizeof(double[M * N]));
  for (int transposed = 0; transposed < 2; ++transposed) {
    resq_matmul_f64(2, a, K, b, transposed ? K : N, transposed, c, N, M, N, K);
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < N; ++j) {
        double sum = 0;
        for (int k = 0; k < K; ++k)
          sum += a[i * K + k] * (transposed ? b[j * K + k] : b[k * N + j]);
        assert_near(c[i * N + j], sum, 1e-12);
      }
  }
  free(a), free(b), free(c);
}

/// Row ranges that start at multiples of RESQ_TASK_ROWS, at any thread count: the bits of one
/// product.
static void test_matmul_is_the_same_in_parts(void **state) {
  (void)state;
  enum { M = 700, N = 72 };
  double *a = normals(M * N, 3), *b = normals(N * N, 4);
  double *whole = malloc(sizeof(double[M * N])), *parts = malloc(sizeof(double[M * N]));
  resq_matmul_f64(1, a, N, b, N, false, whole, N, M, N, N);
  for (int64_t first = 0; first < M; first += 2 * RESQ_TASK_ROWS) {
    int64_t rows = M - first < 2 * RESQ_TASK_ROWS ? M - first : 2 * RESQ_TASK_ROWS;
    resq_matmul_f64(2, a + first * N, N, b, N, false, parts + first * N, N, rows, N, N);
  }
  assert_memory_equal(whole, parts, sizeof(double[M * N]));
  free(a), free(b), free(whole), free(parts);
}

//===-- eigenbasis --------------------------------------------------------===//

static void test_eigenbasis(void **state) {
  (void)state;
  enum { N = 96 };
  double *x = normals(200 * N, 5), a[N * N], v[N * N], values[N];
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      a[i * N + j] = 0;
      for (int r = 0; r < 200; ++r)
        a[i * N + j] += x[r * N + i] * x[r * N + j] * (1 + i % 5) * (1 + j % 5);
    }
  memcpy(v, a, sizeof v);
  resq_error err;
  assert_true(resq_eigenbasis(v, values, N, &err));
  assert_true(orthogonality(v, N) < 1e-12);
  for (int c = 0; c < N; ++c) {
    assert_true(c == 0 || values[c] >= values[c - 1]);
    int largest = 0;
    for (int i = 0; i < N; ++i) {
      double sum = 0;
      for (int k = 0; k < N; ++k)
        sum += a[i * N + k] * v[k * N + c];
      assert_near(sum, values[c] * v[i * N + c], 1e-9 * values[N - 1]);
      if (fabs(v[i * N + c]) > fabs(v[largest * N + c]))
        largest = i;
    }
    assert_true(v[largest * N + c] > 0);
  }
  free(x);
}

/// numpy.linalg.eigh of [[2, 1, 0], [1, 3, 1], [0, 1, 4]], signs by the rule.
static void test_eigenbasis_known(void **state) {
  (void)state;
  double a[] = {2, 1, 0, 1, 3, 1, 0, 1, 4}, values[3];
  static const double expected[] = {0.7886751345948129,  0.5773502691896258,  0.21132486540518713,
                                    -0.5773502691896258, 0.5773502691896258,  0.5773502691896258,
                                    0.21132486540518713, -0.5773502691896258, 0.7886751345948129};
  resq_error err;
  assert_true(resq_eigenbasis(a, values, 3, &err));
  assert_near(values[0], 3 - sqrt(3), 1e-14);
  assert_near(values[2], 3 + sqrt(3), 1e-14);
  for (int i = 0; i < 9; ++i)
    assert_near(fabs(a[i]), fabs(expected[i]), 1e-14);
  for (int i = 0; i < 9; i += 1)
    if (i % 3 != 1) // the middle column has three equal magnitudes
      assert_near(a[i], expected[i], 1e-14);
}

static void test_eigenbasis_refuses_nan(void **state) {
  (void)state;
  double a[] = {1, 2, 2, NAN};
  resq_error err;
  assert_false(resq_eigenbasis(a, NULL, 2, &err));
  assert_non_null(strstr(err.message, "(1, 1)"));
}

//===-- random matrices ---------------------------------------------------===//

static void test_haar(void **state) {
  (void)state;
  enum { N = 56 };
  double q[N * N], again[N * N], other[N * N];
  resq_error err;
  assert_true(resq_haar(q, N, N, 7, 0, &err));
  assert_true(resq_haar(again, N, N, 7, 0, &err));
  assert_true(resq_haar(other, N, N, 8, 0, &err));
  assert_memory_equal(q, again, sizeof q);
  assert_memory_not_equal(q, other, sizeof q);
  assert_true(orthogonality(q, N) < 1e-13);
  // R = Q^T G is upper triangular, its diagonal positive.
  for (int i = 0; i < N; ++i)
    for (int j = 0; j <= i; ++j) {
      double r = 0;
      for (int k = 0; k < N; ++k)
        r += q[k * N + i] * resq_philox_normal(7, (uint64_t)(k * N + j));
      if (j < i)
        assert_near(r, 0, 1e-12);
      else
        assert_true(r > 0);
    }
}

static void test_signs(void **state) {
  (void)state;
  double signs[64], plain[64];
  resq_random_signs(signs, 64, 3);
  resq_random_signs(plain, 64, 0);
  int negative = 0;
  for (int i = 0; i < 64; ++i) {
    assert_true(signs[i] == 1 || signs[i] == -1);
    assert_true(plain[i] == 1);
    negative += signs[i] < 0;
  }
  assert_in_range(negative, 16, 48);
}

//===-- Hadamard rows -----------------------------------------------------===//

static void check_hadamard(int64_t size) {
  int64_t order = resqHadamardOrder(size), span = size / order, rows = 130;
  assert_true(order > 0);
  int8_t *signs = malloc((size_t)(order * order));
  resqHadamardSigns(order, signs);
  double *x = normals(rows * 2 * size, 9);
  double *y = malloc((size_t)(rows * 2 * size) * sizeof *y),
         *one = malloc((size_t)(rows * 2 * size) * sizeof *y);
  memcpy(y, x, (size_t)(rows * 2 * size) * sizeof *y);
  memcpy(one, x, (size_t)(rows * 2 * size) * sizeof *y);
  assert_true(resq_hadamard_rows(2, y, rows, 2 * size, size, order, signs, false));
  assert_true(resq_hadamard_rows(1, one, rows, 2 * size, size, order, signs, false));
  assert_memory_equal(y, one, (size_t)(rows * 2 * size) * sizeof *y);
  for (int64_t i = 0; i < size; ++i) { // second block of the last row
    double sum = 0;
    for (int64_t j = 0; j < size; ++j) {
      double h = signs[i / span * order + j / span];
      if (__builtin_parityll((unsigned long long)(i % span & j % span)))
        h = -h;
      sum += h * x[(2 * rows - 1) * size + j];
    }
    assert_near(y[(2 * rows - 1) * size + i], sum / sqrt((double)size), 1e-12);
  }
  assert_true(resq_hadamard_rows(2, y, rows, 2 * size, size, order, signs, true));
  for (int64_t i = 0; i < rows * 2 * size; ++i)
    assert_near(y[i], x[i], 1e-12);
  free(signs), free(x), free(y), free(one);
}

static void test_hadamard_rows(void **state) {
  (void)state;
  check_hadamard(1);
  check_hadamard(64);
  check_hadamard(12);
  check_hadamard(12 * 8);
  check_hadamard(28 * 4);
  check_hadamard(20 * 16);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parallel_runs_each_task_once),
      cmocka_unit_test(test_matmul_equals_naive),
      cmocka_unit_test(test_matmul_is_the_same_in_parts),
      cmocka_unit_test(test_eigenbasis),
      cmocka_unit_test(test_eigenbasis_known),
      cmocka_unit_test(test_eigenbasis_refuses_nan),
      cmocka_unit_test(test_haar),
      cmocka_unit_test(test_signs),
      cmocka_unit_test(test_hadamard_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
