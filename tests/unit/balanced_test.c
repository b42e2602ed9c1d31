// LINK: compiler
//===-- balanced_test.c - balanced bases, inverses, random matrices -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// By what defines them: exactness of scores, equal second moments, unbiased sketches.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "lowering/numeric/linalg.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 48, LOW = 42 };

static double *zeros(int64_t count) { return calloc((size_t)count, sizeof(double)); }

/// The second moment of `rows` vectors whose element i has deviation decay^i, mixed: rank
/// min(rows, n).
static double *moment(int64_t n, int64_t rows, double decay, uint64_t seed) {
  double *m = zeros(n * n), *mix = zeros(n * n), *x = zeros(n), *y = zeros(n);
  resq_error err;
  assert_true(resq_haar(mix, n, n, seed, 0, &err));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i)
      x[i] = pow(decay, (double)i) * resq_philox_normal(seed + 100, (uint64_t)(r * n + i));
    for (int64_t j = 0; j < n; ++j) {
      y[j] = 0;
      for (int64_t i = 0; i < n; ++i)
        y[j] += x[i] * mix[i * n + j];
    }
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        m[i * n + j] += y[i] * y[j];
  }
  free(mix), free(x), free(y);
  return m;
}

/// c = a^T b where transpose, else a b.
static double *product(const double *a, bool transpose, const double *b, int64_t n) {
  double *c = zeros(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t k = 0; k < n; ++k)
        c[i * n + j] += (transpose ? a[k * n + i] : a[i * n + k]) * b[k * n + j];
  return c;
}

/// t^T c t.
static double *turned(const double *c, const double *t, int64_t n) {
  double *right = product(c, false, t, n), *both = product(t, true, right, n);
  free(right);
  return both;
}

static void add_damping(double *c, int64_t n) {
  double mean = 0;
  for (int64_t i = 0; i < n; ++i)
    mean += c[i * n + i] / (double)n;
  for (int64_t i = 0; i < n; ++i)
    c[i * n + i] += mean > 0 ? 1e-3 * mean : 1;
}

static double *inverse_transpose(const double *m, int64_t n) {
  double *inverse = malloc((size_t)(n * n) * sizeof *inverse);
  memcpy(inverse, m, (size_t)(n * n) * sizeof *inverse);
  resq_error err;
  assert_true(resq_inverse_transpose(inverse, n, &err));
  return inverse;
}

static void round_to_f32(double *m, int64_t n) {
  for (int64_t i = 0; i < n * n; ++i)
    m[i] = (float)m[i];
}

/// max |a^T b - 1|.
static double identity_error(const double *a, const double *b, int64_t n) {
  double *p = product(a, true, b, n), worst = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      worst = fmax(worst, fabs(p[i * n + j] - (i == j)));
  free(p);
  return worst;
}

//===-- Balanced bases ----------------------------------------------------===//

/// keys and queries as they stand; checks T against its definition.
static void check_balanced(double *keys, double *queries, int64_t n) {
  double *t = zeros(n * n);
  resq_error err;
  if (!resq_balanced_basis(keys, queries, t, n, &err))
    fail_msg("%s", err.message);
  double *dual = inverse_transpose(t, n);
  assert_true(identity_error(t, dual, n) < 1e-9);
  add_damping(keys, n);
  add_damping(queries, n);
  double *ck = turned(keys, t, n), *cq = turned(queries, dual, n);
  double scale = ck[n * n - 1];
  assert_true(scale > 0);
  for (int64_t i = 0; i < n; ++i) {
    assert_true(i == 0 || ck[i * n + i] >= ck[(i - 1) * n + i - 1] * (1 - 1e-9)); // ascending
    for (int64_t j = 0; j < n; ++j) {
      double off = i == j ? 0 : fabs(ck[i * n + j]);
      if (!(off < 1e-9 * scale && fabs(ck[i * n + j] - cq[i * n + j]) < 1e-9 * scale))
        fail_msg("(%d, %d): keys %g, queries %g, of %g", (int)i, (int)j, ck[i * n + j],
                 cq[i * n + j], scale);
    }
  }
  // What is stored: scores stay exact to the rounding of f32.
  round_to_f32(t, n);
  double *stored = inverse_transpose(t, n);
  round_to_f32(stored, n);
  assert_true(identity_error(t, stored, n) < 1e-5);
  free(t), free(dual), free(ck), free(cq), free(stored);
}

