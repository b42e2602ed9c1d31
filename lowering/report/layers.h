//===-- layers.h - figures of linears as series over the layers -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal to lowering/report/.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_LAYERS_H
#define RESQ_LOWERING_REPORT_LAYERS_H

#include "lowering/report/facts.h"
#include "lowering/report/plot.h"

/// A figure of a linear; NaN where it is not known.
typedef double (*resq_figure)(const resq_report_linear *l);

/// Room for the points of all series of a plot: each linear is on one of them at most twice.
typedef struct resq_points {
  double *x, *y;
  int64_t n;
} resq_points;

void resq_points_make(const resq_facts *f, resq_points *p);
void resq_points_free(resq_points *p);

bool resq_figure_known(const resq_facts *f, resq_figure figure); ///< of some linear
/// Linear `index` is the first of its role that stands in a layer.
bool resq_begins_role(const resq_facts *f, int32_t index);
/// The figure of a role, layer by layer; its points are in p.
resq_series resq_role_series(const resq_facts *f, const char *role, resq_figure figure, int style,
                             resq_points *p);

#endif // RESQ_LOWERING_REPORT_LAYERS_H
