//===-- section_plots.c - figures over the layers -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/plot.h"
#include "lowering/report/sections.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// A figure of a linear.
typedef double (*figure)(const resq_report_linear *l);

static double output_figure(const resq_report_linear *l) { return resq_report_snr(l); }
static double exact_output_figure(const resq_report_linear *l) { return l->output_snr; }
static double activation_figure(const resq_report_linear *l) { return l->activation_snr; }
static double peak_before(const resq_report_linear *l) { return l->before.peak; }
static double peak_after(const resq_report_linear *l) { return l->branches[0].outliers.peak; }

/// Room for the points of all series of a plot: each linear is on one of them at most twice.
typedef struct points {
  double *x, *y;
  int64_t n;
} points;

static bool make_points(const resq_facts *f, points *p) {
  size_t room = 2 * (size_t)f->n_linears + 1;
  *p = (points){malloc(room * sizeof *p->x), malloc(room * sizeof *p->y), 0};
  return p->x && p->y;
}

static void free_points(points *p) {
  free(p->x);
  free(p->y);
}

/// The first linear of its role that stands in a layer.
static bool begins_role(const resq_facts *f, int32_t index) {
  for (int32_t i = 0; i < index; ++i)
    if (f->linears[i].layer >= 0 && !strcmp(f->linears[i].role, f->linears[index].role))
      return false;
  return f->linears[index].layer >= 0;
}

/// The figure of a role, layer by layer.
static resq_series series_of(const resq_facts *f, const char *role, figure figure, int style,
                             points *p) {
  resq_series s = {role, p->x + p->n, p->y + p->n, 0, style, true};
  for (int32_t i = 0; i < f->n_linears; ++i) {
    const resq_report_linear *l = &f->linears[i];
    if (l->layer < 0 || strcmp(l->role, role) || !isfinite(figure(l)))
      continue;
    p->x[p->n] = (double)l->layer;
    p->y[p->n++] = figure(l);
    ++s.n;
  }
  return s;
}

//===-- Noise -------------------------------------------------------------===//

static bool any(const resq_facts *f, figure figure) {
  for (int32_t i = 0; i < f->n_linears; ++i)
    if (isfinite(figure(&f->linears[i])))
      return true;
  return false;
}

static void plot_roles(resq_markup *m, const resq_facts *f, const char *title, figure figure) {
  points p;
  resq_series series[RESQ_PLOT_STYLES];
  int n = 0;
  bool ok = make_points(f, &p);
  for (int32_t i = 0; ok && i < f->n_linears && n < RESQ_PLOT_STYLES; ++i)
    if (begins_role(f, i)) {
      series[n] = series_of(f, f->linears[i].role, figure, n, &p);
      n += series[n].n > 0;
    }
  resq_plot plot = {.width = 525,
                    .height = 330,
                    .title = title,
                    .x_label = "layer",
                    .y_label = "signal to noise, dB",
                    .split = NAN,
                    .series = series,
                    .n_series = n};
  if (ok)
    resq_plot_write(m, &plot);
  m->failed |= !ok;
  free_points(&p);
}

void resq_section_noise(resq_markup *m, const resq_facts *f) {
  if (!any(f, output_figure))
    return;
  resq_markup_format(
      m,
      "<section><h2>Noise, layer by layer</h2>\n<p class=\"soft\">Signal to noise "
      "of each linear’s output, alone: what the codes of its weights cost, over "
      "calibrated inputs (%s), and what the codes of its activations cost, over "
      "sampled rows. 6 dB are one bit. Higher is better.</p>\n<div class=\"plots\">\n",
      any(f, exact_output_figure)
          ? "tr W H Wᵀ over tr E H Eᵀ, H the second moment of the input"
          : "without statistics: of the weights themselves");
  plot_roles(m, f, "Weight codes", output_figure);
  plot_roles(m, f, "Activation codes", activation_figure);
  resq_markup_format(m, "</div></section>\n");
}

//===-- Inputs ------------------------------------------------------------===//

static void plot_peaks(resq_markup *m, const resq_facts *f, const resq_report_linear *l) {
  points p;
  char title[160];
  snprintf(title, sizeof title, "Input of %.100s", l->role);
  if (make_points(f, &p)) {
    resq_series series[] = {series_of(f, l->role, peak_before, 7, &p),
                            series_of(f, l->role, peak_after, 0, &p)};
    series[0].name = "in the model";
    series[1].name = "as its low part is coded";
    resq_plot plot = {.width = 525,
                      .height = 250,
                      .title = title,
                      .x_label = "layer",
                      .y_label = "peak / rms",
                      .split = NAN,
                      .series = series,
                      .n_series = 2};
    resq_plot_write(m, &plot);
  } else {
    m->failed = true;
  }
  free_points(&p);
}

/// The first linear that reads its site: it stands for the others.
static bool begins_site(const resq_facts *f, int32_t index) {
  const resq_report_linear *l = &f->linears[index];
  for (int32_t i = 0; i < index; ++i)
    if (!strcmp(f->linears[i].site, l->site))
      return false;
  return *l->site && isfinite(l->before.peak);
}

static void outlier_cells(resq_markup *m, const resq_outliers *o) {
  const double values[] = {o->peak, o->kurtosis, o->channels};
  for (int i = 0; i < 3; ++i) {
    resq_markup_format(m, "<td>");
    resq_markup_number(m, values[i], 1);
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

void resq_section_inputs(resq_markup *m, const resq_facts *f) {
  if (!any(f, peak_before))
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
    if (begins_role(f, i) && begins_site(f, i))
      plot_peaks(m, f, &f->linears[i]);
  resq_markup_format(m, "</div>\n<div class=\"wide\"><table><thead><tr><th>input</th>"
                        "<th>peak</th><th>kurtosis</th><th>channels</th>"
                        "<th>low part:<br/>peak</th><th>kurtosis</th><th>channels</th>"
                        "<th>high part:<br/>peak</th><th>kurtosis</th><th>channels</th>"
                        "</tr></thead><tbody>\n");
  for (int32_t i = 0; i < f->n_linears; ++i)
    if (begins_site(f, i))
      input_row(m, &f->linears[i]);
  resq_markup_format(m, "</tbody></table></div></section>\n");
}