static void test_balanced(void **state) {
  (void)state;
  const struct {
    int64_t n, key_rows, query_rows;
    double key_decay, query_decay;
  } cases[] = {
      {N, 400, 300, 0.95, 0.97}, {1, 4, 4, 1, 1},
      {7, 50, 50, 1, 1},         {N, 3, 400, 0.9, 0.95}, // keys of rank 3
      {N, 400, 1, 0.9, 0.95},                            // queries of rank 1
      {N, 0, 400, 0.9, 0.95},                            // no keys
      {N, 400, 0, 0.9, 0.95},                            // no queries
      {N, 0, 0, 1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    double *keys = moment(cases[i].n, cases[i].key_rows, cases[i].key_decay, 3 + i);
    double *queries = moment(cases[i].n, cases[i].query_rows, cases[i].query_decay, 30 + i);
    check_balanced(keys, queries, cases[i].n);
    free(keys), free(queries);
  }
}

/// A well conditioned pair, times R: what --resq-kv makes. T_q T^T = 1 to 1e-6 after rounding, and
/// second moments are equal and diagonal up to R.
static void test_balanced_times_rotation(void **state) {
  (void)state;
  double *keys = moment(N, 500, 0.99, 5), *queries = moment(N, 500, 1.01, 6);
  double *t = zeros(N * N), *r = zeros(N * N);
  resq_error err;
  assert_true(resq_balanced_basis(keys, queries, t, N, &err));
  assert_true(resq_haar(r, N, LOW, 9, 0, &err));
  assert_true(resq_haar(r + LOW * N + LOW, N, N - LOW, 9, LOW * LOW, &err));
  double *m = product(t, false, r, N);
  round_to_f32(m, N);
  double *dual = inverse_transpose(m, N);
  round_to_f32(dual, N);
  assert_true(identity_error(m, dual, N) < 1e-6);
  add_damping(keys, N);
  add_damping(queries, N);
  double *ck = turned(keys, m, N), *cq = turned(queries, dual, N), *s = turned(keys, t, N);
  double *expected = turned(s, r, N), scale = s[N * N - 1];
  for (int64_t i = 0; i < N * N; ++i) {
    assert_true(fabs(ck[i] - expected[i]) < 1e-5 * scale);
    assert_true(fabs(cq[i] - expected[i]) < 1e-5 * scale);
  }
  // Low and high parts do not mix.
  for (int64_t i = 0; i < LOW; ++i)
    for (int64_t j = LOW; j < N; ++j)
      assert_true(fabs(expected[i * N + j]) < 1e-9 * scale);
  free(keys), free(queries), free(t), free(r), free(m), free(dual), free(ck), free(cq), free(s);
  free(expected);
}

static void test_balanced_refuses(void **state) {
  (void)state;
  double keys[4] = {1, 0, 0, NAN}, queries[4] = {1, 0, 0, 1}, t[4];
  resq_error err;
  assert_false(resq_balanced_basis(keys, queries, t, 2, &err));
  assert_non_null(strstr(err.message, "keys: entry (1, 1) of the moment is"));
  assert_false(resq_balanced_basis(queries, keys, t, 2, &err));
  assert_non_null(strstr(err.message, "queries: entry (1, 1) of the moment is"));
  keys[3] = -3;
  assert_false(resq_balanced_basis(keys, queries, t, 2, &err));
  assert_non_null(strstr(err.message, "a sum of squares is not negative"));
  keys[1] = keys[2] = 100, keys[3] = 1;
  assert_false(resq_balanced_basis(keys, queries, t, 2, &err));
  assert_non_null(strstr(err.message, "not positive definite"));
}

/// The case "small moments": T and its inverse transpose exist where keys or queries are alike, were never seen, or lie
/// below zero by rounding.
static void test_balanced_small_moments(void **state) {
  (void)state;
  const double moments[][9] = {{0},
                               {1, 1, 1, 1, 1, 1, 1, 1, 1},
                               {1e6, 0, 0, 0, 1, 0, 0, 0, -0.05},
                               {1e6, 1e3, 0, 1e3, 0.9, 0, 0, 0, 1e-9},
                               {1e-20, 0, 0, 0, 0, 0, 0, 0, 0},
                               {1, 0, 0, 0, 1, 0, 0, 0, 1}};
  enum { COUNT = sizeof moments / sizeof *moments };
  for (int k = 0; k < COUNT; ++k)
    for (int q = 0; q < COUNT; ++q) {
      double t[9];
      resq_error err = {0};
      if (!resq_balanced_basis(moments[k], moments[q], t, 3, &err) ||
          !resq_inverse_transpose(t, 3, &err))
        fail_msg("moments %d and %d: %s", k, q, err.message);
      for (int i = 0; i < 9; ++i)
        assert_true(isfinite(t[i]));
    }
}

//===-- Inverses and singular values --------------------------------------===//

static void test_inverse_transpose(void **state) {
  (void)state;
  double a[4] = {2, 1, 0, 4}; // inverse [[1/2, -1/8], [0, 1/4]]
  resq_error err;
  assert_true(resq_inverse_transpose(a, 2, &err));
  const double expected[4] = {0.5, 0, -0.125, 0.25};
  for (int i = 0; i < 4; ++i)
    assert_true(fabs(a[i] - expected[i]) < 1e-15);
  double singular[4] = {1, 2, 2, 4};
  assert_false(resq_inverse_transpose(singular, 2, &err));
  assert_non_null(strstr(err.message, "singular"));
}

static void test_singular_values(void **state) {
  (void)state;
  double *q = zeros(N * N), *p = zeros(N * N), values[N];
  resq_error err;
  assert_true(resq_haar(q, N, N, 1, 0, &err) && resq_haar(p, N, N, 2, 0, &err));
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j)
      q[i * N + j] *= j + 1;
  double *a = product(q, false, p, N);
  assert_true(resq_singular_values(a, values, N, &err));
  for (int i = 0; i < N; ++i)
    assert_true(fabs(values[i] - (N - i)) < 1e-12 * N);
  free(q), free(p), free(a);
}

