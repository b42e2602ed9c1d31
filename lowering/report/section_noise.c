//===-- section_noise.c - signal to noise over the layers -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/layers.h"
#include "lowering/report/sections.h"

#include <math.h>

static double output_figure(const resq_report_linear *l) { return resq_report_snr(l); }
static double exact_output_figure(const resq_report_linear *l) { return l->output_snr; }
static double activation_figure(const resq_report_linear *l) { return l->activation_snr; }

static void plot_roles(resq_markup *m, const resq_facts *f, const char *title, resq_figure figure) {
  resq_points p;
  resq_series series[RESQ_PLOT_STYLES];
  int n = 0;
  resq_points_make(f, &p);
  for (int32_t i = 0; i < f->n_linears && n < RESQ_PLOT_STYLES; ++i)
    if (resq_begins_role(f, i)) {
      series[n] = resq_role_series(f, f->linears[i].role, figure, n, &p);
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
  resq_plot_write(m, &plot);
  resq_points_free(&p);
}

void resq_section_noise(resq_markup *m, const resq_facts *f) {
  if (!resq_figure_known(f, output_figure))
    return;
  resq_markup_format(
      m,
      "<section><h2>Noise, layer by layer</h2>\n<p class=\"soft\">Signal to noise "
      "of each linear’s output, alone: what the codes of its weights cost, over "
      "calibrated inputs (%s), and what the codes of its activations cost, over "
      "sampled rows. 6 dB are one bit. Higher is better.</p>\n<div class=\"plots\">\n",
      resq_figure_known(f, exact_output_figure)
          ? "tr W H Wᵀ over tr E H Eᵀ, H the second moment of the input"
          : "without statistics: of the weights themselves");
  plot_roles(m, f, "Weight codes", output_figure);
  plot_roles(m, f, "Activation codes", activation_figure);
  resq_markup_format(m, "</div></section>\n");
}
