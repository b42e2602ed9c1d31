//===-- section_linears.c - every linear ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/sections.h"

#include <inttypes.h>
#include <math.h>

/// "4 × 504 + 8 × 72": bits by columns of each branch; "tcq4 × 504", "e4m3 × 72"; "float".
static void code_cell(resq_markup *m, const resq_report_linear *l) {
  resq_markup_format(m, "<td class=\"t\">");
  for (int i = 0; i < l->n_branches; ++i) {
    const resq_report_branch *b = &l->branches[i];
    if (!b->bits) {
      resq_markup_format(m, "%sfloat", i ? " + " : "");
      continue;
    }
    resq_markup_format(m, "%s", i ? " + " : "");
    if (b->kind == RESQ_CODE_E4M3)
      resq_markup_format(m, "e4m3");
    else
      resq_markup_format(m, "%s%d", b->kind == RESQ_CODE_TRELLIS ? "tcq" : "", b->bits);
    if (b->activation_bits != b->bits)
      resq_markup_format(m, "/%d", b->activation_bits);
    resq_markup_format(m, " × %" PRId64, b->width);
    if (b->group != b->width)
      resq_markup_format(m, " (groups of %" PRId64 ")", b->group);
  }
  resq_markup_format(m, "</td>");
}

static void number_cell(resq_markup *m, double x, int digits) {
  resq_markup_format(m, "<td>");
  resq_markup_number(m, x, digits);
  resq_markup_format(m, "</td>");
}

/// Clip ratios of branches; those found by calibration are marked.
static void clip_cell(resq_markup *m, const resq_report_linear *l) {
  resq_markup_format(m, "<td>");
  for (int i = 0; i < l->n_branches; ++i) {
    if (i)
      resq_markup_format(m, " / ");
    resq_markup_number(m, l->branches[i].clip, 2);
    if (l->branches[i].clip_found)
      resq_markup_format(m, "*");
  }
  resq_markup_format(m, "</td>");
}

static void branch_cell(resq_markup *m, const resq_report_linear *l) {
  resq_markup_format(m, "<td>");
  for (int i = 0; i < l->n_branches; ++i) {
    if (i)
      resq_markup_format(m, " / ");
    resq_markup_number(m, l->branches[i].weight_snr, 1);
  }
  resq_markup_format(m, "</td>");
}

static void linear_row(resq_markup *m, const resq_report_linear *l, bool first) {
  resq_markup_format(m, "<tr class=\"%s%s\"><td><code>", first ? "first" : "",
                     l->unusual ? " bad" : "");
  resq_markup_text(m, l->name);
  resq_markup_format(m, "</code>%s</td><td>%" PRId64 " × %" PRId64 "</td>",
                     l->unusual ? " unusual" : "", l->rows, l->width);
  code_cell(m, l);
  number_cell(m, l->bits, 3);
  branch_cell(m, l);
  number_cell(m, l->weight_snr, 1);
  number_cell(m, l->output_snr, 1);
  clip_cell(m, l);
  number_cell(m, l->activation_snr, 1);
  resq_markup_format(m, "</tr>\n");
}

static bool any_clip_found(const resq_facts *f) {
  for (int32_t i = 0; i < f->n_linears; ++i)
    for (int j = 0; j < f->linears[i].n_branches; ++j)
      if (f->linears[i].branches[j].clip_found)
        return true;
  return false;
}

void resq_section_linears(resq_markup *m, const resq_facts *f) {
  if (!f->n_linears)
    return;
  resq_markup_format(
      m,
      "<section><h2>Every linear</h2>\n<p class=\"soft\">Codes: bits × input columns "
      "of each part, low then high (weight/activation bits where they differ). "
      "Signal to noise in dB: of the weights by part and together, of the output by "
      "weight codes, and of the output by activation codes. Clip: the part of an "
      "activation’s range that is kept%s. – is not known.</p>\n",
      any_clip_found(f) ? "; * found by calibration" : "");
  static const resq_column columns[] = {
      {"linear", false},
      {"out × in", false},
      {"codes", true},
      {"bits a<br/>weight", false},
      {"weights<br/>by part", false},
      {"weights", false},
      {"output by<br/>weights", false},
      {"clip", false},
      {"output by<br/>activations", false},
  };
  resq_markup_table_begin(m, true, columns, sizeof columns / sizeof *columns);
  for (int32_t i = 0; i < f->n_linears; ++i)
    linear_row(m, &f->linears[i], i == 0 || f->linears[i].layer != f->linears[i - 1].layer);
  resq_markup_table_end(m, true);
  resq_markup_format(m, "</section>\n");
}
