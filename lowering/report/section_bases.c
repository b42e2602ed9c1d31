//===-- section_bases.c - spectra and conditions --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "lowering/report/plot.h"
#include "lowering/report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/// Orders from here on get a plot of their own size.
enum { LARGE = 256 };
/// Matrices of a condition number below are told together.
#define ORTHOGONAL 1.001

/// Least and largest variance over the mean, of all tiles: they share an axis.
typedef struct range {
  double low, high;
} range;

static double mean_of(const double *values, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += values[i];
  return sum / (double)n;
}

static range range_of_tiles(const resq_facts *f) {
  range r = {INFINITY, 0};
  for (int32_t i = 0; i < f->n_bases; ++i) {
    const resq_report_basis *b = &f->bases[i];
    for (int64_t k = 0; b->variances && b->order < LARGE && k < b->blocks * b->order;
         k += b->order) {
      double mean = mean_of(b->variances + k, b->order);
      for (int64_t j = k; j < k + b->order; ++j)
        if (b->variances[j] > 0 && mean > 0) {
          r.low = fmin(r.low, b->variances[j] / mean);
          r.high = fmax(r.high, b->variances[j] / mean);
        }
    }
  }
  return r;
}

static void plot_spectrum(resq_markup *m, const resq_report_basis *b, range tiles) {
  int64_t count = b->blocks * b->order;
  double *x = resq_new((size_t)count, sizeof *x), *y = resq_new((size_t)count, sizeof *y);
  resq_series *series = resq_new((size_t)b->blocks, sizeof *series);
  for (int64_t i = 0; i < b->blocks; ++i) {
    double mean = mean_of(b->variances + i * b->order, b->order);
    for (int64_t j = 0; j < b->order; ++j) {
      x[i * b->order + j] = (double)j;
      y[i * b->order + j] = b->variances[i * b->order + j] / mean;
    }
    series[i] = (resq_series){
        NULL, x + i * b->order, y + i * b->order, b->order, (int)(i % RESQ_PLOT_STYLES), false};
  }
  bool small = b->order < LARGE;
  char label[80];
  snprintf(label, sizeof label, "%" PRId64 " low, %" PRId64 " high directions", b->order - b->high,
           b->high);
  resq_plot plot = {.width = small ? 208 : 1068,
                    .height = small ? 128 : 300,
                    .title = b->name,
                    .x_label = small ? NULL : "direction, least variance first",
                    .y_label = small ? NULL : "variance / mean",
                    .log_y = true,
                    .y_low = small ? tiles.low : 0,
                    .y_high = small ? tiles.high : 0,
                    .small = small,
                    .split = b->high ? (double)(b->order - b->high) - 0.5 : NAN,
                    .split_label = small ? NULL : label,
                    .series = series,
                    .n_series = (int)b->blocks};
  resq_plot_write(m, &plot);
  free(x);
  free(y);
  free(series);
}

static void condition_row(resq_markup *m, const resq_report_basis *b) {
  resq_markup_format(m, "<tr><td><code>");
  resq_markup_text(m, b->name);
  resq_markup_format(m,
                     "</code></td><td>%" PRId64 "</td><td>%" PRId64 "</td><td>%" PRId64 "</td><td>",
                     b->order, b->blocks, b->high);
  resq_markup_number(m, b->least_condition, 2);
  resq_markup_format(m, "</td><td>");
  resq_markup_number(m, b->most_condition, 2);
  resq_markup_format(m, "</td></tr>\n");
}

static void write_conditions(resq_markup *m, const resq_facts *f) {
  int32_t orthogonal = 0;
  double most = 1;
  for (int32_t i = 0; i < f->n_bases; ++i)
    if (f->bases[i].most_condition < ORTHOGONAL) {
      ++orthogonal;
      most = fmax(most, f->bases[i].most_condition);
    }
  resq_markup_format(m, "<p>");
  if (orthogonal)
    resq_markup_format(m, "%d of %d bases are orthogonal: condition numbers of at most 1 + %.0e. ",
                       orthogonal, f->n_bases, fmax(most - 1, 1e-15));
  if (orthogonal == f->n_bases) {
    resq_markup_format(m, "</p>\n");
    return;
  }
  resq_markup_format(m, "The others:</p>\n");
  static const resq_column columns[] = {{"basis", false},           {"order", false},
                                        {"blocks", false},          {"high", false},
                                        {"least condition", false}, {"largest", false}};
  resq_markup_table_begin(m, false, columns, sizeof columns / sizeof *columns);
  for (int32_t i = 0; i < f->n_bases; ++i)
    if (!(f->bases[i].most_condition < ORTHOGONAL))
      condition_row(m, &f->bases[i]);
  resq_markup_table_end(m, false);
}

static void write_spectra(resq_markup *m, const resq_facts *f, bool large) {
  range tiles = range_of_tiles(f);
  resq_markup_format(m, "<div class=\"%s\">\n", large ? "plots" : "tiles");
  for (int32_t i = 0; i < f->n_bases; ++i)
    if (f->bases[i].variances && (f->bases[i].order >= LARGE) == large)
      plot_spectrum(m, &f->bases[i], tiles);
  resq_markup_format(m, "</div>\n");
}

void resq_section_spectra(resq_markup *m, const resq_facts *f) {
  if (!f->n_bases)
    return;
  resq_markup_format(m,
                     "<section><h2>Bases</h2>\n<p class=\"soft\">Variance along the directions of "
                     "each calibrated basis, over their mean. The shaded directions are the high "
                     "part, coded in 8 bits: the steeper the spectrum, the more they take out of "
                     "the low part. Lines of one plot are the heads of a cache.</p>\n");
  write_spectra(m, f, true);
  write_spectra(m, f, false);
  write_conditions(m, f);
  resq_markup_format(m, "</section>\n");
}
