//===-- section_inputs.c - outliers of what linears read ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/layers.h"
#include "lowering/report/sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double peak_before(const resq_report_linear *l) { return l->before.peak; }
static double peak_after(const resq_report_linear *l) { return l->branches[0].outliers.peak; }

//===-- Plots -------------------------------------------------------------===//

static void plot_peaks(resq_markup *m, const resq_facts *f, const resq_report_linear *l) {
  resq_points p;
  char title[160];
  snprintf(title, sizeof title, "Input of %.100s", l->role);
  resq_points_make(f, &p);
  resq_series series[] = {resq_role_series(f, l->role, peak_before, 7, &p),
                          resq_role_series(f, l->role, peak_after, 0, &p)};
  series[0].name = "in the model";
  series[1].name = "as its low part is coded";
  resq_plot plot = {.width = 525,
                    .height = 250,
                    .title = title,
                    .x_label = "layer",
                    .y_label = "peak / rms",
                    .from_zero = true,
                    .split = NAN,
                    .series = series,
                    .n_series = 2};
  resq_plot_write(m, &plot);
  resq_points_free(&p);
}

/// The first linear that reads its site: it stands for the others.
static bool begins_site(const resq_facts *f, int32_t index) {
  const resq_report_linear *l = &f->linears[index];
  for (int32_t i = 0; i < index; ++i)
    if (!strcmp(f->linears[i].site, l->site))
      return false;
  return *l->site && isfinite(l->before.peak);
}

void resq_section_inputs(resq_markup *m, const resq_facts *f) {
  if (!resq_figure_known(f, peak_before))
    return;
  int64_t rows = 0;
  for (int32_t i = 0; i < f->n_linears; ++i)
    rows = f->linears[i].samples > rows ? f->linears[i].samples : rows;
  resq_markup_format(m,
                     "<section><h2>Outliers</h2>\n<p class=\"soft\">A code spends its range on the "
                     "largest entry of a row. Peak: largest magnitude over root mean square, the "
                     "mean over rows (and groups that share a scale). Kurtosis: 3 for a Gaussian. "
                     "Channels: the largest channel over the median one. Over ");
  resq_markup_count(m, rows);
  resq_markup_format(m, " sampled rows, in the model’s own coordinates and in those that are "
                        "coded.</p>\n<div class=\"plots\">\n");
  for (int32_t i = 0; i < f->n_linears; ++i)
    if (resq_begins_role(f, i) && begins_site(f, i))
      plot_peaks(m, f, &f->linears[i]);
  resq_markup_format(m, "</div></section>\n");
}

//===-- The table ---------------------------------------------------------===//

static void outlier_cells(resq_markup *m, const resq_outliers *o) {
  const double values[] = {o->peak, o->kurtosis, o->channels};
  for (int i = 0; i < 3; ++i) {
    resq_markup_format(m, "<td>");
    resq_markup_ratio(m, values[i]);
    resq_markup_format(m, "</td>");
  }
}

static void input_row(resq_markup *m, const resq_report_linear *l) {
  static const resq_outliers none = {NAN, NAN, NAN};
  resq_markup_format(m, "<tr><td><code>");
  resq_markup_text(m, l->site);
  resq_markup_format(m, "</code></td>");
  outlier_cells(m, &l->before);
  outlier_cells(m, &l->branches[0].outliers);
  outlier_cells(m, l->n_branches > 1 ? &l->branches[1].outliers : &none);
  resq_markup_format(m, "</tr>\n");
}

void resq_section_input_table(resq_markup *m, const resq_facts *f) {
  if (!resq_figure_known(f, peak_before))
    return;
  resq_markup_format(m,
                     "<section><h2>Every input</h2>\n<p class=\"soft\">Outliers, as above: in the "
                     "model’s own coordinates, and of the parts that are coded.</p>\n"
                     "<div class=\"wide\"><table><thead><tr><th></th>"
                     "<th class=\"c\" colspan=\"3\">in the model</th>"
                     "<th class=\"c\" colspan=\"3\">low part</th>"
                     "<th class=\"c\" colspan=\"3\">high part</th></tr>\n<tr><th>input</th>");
  for (int i = 0; i < 3; ++i)
    resq_markup_format(m, "<th>peak</th><th>kurtosis</th><th>channels</th>");
  resq_markup_format(m, "</tr></thead><tbody>\n");
  for (int32_t i = 0; i < f->n_linears; ++i)
    if (begins_site(f, i))
      input_row(m, &f->linears[i]);
  resq_markup_table_end(m, true);
  resq_markup_format(m, "</section>\n");
}