//===-- Sketches ----------------------------------------------------------===//

/// The QJL estimate of q . k over many seeds: unbiased, of known variance (kv-cache notes, 1.3 and
/// 1.4): (pi / 2 - 1) sin^2 / rows with orthogonal blocks, (pi / 2 - cos^2) / rows with normal
/// rows.
static void check_sketch(bool gaussian, int64_t rows) {
  enum { SIZE = 32, SEEDS = 1500 };
  double q[SIZE] = {0}, k[SIZE] = {0}, *s = zeros(rows * SIZE);
  q[0] = 1;
  k[0] = 0.6, k[1] = 0.8; // unit vectors, cos = 0.6
  double sum = 0, squares = 0;
  resq_error err;
  for (uint64_t seed = 1; seed <= SEEDS; ++seed) {
    assert_true(resq_sketch(s, rows, SIZE, seed, gaussian, &err));
    double estimate = 0;
    for (int64_t r = 0; r < rows; ++r) {
      double sq = 0, sk = 0;
      for (int i = 0; i < SIZE; ++i)
        sq += s[r * SIZE + i] * q[i], sk += s[r * SIZE + i] * k[i];
      estimate += sqrt(M_PI / 2) / (double)rows * (sk > 0 ? sq : -sq);
    }
    sum += estimate;
    squares += (estimate - 0.6) * (estimate - 0.6);
  }
  double variance = (gaussian ? M_PI / 2 - 0.36 : (M_PI / 2 - 1) * 0.64) / (double)rows;
  double deviation = sqrt(variance / SEEDS);
  assert_true(fabs(sum / SEEDS - 0.6) < 4 * deviation);
  assert_true(fabs(squares / SEEDS / variance - 1) < 0.2);
  free(s);
}

static void test_sketch_is_unbiased(void **state) {
  (void)state;
  check_sketch(false, 64);
  check_sketch(true, 64);
}

/// Blocks are Haar matrices one after another in one stream, the last cut off.
static void test_sketch_rows(void **state) {
  (void)state;
  enum { SIZE = 5, ROWS = 12 };
  double s[ROWS * SIZE], part[SIZE * SIZE], norm = sqrt(2) * tgamma(3) / tgamma(2.5);
  resq_error err;
  assert_true(resq_sketch(s, ROWS, SIZE, 7, false, &err));
  for (int b = 0; b < 3; ++b) {
    assert_true(resq_haar(part, SIZE, SIZE, 7, (uint64_t)(26 * b), &err));
    for (int i = 0; i < (b < 2 ? 25 : 10); ++i)
      assert_true(fabs(s[25 * b + i] - norm * part[i]) < 1e-14);
  }
  assert_true(resq_sketch(s, ROWS, SIZE, 7, true, &err));
  for (int i = 0; i < ROWS * SIZE; ++i)
    assert_true(s[i] == resq_philox_normal(7, (uint64_t)i));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_balanced),           cmocka_unit_test(test_balanced_times_rotation),
      cmocka_unit_test(test_balanced_refuses),   cmocka_unit_test(test_balanced_small_moments),
      cmocka_unit_test(test_inverse_transpose),  cmocka_unit_test(test_singular_values),
      cmocka_unit_test(test_sketch_is_unbiased), cmocka_unit_test(test_sketch_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
