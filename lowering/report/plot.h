//===-- plot.h - line plots as SVG ----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inline SVG without scripts, styled by the page's sheet. Series differ in colour and in the shape
// of their marks, so that a plot also reads in black and white.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_PLOT_H
#define RESQ_LOWERING_REPORT_PLOT_H

#include "lowering/report/markup.h"

/// Classes s0 .. of the page's sheet and as many shapes.
#define RESQ_PLOT_STYLES 8

typedef struct resq_series {
  const char *name; ///< NULL: not in the legend
  const double *x,
      *y; ///< [n]; a point that is not finite (or not positive, on a log axis) is left out
  int64_t n;
  int style;  ///< 0 .. RESQ_PLOT_STYLES - 1
  bool marks; ///< a shape at each point
} resq_series;

typedef struct resq_plot {
  int width, height;
  const char *title;             ///< also the text for those who cannot see it
  const char *x_label, *y_label; ///< NULL: none
  bool log_y;
  bool from_zero;       ///< the y axis begins at 0
  double y_low, y_high; ///< that the y axis shows at least; both 0: what the points need
  bool small;           ///< a tile of many: few ticks, no legend
  double split;         ///< a vertical line at x, NaN: none
  const char *split_label;
  const resq_series *series;
  int n_series;
} resq_plot;

/// Nothing when no point can be shown.
void resq_plot_write(resq_markup *m, const resq_plot *plot);

#endif // RESQ_LOWERING_REPORT_PLOT_H
