//===-- layers.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/layers.h"

#include "dialect/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void resq_points_make(const resq_facts *f, resq_points *p) {
  size_t room = 2 * (size_t)f->n_linears + 1;
  *p = (resq_points){resq_new(room, sizeof *p->x), resq_new(room, sizeof *p->y), 0};
}

void resq_points_free(resq_points *p) {
  free(p->x);
  free(p->y);
}

bool resq_figure_known(const resq_facts *f, resq_figure figure) {
  for (int32_t i = 0; i < f->n_linears; ++i)
    if (isfinite(figure(&f->linears[i])))
      return true;
  return false;
}

bool resq_begins_role(const resq_facts *f, int32_t index) {
  for (int32_t i = 0; i < index; ++i)
    if (f->linears[i].layer >= 0 && !strcmp(f->linears[i].role, f->linears[index].role))
      return false;
  return f->linears[index].layer >= 0;
}

resq_series resq_role_series(const resq_facts *f, const char *role, resq_figure figure, int style,
                             resq_points *p) {
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
