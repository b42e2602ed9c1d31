// LINK: compiler
//===-- gptq_test.c - codes that make up for each other's errors ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference shares nothing with gptq.c but the scales: it is Optimal Brain Quantisation on an
// explicit inverse, from which a column is eliminated as it is rounded, in f64. A wrong factor
// would leave valid codes, so the error tr((W - Wq) H (W - Wq)^T) itself is measured too.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "lowering/numeric/gptq.h"
#include "lowering/numeric/linalg.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUT = 70, LOW = 90, HIGH = 14, WIDTH = LOW + HIGH, ROWS = 400 };

typedef struct problem {
  double moment[WIDTH * WIDTH];
  float low[OUT * LOW], high[OUT * HIGH];
  int8_t low_codes[OUT * LOW], high_codes[OUT * HIGH];
  float *low_scales, *high_scales;
  int64_t low_group;
  resq_code_kind high_kind;
} problem;

static float normal(uint64_t seed, int64_t i) {
  return (float)resq_philox_normal(seed, (uint64_t)i);
}

/// Correlated rows: a few strong directions under noise, columns of unlike energy.
static void fill_moment(double *moment) {
  static double x[ROWS][WIDTH];
  for (int64_t r = 0; r < ROWS; ++r)
    for (int64_t i = 0; i < WIDTH; ++i) {
      double sum = 0.3 * resq_philox_normal(11, (uint64_t)(r * WIDTH + i));
      for (int64_t k = 0; k < 12; ++k)
        sum += resq_philox_normal(12, (uint64_t)(r * 12 + k)) *
               resq_philox_normal(13, (uint64_t)(k * WIDTH + i));
      x[r][i] = sum * (0.5 + (double)(i % 7));
    }
  for (int64_t i = 0; i < WIDTH; ++i)
    for (int64_t j = 0; j < WIDTH; ++j) {
      double sum = 0;
      for (int64_t r = 0; r < ROWS; ++r)
        sum += x[r][i] * x[r][j];
      moment[i * WIDTH + j] = sum;
    }
}

static problem *new_problem(int64_t low_group) {
  problem *p = calloc(1, sizeof *p);
  fill_moment(p->moment);
  for (int64_t i = 0; i < OUT * LOW; ++i)
    p->low[i] = normal(21, i);
  for (int64_t i = 0; i < OUT * HIGH; ++i)
    p->high[i] = normal(22, i);
  p->low_group = low_group;
  p->low_scales = calloc(OUT * (LOW / low_group), sizeof(float));
  p->high_scales = calloc(OUT, sizeof(float));
  return p;
}

static void free_problem(problem *p) {
  free(p->low_scales);
  free(p->high_scales);
  free(p);
}

static void describe(problem *p, resq_gptq_part parts[2]) {
  parts[0] = (resq_gptq_part){p->low,
                              LOW,
                              {resq_codebook_of(RESQ_CODE_INTEGER, 4), p->low_group, 28, 2.4},
                              p->low_codes,
                              p->low_scales};
  parts[1] = (resq_gptq_part){p->high,
                              HIGH,
                              {resq_codebook_of(p->high_kind, 8), HIGH, 28, 2.4},
                              p->high_codes,
                              p->high_scales};
}

static const int64_t widths[] = {LOW, HIGH};

static bool run(problem *p, int threads) {
  resq_gptq_part parts[2];
  describe(p, parts);
  static int32_t order[WIDTH];
  static float factor[WIDTH * WIDTH];
  double damping = 0.01;
  return resq_gptq_factor(threads, p->moment, WIDTH, 2, widths, &damping, order, factor, NULL) &&
         damping == 0.01 && resq_gptq_weight(threads, OUT, 2, parts, order, factor, NULL);
}

/// Scale of (row, column) of all columns side by side.
static double scale_of(const problem *p, int64_t row, int64_t column) {
  return column < LOW ? (double)p->low_scales[row * (LOW / p->low_group) + column / p->low_group]
                      : (double)p->high_scales[row];
}

static double weight_of(const problem *p, int64_t row, int64_t column) {
  return column < LOW ? (double)p->low[row * LOW + column]
                      : (double)p->high[row * HIGH + column - LOW];
}

/// The number of a code, unscaled.
static double code_of(const problem *p, int64_t row, int64_t column) {
  if (column < LOW)
    return p->low_codes[row * LOW + column];
  return (double)resq_weight_value(resq_codebook_of(p->high_kind, 8),
                                   p->high_codes[row * HIGH + column - LOW]);
}

