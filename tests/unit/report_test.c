// LINK: compiler
//===-- report_test.c - measures, markup and plots of a report ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/numeric/clip_ratio.h"
#include "lowering/report/markup.h"
#include "lowering/report/measures.h"
#include "lowering/report/plot.h"
#include "lowering/report/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool near(double a, double b, double bound) { return fabs(a - b) <= bound; }

//===-- Measures ----------------------------------------------------------===//

static void signal_to_noise(void **state) {
  (void)state;
  assert_true(near(resq_snr((resq_noise){100, 1}), 20, 1e-12));
  assert_true(isinf(resq_snr((resq_noise){100, 0})));
  assert_true(isnan(resq_snr((resq_noise){0, 0})) && isnan(resq_snr((resq_noise){NAN, 1})));
  static const float w[] = {3, -4}, coded[] = {2, -4};
  resq_noise n = {0, 0};
  resq_add_noise(w, coded, 2, &n);
  assert_true(near(n.signal, 25, 0) && near(n.noise, 1, 0));
}

/// Against the sums written out; H = A^T A, so tr(W H W^T) = |W A^T|^2.
static void weighted_noise(void **state) {
  (void)state;
  enum { rows = 3, width = 4, samples = 5 };
  double w[rows * width], e[rows * width], a[samples * width], h[width * width] = {0};
  double product[rows * width];
  for (int i = 0; i < rows * width; ++i) {
    w[i] = sin(i * 1.3);
    e[i] = 0.1 * cos(i * 2.1);
  }
  for (int i = 0; i < samples * width; ++i)
    a[i] = cos(i * 0.7) + 0.2;
  for (int s = 0; s < samples; ++s)
    for (int i = 0; i < width; ++i)
      for (int j = 0; j < width; ++j)
        h[i * width + j] += a[s * width + i] * a[s * width + j];
  double signal = 0, noise = 0;
  for (int s = 0; s < samples; ++s)
    for (int r = 0; r < rows; ++r) {
      double y = 0, d = 0;
      for (int i = 0; i < width; ++i) {
        y += w[r * width + i] * a[s * width + i];
        d += e[r * width + i] * a[s * width + i];
      }
      signal += y * y;
      noise += d * d;
    }
  resq_noise n = {0, 0};
  resq_add_weighted_noise(1, w, e, h, rows, width, product, &n);
  assert_true(near(n.signal, signal, 1e-12 * signal) && near(n.noise, noise, 1e-12 * noise));
}

static void outliers(void **state) {
  (void)state;
  // Rows of +-1 but for one entry: rms^2 = (3 + 9) / 4 = 3 in the first row, 1 in the second.
  static const float x[] = {1, -1, 3, 1, 1, 1, -1, 1};
  resq_outliers o;
  assert_true(resq_measure_outliers(x, 2, 4, 4, &o));
  assert_true(near(o.peak, (3 / sqrt(3) + 1) / 2, 1e-12));
  assert_true(near(o.kurtosis, ((7 + 81) / 8.0) / 4, 1e-12)); // mean square 2
  assert_true(near(o.channels, sqrt((9 + 1) / 2.0), 1e-12));
  assert_true(resq_measure_outliers(x, 2, 4, 2, &o)); // in groups of two
  assert_true(near(o.peak, (1 + 3 / sqrt(5) + 1 + 1) / 4, 1e-12));
  static const float zeros[4];
  assert_true(resq_measure_outliers(zeros, 1, 4, 4, &o));
  assert_true(near(o.peak, 0, 0) && isnan(o.kurtosis) && isnan(o.channels));
}

static void unusual(void **state) {
  (void)state;
  double values[] = {20, 21, 19, 20, 22, 5}, scratch[6], median = 0;
  // Median 20; deviations 0 1 1 0 2 15, their median 1.
  assert_true(near(resq_unusual_below(values, 6, 0.25, &median, scratch), 16, 1e-12));
  assert_true(near(median, 20, 0));
  double equal[] = {20, 20, 20, 20, 20, 19.5};
  assert_true(near(resq_unusual_below(equal, 6, 0.25, &median, scratch), 19, 1e-12));
  assert_true(isinf(resq_unusual_below(values, 4, 0.25, &median, scratch)));
  double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
  assert_true(near(resq_median(odd, 3), 2, 0) && near(resq_median(even, 4), 2.5, 0));
}

