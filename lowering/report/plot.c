//===-- plot.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/plot.h"

#include <math.h>
#include <string.h>

/// Data to pixels: at = origin + (value - low) * unit, of logarithms on a log axis.
typedef struct axis {
  double low, high, origin, unit;
  bool log;
} axis;

typedef struct frame {
  double left, top, right, bottom; ///< of the area inside the axes
  axis x, y;
} frame;

static double value_of(const axis *a, double v) { return a->log ? log10(v) : v; }
static double place(const axis *a, double v) {
  return a->origin + (value_of(a, v) - a->low) * a->unit;
}
static bool shown(const resq_plot *p, double x, double y) {
  return isfinite(x) && isfinite(y) && (!p->log_y || y > 0);
}

//===-- Axes --------------------------------------------------------------===//

/// 1, 2 or 5 times a power of ten, so that at most `most` steps cover the span.
static double nice_step(double span, int most) {
  double raw = span / most, power = pow(10, floor(log10(raw)));
  static const double factors[] = {1, 2, 5, 10};
  int i = 0;
  while (i < 3 && factors[i] * power < raw * (1 - 1e-9))
    ++i;
  return factors[i] * power;
}

/// The range of all points; false when there are none.
static bool find_range(const resq_plot *p, axis *x, axis *y) {
  *x = (axis){.low = INFINITY, .high = -INFINITY};
  *y = (axis){.low = INFINITY, .high = -INFINITY, .log = p->log_y};
  for (int s = 0; s < p->n_series; ++s)
    for (int64_t i = 0; i < p->series[s].n; ++i) {
      double u = p->series[s].x[i], v = p->series[s].y[i];
      if (!shown(p, u, v))
        continue;
      x->low = fmin(x->low, u);
      x->high = fmax(x->high, u);
      y->low = fmin(y->low, value_of(y, v));
      y->high = fmax(y->high, value_of(y, v));
    }
  if (p->from_zero)
    y->low = fmin(y->low, 0);
  if (p->y_high > p->y_low) {
    y->low = fmin(y->low, value_of(y, p->y_low));
    y->high = fmax(y->high, value_of(y, p->y_high));
  }
  return x->low <= x->high;
}

/// Both ends on a tick, and never the same.
static void round_range(axis *a, double step) {
  a->low = floor(a->low / step + 1e-9) * step;
  a->high = ceil(a->high / step - 1e-9) * step;
  if (!(a->high > a->low))
    a->high = a->low + step;
}

/// Ticks of the y axis: decades where it is logarithmic.
static double y_step(const resq_plot *p, const axis *y) {
  int most = p->small ? 3 : 6;
  double span = y->high - y->low;
  if (!p->log_y)
    return nice_step(span > 0 ? span : 1, most);
  return fmax(1, ceil(span / most));
}

static void tick_label(resq_markup *m, const axis *a, double v, double step) {
  if (!a->log) {
    int digits = step < 0.999 ? (int)ceil(-log10(step) - 1e-9) : 0;
    resq_markup_number(m, fabs(v) < 1e-12 ? 0 : v, digits);
  } else if (v >= -2 && v <= 3) {
    resq_markup_format(m, "%g", pow(10, v));
  } else {
    resq_markup_format(m, "10<tspan class=\"power\" dy=\"-4\">%s%d</tspan>", v < 0 ? "−" : "",
                       (int)fabs(v));
  }
}

static void write_y_axis(resq_markup *m, const frame *f, double step) {
  for (double v = f->y.low; v <= f->y.high + step / 2; v += step) {
    double at = f->y.origin + (v - f->y.low) * f->y.unit;
    resq_markup_format(m, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                       f->left, at, f->right, at);
    resq_markup_format(m, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                       f->left - 6, at + 3.5);
    tick_label(m, &f->y, v, step);
    resq_markup_format(m, "</text>\n");
  }
}