/// tr((W - Wq) H (W - Wq)^T).
static double output_error(const problem *p) {
  double total = 0, e[WIDTH];
  for (int64_t r = 0; r < OUT; ++r) {
    for (int64_t i = 0; i < WIDTH; ++i)
      e[i] = weight_of(p, r, i) - scale_of(p, r, i) * code_of(p, r, i);
    for (int64_t i = 0; i < WIDTH; ++i)
      for (int64_t j = 0; j < WIDTH; ++j)
        total += e[i] * p->moment[i * WIDTH + j] * e[j];
  }
  return total;
}

//===-- The reference -----------------------------------------------------===//

/// Gauss-Jordan, in place.
static void invert(double *a, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    double pivot = 1 / a[k * n + k];
    a[k * n + k] = 1;
    for (int64_t j = 0; j < n; ++j)
      a[k * n + j] *= pivot;
    for (int64_t i = 0; i < n; ++i) {
      double factor = i == k ? 0 : a[i * n + k];
      if (i == k)
        continue;
      a[i * n + k] = 0;
      for (int64_t j = 0; j < n; ++j)
        a[i * n + j] -= factor * a[k * n + j];
    }
  }
}

/// The column of most energy that is not yet done, low before high.
static int64_t next_column(const double *moment, const bool *done) {
  int64_t best = -1, end = LOW;
  for (int64_t i = 0; i < end; ++i) {
    if (!done[i] && (best < 0 || moment[i * WIDTH + i] > moment[best * WIDTH + best]))
      best = i;
    if (i == LOW - 1 && best < 0)
      end = WIDTH;
  }
  return best;
}

/// To the nearest of E4M3's numbers, ties to even, saturating.
static double round_e4m3(double t) {
  int exponent = 0;
  frexp(t, &exponent); // |t| in [2^(exponent - 1), 2^exponent)
  double unit = ldexp(1, (exponent - 1 < -6 ? -6 : exponent - 1) - 3);
  return fmin(fmax(nearbyint(t / unit) * unit, -448), 448);
}

/// The numbers of codes, [OUT, WIDTH], by elimination.
static void eliminate(const problem *p, double *codes) {
  static double inverse[WIDTH * WIDTH], w[OUT * WIDTH];
  double mean = 0;
  for (int64_t i = 0; i < WIDTH; ++i)
    mean += p->moment[i * WIDTH + i] / WIDTH;
  memcpy(inverse, p->moment, sizeof inverse);
  for (int64_t i = 0; i < WIDTH; ++i)
    inverse[i * WIDTH + i] += 0.01 * mean;
  invert(inverse, WIDTH);
  for (int64_t i = 0; i < OUT * WIDTH; ++i)
    w[i] = weight_of(p, i / WIDTH, i % WIDTH);
  bool done[WIDTH] = {false};
  for (int64_t step = 0; step < WIDTH; ++step) {
    int64_t c = next_column(p->moment, done);
    double top = c < LOW ? 7 : 127, pivot = inverse[c * WIDTH + c];
    for (int64_t r = 0; r < OUT; ++r) {
      double s = scale_of(p, r, c);
      double code = c >= LOW && p->high_kind == RESQ_CODE_E4M3
                        ? round_e4m3(w[r * WIDTH + c] / s)
                        : fmin(fmax(nearbyint(w[r * WIDTH + c] / s), -top - 1), top);
      double e = (w[r * WIDTH + c] - s * code) / pivot;
      codes[r * WIDTH + c] = code;
      for (int64_t j = 0; j < WIDTH; ++j)
        w[r * WIDTH + j] -= done[j] ? 0 : e * inverse[c * WIDTH + j];
    }
    done[c] = true;
    double column[WIDTH];
    for (int64_t i = 0; i < WIDTH; ++i)
      column[i] = inverse[i * WIDTH + c];
    for (int64_t i = 0; i < WIDTH; ++i)
      for (int64_t j = 0; j < WIDTH; ++j)
        inverse[i * WIDTH + j] -= column[i] * column[j] / pivot;
  }
}

//===-- Tests -------------------------------------------------------------===//