static void activation_errors(void **state) {
  (void)state;
  // 2 bits over [-1, 2]: steps of 1, all on the grid but for 0.4.
  static const float x[] = {-1, 0, 2, 0.4f};
  float errors[4];
  resq_group_errors(x, 4, 2, 1.0f, errors);
  assert_true(near((double)errors[0], 0, 1e-6) && near((double)errors[2], 0, 1e-6));
  assert_true(near((double)errors[3], -0.4, 1e-6));
  // E4M3, a scale of 1: 448, 3 bits of mantissa at 17 (16 or 18), a tie to even, units of 2^-9.
  static const float y[] = {-448, 17.5f, 17, 0.0035f};
  resq_e4m3_group_errors(y, 4, errors);
  assert_true(errors[0] == 0 && errors[1] == 0.5f && errors[2] == -1);
  assert_true(near((double)errors[3], 0x1p-8 - 0.0035, 1e-9));
}

//===-- Markup ------------------------------------------------------------===//

#define EXPECT_MARKUP(expected, ...)                                                               \
  do {                                                                                             \
    resq_markup m = {0};                                                                           \
    __VA_ARGS__;                                                                                   \
    assert_string_equal(m.data, expected);                                                         \
    free(m.data);                                                                                  \
  } while (0)

static void markup(void **state) {
  (void)state;
  EXPECT_MARKUP("a&lt;b&gt;&amp;&quot;c&#39;", resq_markup_text(&m, "a<b>&\"c'"));
  EXPECT_MARKUP("\xc3\xa4\xef\xbf\xbd!", resq_markup_text(&m, "\xc3\xa4\xff!"));
  EXPECT_MARKUP("a\xef\xbf\xbd", resq_markup_text(&m, "a\x01"));
  EXPECT_MARKUP("1,234,567 999 -1,000", {
    resq_markup_count(&m, 1234567);
    resq_markup_format(&m, " ");
    resq_markup_count(&m, 999);
    resq_markup_format(&m, " ");
    resq_markup_count(&m, -1000);
  });
  EXPECT_MARKUP("−1.50 – ∞", {
    resq_markup_number(&m, -1.5, 2);
    resq_markup_format(&m, " ");
    resq_markup_number(&m, NAN, 2);
    resq_markup_format(&m, " ");
    resq_markup_number(&m, INFINITY, 2);
  });
  EXPECT_MARKUP("3.4 142 14,686 –", {
    resq_markup_ratio(&m, 3.44);
    resq_markup_format(&m, " ");
    resq_markup_ratio(&m, 142.4);
    resq_markup_format(&m, " ");
    resq_markup_ratio(&m, 14685.5);
    resq_markup_format(&m, " ");
    resq_markup_ratio(&m, NAN);
  });
}

//===-- Plots -------------------------------------------------------------===//

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
    ++n;
  return n;
}

static void plots(void **state) {
  (void)state;
  static const double x[] = {0, 1, 2, 3}, y[] = {1, 100, NAN, 10000}, none[] = {0, -1, NAN, NAN};
  resq_series s = {"<series>", x, y, 4, 1, true};
  resq_plot plot = {.width = 300,
                    .height = 200,
                    .title = "a & b",
                    .log_y = true,
                    .split = 1.5,
                    .split_label = "here",
                    .series = &s,
                    .n_series = 1};
  resq_markup m = {0};
  resq_plot_write(&m, &plot);
  assert_int_equal(count(m.data, "<svg"), 1);
  assert_int_equal(count(m.data, "</svg>"), 1);
  assert_int_equal(count(m.data, "a &amp; b"), 2);
  assert_int_equal(count(m.data, "&lt;series&gt;"), 1);
  assert_int_equal(count(m.data, "class=\"m s1\""), 4); // three points, and the legend
  assert_int_equal(count(m.data, "class=\"split\""), 1);
  assert_null(strstr(m.data, "nan"));
  free(m.data);
  m = (resq_markup){0};
  s.y = none; // nothing that a logarithmic axis can show
  resq_plot_write(&m, &plot);
  assert_null(m.data);
  static const double flat[] = {7, 7, 7, 7}; // one value, one point: an axis all the same
  s.y = flat;
  s.n = 1;
  plot.log_y = false;
  resq_plot_write(&m, &plot);
  assert_non_null(strstr(m.data, "class=\"m s1\""));
  assert_null(strstr(m.data, "nan"));
  assert_null(strstr(m.data, "inf"));
  free(m.data);
}

/// A page of nothing but a name.
static void empty_page(void **state) {
  (void)state;
  resq_facts facts = {0};
  resq_report_origin origin = {.name = "<tiny>", .seed = 3};
  char *page = resq_report_page(&facts, &origin);
  assert_non_null(page);
  assert_non_null(strstr(page, "&lt;tiny&gt;"));
  assert_null(strstr(page, "<tiny>"));
  assert_null(strstr(page, "nan"));
  free(page);
  resq_facts_free(&facts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signal_to_noise),
      cmocka_unit_test(weighted_noise),
      cmocka_unit_test(outliers),
      cmocka_unit_test(unusual),
      cmocka_unit_test(activation_errors),
      cmocka_unit_test(markup),
      cmocka_unit_test(plots),
      cmocka_unit_test(empty_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