static void write_x_axis(resq_markup *m, const resq_plot *p, const frame *f) {
  resq_markup_format(m, "<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                     f->left, f->bottom, f->right, f->bottom);
  double step = fmax(1, nice_step(fmax(f->x.high - f->x.low, 1), p->small ? 3 : 10));
  for (double v = ceil(f->x.low / step) * step; v <= f->x.high + 1e-9; v += step)
    resq_markup_format(m,
                       "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f"
                       "</text>\n",
                       place(&f->x, v), f->bottom + 15, v);
}

static void write_labels(resq_markup *m, const resq_plot *p, const frame *f) {
  if (p->x_label) {
    resq_markup_format(m, "<text class=\"label\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">",
                       (f->left + f->right) / 2, p->height - 4);
    resq_markup_text(m, p->x_label);
    resq_markup_format(m, "</text>\n");
  }
  if (p->y_label) {
    double middle = (f->top + f->bottom) / 2;
    resq_markup_format(m,
                       "<text class=\"label\" x=\"12\" y=\"%.1f\" text-anchor=\"middle\" "
                       "transform=\"rotate(-90 12 %.1f)\">",
                       middle, middle);
    resq_markup_text(m, p->y_label);
    resq_markup_format(m, "</text>\n");
  }
}

static void write_split(resq_markup *m, const resq_plot *p, const frame *f) {
  if (!(p->split >= f->x.low && p->split <= f->x.high))
    return;
  double at = place(&f->x, p->split);
  resq_markup_format(m,
                     "<rect class=\"high\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                     at, f->top, f->right - at, f->bottom - f->top);
  resq_markup_format(m, "<line class=\"split\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                     at, f->top, at, f->bottom);
  if (!p->split_label)
    return;
  resq_markup_format(m, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", at - 6,
                     f->top + 12);
  resq_markup_text(m, p->split_label);
  resq_markup_format(m, "</text>\n");
}

//===-- Series ------------------------------------------------------------===//

/// A shape around (x, y): circle, square, diamond, triangles, cross, plus, ring.
static void write_mark(resq_markup *m, int style, double x, double y) {
  static const char *const paths[] = {NULL,
                                      "M-3-3H3V3H-3z",
                                      "M0-4.2L4.2 0 0 4.2-4.2 0z",
                                      "M0-4L4 3H-4z",
                                      "M0 4L4-3H-4z",
                                      "M-3-3L3 3M-3 3L3-3",
                                      "M-4 0H4M0-4V4",
                                      NULL};
  int shape = style % RESQ_PLOT_STYLES;
  if (paths[shape])
    resq_markup_format(m, "<path class=\"m s%d\" d=\"%s\" transform=\"translate(%.1f %.1f)\"/>",
                       shape, paths[shape], x, y);
  else
    resq_markup_format(m, "<circle class=\"m s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/>", shape, x, y,
                       shape ? "3.6" : "3.2");
}

static void write_line(resq_markup *m, const resq_plot *p, const resq_series *s, const frame *f) {
  bool open = false;
  resq_markup_format(m, "<path class=\"l s%d\" d=\"", s->style % RESQ_PLOT_STYLES);
  for (int64_t i = 0; i < s->n; ++i) {
    bool draw = shown(p, s->x[i], s->y[i]);
    if (draw)
      resq_markup_format(m, "%s%.1f %.1f", open ? "L" : "M", place(&f->x, s->x[i]),
                         place(&f->y, s->y[i]));
    open = draw;
  }
  resq_markup_format(m, "\"/>\n");
  for (int64_t i = 0; s->marks && i < s->n; ++i)
    if (shown(p, s->x[i], s->y[i]))
      write_mark(m, s->style, place(&f->x, s->x[i]), place(&f->y, s->y[i]));
}

static void write_legend(resq_markup *m, const resq_plot *p, const frame *f) {
  double x = f->left;
  for (int s = 0; s < p->n_series; ++s) {
    const char *name = p->series[s].name;
    if (!name)
      continue;
    write_mark(m, p->series[s].style, x + 4, f->top - 13);
    resq_markup_format(m, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">", x + 12, f->top - 9);
    resq_markup_text(m, name);
    resq_markup_format(m, "</text>\n");
    x += 30 + 6.6 * (double)strlen(name);
  }
}

//===-- All ---------------------------------------------------------------===//

static void write_title(resq_markup *m, const resq_plot *p) {
  resq_markup_format(m, "<title>");
  resq_markup_text(m, p->title);
  resq_markup_format(m, "</title>\n<text class=\"%s\" x=\"%d\" y=\"%d\">",
                     p->small ? "label" : "heading", p->small ? 36 : 4, p->small ? 12 : 15);
  resq_markup_text(m, p->title);
  resq_markup_format(m, "</text>\n");
}

void resq_plot_write(resq_markup *m, const resq_plot *p) {
  frame f = {.left = p->small ? 36 : 54, .top = p->small ? 20 : 46, .right = p->width - 10};
  if (!find_range(p, &f.x, &f.y))
    return;
  f.bottom = p->height - 20 - (p->x_label ? 14 : 0);
  double step = y_step(p, &f.y);
  round_range(&f.y, step);
  if (!(f.x.high > f.x.low))
    f.x.high = f.x.low + 1;
  f.x.origin = f.left + (p->small ? 0 : 6);
  f.x.unit = (f.right - (p->small ? 0 : 6) - f.x.origin) / (f.x.high - f.x.low);
  f.y.origin = f.bottom;
  f.y.unit = (f.top - f.bottom) / (f.y.high - f.y.low);
  resq_markup_format(
      m, "<svg class=\"plot\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">",
      p->width, p->height, p->width, p->height);
  write_title(m, p);
  write_split(m, p, &f);
  write_y_axis(m, &f, step);
  write_x_axis(m, p, &f);
  write_labels(m, p, &f);
  for (int s = 0; s < p->n_series; ++s)
    write_line(m, p, &p->series[s], &f);
  if (!p->small)
    write_legend(m, p, &f);
  resq_markup_format(m, "</svg>\n");
}