static void check_against_reference(int64_t low_group, resq_code_kind high_kind) {
  problem *p = new_problem(low_group);
  p->high_kind = high_kind;
  assert_true(run(p, 1));
  static double expected[OUT * WIDTH];
  eliminate(p, expected);
  int64_t same = 0;
  for (int64_t i = 0; i < OUT * WIDTH; ++i)
    same += expected[i] == code_of(p, i / WIDTH, i % WIDTH);
  // A tie that falls otherwise in f32 changes what later columns of its row make up for.
  if (same < OUT * WIDTH * 98 / 100)
    fail_msg("%lld of %d codes agree", (long long)same, OUT * WIDTH);
  free_problem(p);
}

static void test_codes_are_those_of_elimination(void **state) {
  (void)state;
  check_against_reference(LOW, RESQ_CODE_INTEGER);
  check_against_reference(30, RESQ_CODE_INTEGER);
  check_against_reference(LOW, RESQ_CODE_E4M3);
}

static void check_output_error(resq_code_kind high_kind) {
  problem *p = new_problem(LOW);
  p->high_kind = high_kind;
  resq_gptq_part parts[2];
  describe(p, parts);
  for (int i = 0; i < 2; ++i)
    resq_quantize_weight(1, parts[i].w, OUT, parts[i].width, &parts[i].how, parts[i].codes,
                         parts[i].scales);
  double nearest = output_error(p);
  assert_true(run(p, 1));
  double gptq = output_error(p);
  if (!(gptq < 0.25 * nearest))
    fail_msg("errors: GPTQ %g, rounding to nearest %g", gptq, nearest);
  free_problem(p);
}

static void test_output_error_is_far_below_rounding(void **state) {
  (void)state;
  check_output_error(RESQ_CODE_INTEGER);
  check_output_error(RESQ_CODE_E4M3);
}

static void test_same_bytes_at_any_thread_count(void **state) {
  (void)state;
  problem *a = new_problem(LOW), *b = new_problem(LOW);
  assert_true(run(a, 1) && run(b, 3));
  assert_memory_equal(a->low_codes, b->low_codes, sizeof a->low_codes);
  assert_memory_equal(a->high_codes, b->high_codes, sizeof a->high_codes);
  free_problem(a);
  free_problem(b);
}

/// U^T U (H + damping) = 1, U upper triangular, columns by falling energy inside their parts.
static void test_factor(void **state) {
  (void)state;
  problem *p = new_problem(LOW);
  static int32_t order[WIDTH];
  static float u[WIDTH * WIDTH];
  double damping = 0.01, mean = 0;
  assert_true(resq_gptq_factor(2, p->moment, WIDTH, 2, widths, &damping, order, u, NULL));
  for (int64_t i = 0; i < WIDTH; ++i)
    mean += p->moment[i * WIDTH + i] / WIDTH;
  for (int64_t i = 0; i + 1 < WIDTH; ++i)
    if (i + 1 != LOW)
      assert_true(p->moment[order[i] * (WIDTH + 1)] >= p->moment[order[i + 1] * (WIDTH + 1)]);
  for (int64_t i = 0; i < WIDTH; ++i) {
    assert_true((order[i] < LOW) == (i < LOW) && u[i * WIDTH + i] > 0);
    for (int64_t j = 0; j < i; ++j)
      assert_true(u[i * WIDTH + j] == 0);
  }
  for (int64_t i = 0; i < WIDTH; ++i)
    for (int64_t j = 0; j < WIDTH; ++j) {
      double sum = i == j ? -1 : 0;
      for (int64_t k = 0; k < WIDTH; ++k) {
        double square = 0;
        for (int64_t l = 0; l < WIDTH; ++l)
          square += (double)u[l * WIDTH + i] * (double)u[l * WIDTH + k];
        sum += square * (p->moment[order[k] * WIDTH + order[j]] + (k == j ? 0.01 * mean : 0));
      }
      assert_true(fabs(sum) < 1e-3);
    }
  free_problem(p);
}

/// Columns that were always 0 (the damping carries them), and weights that are.
static void test_dead_columns_and_rows(void **state) {
  (void)state;
  problem *p = new_problem(LOW);
  for (int64_t i = 0; i < WIDTH; ++i)
    p->moment[5 * WIDTH + i] = p->moment[i * WIDTH + 5] = 0;
  memset(p->low + 3 * LOW, 0, LOW * sizeof(float));
  assert_true(run(p, 1));
  for (int64_t i = 0; i < LOW; ++i)
    assert_int_equal(p->low_codes[3 * LOW + i], 0);
  assert_int_equal(p->low_codes[5],
                   (int)fmin(fmax(nearbyint((double)(p->low[5] / p->low_scales[0])), -8), 7));
  free_problem(p);
}

