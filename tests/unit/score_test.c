//===-- score_test.c - averages, errors, divergences ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"
#include "cli/score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static bool near(double a, double b, double bound) { return fabs(a - b) <= bound; }

/// Two windows {1, 2, 3} and {5, 7, 6}: means 2 and 6.
static void errors_of_a_mean(void **state) {
  (void)state;
  static const double values[] = {1, 2, 3, 5, 7, 6};
  resq_tally t = {0};
  for (int i = 0; i < 6; ++i) {
    resq_tally_add(&t, values[i]);
    if (i % 3 == 2)
      resq_tally_end_window(&t);
  }
  resq_tally_end_window(&t); // an empty window is none
  resq_estimate e = resq_tally_estimate(&t);
  assert_int_equal(t.windows, 2);
  assert_true(near(e.mean, 4, 1e-15));
  // Squared deviations sum to 9 + 4 + 1 + 1 + 9 + 4 = 28: variance 28 / 5, over 6 values.
  assert_true(near(e.token_error, sqrt(28.0 / 5 / 6), 1e-14));
  // Means 2 and 6: variance 8, over 2 windows.
  assert_true(near(e.window_error, 2, 1e-14));
  resq_estimate p = resq_estimate_exp(e);
  assert_true(near(p.mean, exp(4), 1e-12) && near(p.window_error, 2 * exp(4), 1e-12));
}

static void errors_that_are_not_known(void **state) {
  (void)state;
  resq_tally t = {0};
  assert_true(isnan(resq_tally_estimate(&t).mean));
  resq_tally_add(&t, 0.1);
  resq_tally_end_window(&t);
  resq_estimate e = resq_tally_estimate(&t);
  assert_true(near(e.mean, 0.1, 0) && isnan(e.token_error) && isnan(e.window_error));
  resq_tally_add(&t, 0.1);
  resq_tally_end_window(&t);
  e = resq_tally_estimate(&t); // equal values: 0, whatever rounding says
  assert_true(near(e.token_error, 0, 1e-9) && near(e.window_error, 0, 1e-9));
  resq_tally_add(&t, NAN);
  e = resq_tally_estimate(&t);
  assert_true(isnan(e.mean) && isnan(e.token_error));
}

static void quantiles(void **state) {
  (void)state;
  double values[] = {9, NAN, 1, 4, 4};
  resq_sort(values, 5);
  assert_true(values[0] <= 1 && values[3] >= 9 && isnan(values[4]));
  static const double sorted[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  assert_true(near(resq_quantile(sorted, 10, 0.5), 5, 0));
  assert_true(near(resq_quantile(sorted, 10, 0.9), 9, 0));
  assert_true(near(resq_quantile(sorted, 10, 0.99), 10, 0));
  assert_true(near(resq_quantile(sorted, 1, 0.5), 1, 0));
  assert_true(near(resq_quantile(sorted, 10, 1e-9), 1, 0));
}

/// Two outcomes, p and 1 - p against q and 1 - q; the other logits are as good as impossible.
static void divergence_of_known_distributions(void **state) {
  (void)state;
  enum { n = 37 }; // two vectors and a rest
  static const int places[] = {0, 5, 17, 33, 36};
  for (int place = 0; place < 4; ++place) {
    float a[n], b[n];
    for (int i = 0; i < n; ++i)
      a[i] = b[i] = -200;
    int first = places[place], second = places[place + 1];
    double p = 0.75, q = 0.4;
    a[first] = (float)log(p) + 3, a[second] = (float)log(1 - p) + 3; // shifts change nothing
    b[first] = (float)log(q) - 7, b[second] = (float)log(1 - q) - 7;
    resq_row_comparison c;
    resq_row_compare(b, a, n, second, &c);
    double expected = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
    assert_true(near(c.divergence, expected, 1e-6));
    assert_true(near(c.loss, -log(1 - q), 1e-6) && near(c.reference_loss, -log(1 - p), 1e-6));
    assert_false(c.agrees);
    resq_row_compare(a, a, n, second, &c);
    assert_true(near(c.divergence, 0, 0) && c.agrees);
  }
}

/// Against the definition in double, over rows as long as a vocabulary.
static void divergence_of_long_rows(void **state) {
  (void)state;
  enum { n = 5003 };
  static float a[n], b[n];
  for (int scale = 1; scale <= 25; scale += 8) {
    double most_a = -INFINITY, most_b = -INFINITY, sum_a = 0, sum_b = 0, expected = 0;
    for (int i = 0; i < n; ++i) {
      a[i] = (float)scale * sinf((float)i * 1.7f) - 3;
      b[i] = a[i] + 0.5f * cosf((float)i * 0.3f);
      most_a = fmax(most_a, (double)a[i]);
      most_b = fmax(most_b, (double)b[i]);
    }
    for (int i = 0; i < n; ++i) {
      sum_a += exp((double)a[i] - most_a);
      sum_b += exp((double)b[i] - most_b);
    }
    double lse_a = most_a + log(sum_a), lse_b = most_b + log(sum_b);
    for (int i = 0; i < n; ++i)
      expected += exp((double)a[i] - lse_a) * ((double)a[i] - lse_a - (double)b[i] + lse_b);
    resq_row_comparison c;
    resq_row_compare(b, a, n, 17, &c);
    assert_true(near(c.divergence, expected, 1e-6));
    assert_true(near(c.loss, resq_row_loss(b, n, 17), 1e-12));
    assert_true(near(c.reference_loss, resq_row_loss(a, n, 17), 1e-12));
  }
}

/// Equal logits: the first of them, in a vector or the rest, is the most likely token.
static void first_of_equals(void **state) {
  (void)state;
  enum { n = 37 };
  static const int pairs[][2] = {{0, 1}, {3, 20}, {20, 3}, {15, 16}, {31, 36}, {35, 36}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    float a[n] = {0}, b[n] = {0};
    int first = pairs[i][0] < pairs[i][1] ? pairs[i][0] : pairs[i][1];
    a[pairs[i][0]] = a[pairs[i][1]] = 5;
    b[first] = 2;
    resq_row_comparison c;
    resq_row_compare(b, a, n, 0, &c);
    assert_true(c.agrees);
    b[first] = 0;
    b[first + 1] = 2;
    resq_row_compare(b, a, n, 0, &c);
    assert_false(c.agrees);
  }
}

static void not_a_number(void **state) {
  (void)state;
  enum { n = 37 };
  static const int places[] = {0, 20, 36};
  for (int i = 0; i < 3; ++i)
    for (int side = 0; side < 2; ++side) {
      float a[n] = {0}, b[n] = {0};
      (side ? a : b)[places[i]] = NAN;
      resq_row_comparison c;
      resq_row_compare(b, a, n, 1, &c);
      assert_true(isnan(c.divergence));
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_of_a_mean),
      cmocka_unit_test(errors_that_are_not_known),
      cmocka_unit_test(quantiles),
      cmocka_unit_test(divergence_of_known_distributions),
      cmocka_unit_test(divergence_of_long_rows),
      cmocka_unit_test(first_of_equals),
      cmocka_unit_test(not_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