static void assert_refused(const double *moment, int64_t n, const char *part_of_message) {
  int32_t order[2];
  float factor[4];
  double damping = 0.01;
  resq_error err = {0};
  int64_t part = n;
  assert_false(resq_gptq_factor(1, moment, n, 1, &part, &damping, order, factor, &err));
  if (!strstr(err.message, part_of_message))
    fail_msg("'%s' does not say '%s'", err.message, part_of_message);
}

static void test_bad_moments(void **state) {
  (void)state;
  const double nan[] = {1, NAN, 0, 1}, negative[] = {1, 0, 0, -1}, little[] = {1, 0, 0, -1e-3};
  const double hopeless[] = {1, 100, 100, 1};
  assert_refused(little, 2, "not negative");
  assert_refused(nan, 2, "must be finite");
  assert_refused(negative, 2, "not negative");
  assert_refused(hopeless, 2, "not positive definite");
}

/// The case "small moments": rounding that left the diagonal below zero, one direction alone, an input that was never seen, and
/// inputs that were zeros alone have a finite factor; nothing is moved to where nothing is known.
static void test_small_moments(void **state) {
  (void)state;
  const double moments[][9] = {{1e5, 0, 0, 0, -0.009, 0, 0, 0, -1e-12},
                               {1, 1, 1, 1, 1, 1, 1, 1, 1},
                               {1, 0, 2, 0, 0, 0, 2, 0, 4},
                               {0},
                               {1e-30, 0, 0, 0, 1e-34, 0, 0, 0, 0},
                               {1e30, 1e20, 0, 1e20, 1e12, 0, 0, 0, 1}};
  for (size_t k = 0; k < sizeof moments / sizeof *moments; ++k) {
    int32_t order[3];
    float factor[9];
    double damping = 0.01;
    int64_t part = 3;
    resq_error err = {0};
    if (!resq_gptq_factor(1, moments[k], 3, 1, &part, &damping, order, factor, &err))
      fail_msg("moment %zu: %s", k, err.message);
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j)
        assert_true(isfinite(factor[i * 3 + j]) && (i != j || factor[i * 3 + j] > 0));
    if (k == 3)
      for (int i = 0; i < 9; ++i)
        assert_true(fabsf(factor[i] - (i % 4 ? 0.0f : 10.0f)) < 1e-5f);
  }
}

static void test_damping_grows_where_it_must(void **state) {
  (void)state;
  const double indefinite[] = {1, 1.05, 1.05, 1};
  int32_t order[2];
  float factor[4];
  double damping = 0.01;
  int64_t part = 2;
  assert_true(resq_gptq_factor(1, indefinite, 2, 1, &part, &damping, order, factor, NULL));
  assert_true(fabs(damping - 0.1) < 1e-12);
}

static void test_bad_orders(void **state) {
  (void)state;
  const float w[] = {1, 2}, factor[] = {1, 0, 0, 1}, dead[] = {1, 0, 0, 0};
  int8_t codes[2];
  float scales[1];
  resq_gptq_part part = {w, 2, {resq_codebook_of(RESQ_CODE_INTEGER, 4), 2, 28, 2.4}, codes, scales};
  assert_false(resq_gptq_weight(1, 1, 1, &part, (const int32_t[]){0, 0}, factor, NULL));
  assert_false(resq_gptq_weight(1, 1, 1, &part, (const int32_t[]){0, 2}, factor, NULL));
  assert_false(resq_gptq_weight(1, 1, 1, &part, (const int32_t[]){0, 1}, dead, NULL));
  assert_true(resq_gptq_weight(1, 1, 1, &part, (const int32_t[]){1, 0}, factor, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_codes_are_those_of_elimination),
      cmocka_unit_test(test_output_error_is_far_below_rounding),
      cmocka_unit_test(test_same_bytes_at_any_thread_count),
      cmocka_unit_test(test_factor),
      cmocka_unit_test(test_dead_columns_and_rows),
      cmocka_unit_test(test_bad_moments),
      cmocka_unit_test(test_small_moments),
      cmocka_unit_test(test_damping_grows_where_it_must),
      cmocka_unit_test(test_bad_orders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
