//===-- page.c - the page, its head and its first sections ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "lowering/report/measures.h"
#include "lowering/report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
static const char style[] = // a rule a line, or a few
    ":root{color-scheme:light;--ink:#1d2430;--soft:#5c6675;--line:#d9dee6;--pale:#f5f7fa;--bad:#b3261e;--badpale:#fdecea}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:1120px;padding:28px 24px 60px;color:var(--ink);background:#fff;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}\n"
    "h1{font-size:27px;line-height:1.2;margin:0 0 4px}\n"
    "h2{font-size:19px;margin:38px 0 6px;padding-top:12px;border-top:1px solid var(--line)}\n"
    "p{margin:6px 0 12px;max-width:78ch}.soft{color:var(--soft)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:12px;margin:20px 0 8px}\n"
    ".card{background:var(--pale);border:1px solid var(--line);border-radius:8px;padding:10px 14px}\n"
    ".card b{display:block;white-space:nowrap;font-size:21px;line-height:1.3;font-variant-numeric:tabular-nums}.card span{color:var(--soft);font-size:13px}\n"
    ".note{border-left:4px solid #2e7d32;background:#eef7ee;padding:8px 14px;margin:14px 0;border-radius:0 6px 6px 0}\n"
    ".note.bad{border-color:var(--bad);background:var(--badpale)}.note ul{margin:4px 0;padding-left:20px}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:10px 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    "code{font:13px/1.45 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}\n"
    "table{border-collapse:collapse;margin:10px 0;font-size:13.5px;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:3px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid #edf0f4}\n"
    "th{color:var(--soft);font-weight:600;vertical-align:bottom;border-bottom:1px solid var(--line);background:#fff}\n"
    "th:first-child,td:first-child,.t{text-align:left}.c{text-align:center}td.wrap{white-space:normal;text-align:left}thead{position:sticky;top:0}\n"
    "tr.first td{border-top:2px solid #cfd6df}tr.bad td{background:var(--badpale)}tr.bad td:first-child{color:var(--bad);font-weight:600}\n"
    ".wide{overflow-x:auto}.wide table{width:100%}\n"
    ".plots{display:flex;flex-wrap:wrap;gap:14px 18px;margin:12px 0}.tiles{display:flex;flex-wrap:wrap;gap:6px 8px;margin:10px 0}\n"
    "svg.plot{max-width:100%;height:auto;display:block;font-family:inherit}\n"
    "svg text{fill:var(--ink)}svg .heading{font-size:14px;font-weight:600}svg .label{font-size:11.5px;fill:var(--soft)}svg .tick{font-size:11px;fill:var(--soft)}svg .power{font-size:8.5px}\n"
    "svg .grid{stroke:#e8ebf0}svg .axis{stroke:#9aa4b2}svg .split{stroke:#9aa4b2;stroke-dasharray:4 3}svg .high{fill:#f3eee2}\n"
    "svg .l{fill:none;stroke-width:1.5;stroke-linejoin:round}svg .m{stroke-width:1.4}\n"
    ".l.s0{stroke:#0072b2}.l.s1{stroke:#d55e00}.l.s2{stroke:#009e73}.l.s3{stroke:#b0457f}.l.s4{stroke:#8a6d00}.l.s5{stroke:#3d9bd1}.l.s6{stroke:#333}.l.s7{stroke:#98a2b0}\n"
    ".m.s0{fill:#0072b2}.m.s1{fill:#d55e00}.m.s2{fill:#009e73}.m.s3{fill:#b0457f}.m.s4{fill:#8a6d00}.m.s5{fill:none;stroke:#3d9bd1}.m.s6{fill:none;stroke:#333}.m.s7{fill:#fff;stroke:#98a2b0}\n"
    "@media print{body{max-width:none;padding:0;font-size:11.5px}h2{break-after:avoid}svg,tr,.card,.note{break-inside:avoid}thead{position:static}table{font-size:10px}th,td{padding:1px 6px}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}\n";
// clang-format on

//===-- Summary -----------------------------------------------------------===//

static void card(resq_markup *m, double value, int digits, const char *unit, const char *what) {
  if (!isfinite(value))
    return;
  resq_markup_format(m, "<div class=\"card\"><b>");
  if (digits < 0)
    resq_markup_count(m, (int64_t)value);
  else
    resq_markup_number(m, value, digits);
  resq_markup_format(m, "%s</b><span>", unit);
  resq_markup_text(m, what);
  resq_markup_format(m, "</span></div>\n");
}

static double bits_of(const resq_report_total *t) {
  return t->elements ? 8 * (double)t->bytes / (double)t->elements : NAN;
}

static double cache_bytes(const resq_facts *f) {
  int64_t sum = 0;
  for (int32_t i = 0; i < f->n_caches; ++i)
    sum += f->caches[i].bytes;
  return f->n_caches ? (double)sum : NAN;
}

/// Median over linears of output or activation noise; NaN when none is known.
static double median_snr(const resq_facts *f, bool activations) {
  double *values = resq_new((size_t)(f->n_linears + 1), sizeof *values), median = NAN;
  int64_t n = 0;
  for (int32_t i = 0; i < f->n_linears; ++i) {
    double v = activations ? f->linears[i].activation_snr : resq_report_snr(&f->linears[i]);
    if (isfinite(v))
      values[n++] = v;
  }
  if (n)
    median = resq_median(values, n);
  free(values);
  return median;
}

static void write_unusual(resq_markup *m, const resq_facts *f) {
  int32_t unusual = 0, judged = 0;
  for (int32_t i = 0; i < f->n_linears; ++i) {
    unusual += f->linears[i].unusual;
    judged += isfinite(resq_report_snr(&f->linears[i]));
  }
  if (!judged)
    return;
  if (!unusual) {
    resq_markup_format(m, "<div class=\"note\">No linear is noisier than the same one in "
                          "other layers by more than 4 median absolute deviations.</div>\n");
    return;
  }
  resq_markup_format(m,
                     "<div class=\"note bad\"><b>%d linear%s unusually noisy</b>, by more than 4 "
                     "median absolute deviations from the same linear in other layers:<ul>\n",
                     unusual, unusual == 1 ? " is" : "s are");
  for (int32_t i = 0; i < f->n_linears; ++i) {
    if (!f->linears[i].unusual)
      continue;
    resq_markup_format(m, "<li><code>");
    resq_markup_text(m, f->linears[i].name);
    resq_markup_format(m, "</code>: ");
    resq_markup_text(m, f->linears[i].why);
    resq_markup_format(m, "</li>\n");
  }
  resq_markup_format(m, "</ul></div>\n");
}

void resq_section_summary(resq_markup *m, const resq_facts *f, const resq_report_origin *o) {
  resq_markup_format(m, "<h1>");
  resq_markup_text(m, o->name && *o->name ? o->name : "A model");
  resq_markup_format(m,
                     "</h1>\n<p class=\"soft\">Quality of the compile: what its codes keep of the "
                     "checkpoint, and where they lose it.</p>\n<div class=\"cards\">\n");
  int64_t bytes = 0;
  for (int i = 0; i < RESQ_GROUPS; ++i)
    bytes += f->totals[i].bytes;
  card(m, bits_of(&f->totals[RESQ_GROUP_LINEARS]), 2, "", "bits a weight of the linears");
  card(m, bits_of(&f->totals[RESQ_GROUP_EMBEDDING]), 2, "", "bits a weight of the embedding");
  card(m, bits_of(&f->totals[RESQ_GROUP_HEAD]), 2, "", "bits a weight of the head");
  card(m, (double)bytes / 1e6, 1, " MB", "of parameters");
  card(m, cache_bytes(f), -1, " B", "of cache a token");
  card(m, median_snr(f, false), 1, " dB", "median signal to noise of weight codes");
  card(m, median_snr(f, true), 1, " dB", "median signal to noise of activation codes");
  resq_markup_format(m, "</div>\n");
  write_unusual(m, f);
}

//===-- Origin ------------------------------------------------------------===//

static void entry(resq_markup *m, const char *what, const char *text) {
  if (!text || !*text)
    return;
  resq_markup_format(m, "<dt>%s</dt><dd><code>", what);
  resq_markup_text(m, text);
  resq_markup_format(m, "</code></dd>\n");
}

void resq_section_origin(resq_markup *m, const resq_report_origin *o) {
  resq_markup_format(m, "<section><h2>How it was made</h2>\n<dl>\n");
  entry(m, "checkpoint", o->checkpoint);
  entry(m, "scheme", o->scheme);
  entry(m, "passes", o->pipeline);
  resq_markup_format(m, "<dt>seed</dt><dd><code>%" PRId64 "</code></dd>\n", o->seed);
  resq_markup_format(m, "<dt>calibration</dt><dd>");
  if (o->sites) {
    resq_markup_format(m, "<code>");
    resq_markup_text(m, o->calibration ? o->calibration : "text sampled from the model");
    resq_markup_format(m, "</code>, ");
    resq_markup_count(m, o->rows);
    resq_markup_format(m, " rows at each of %" PRId64 " sites", o->sites);
    if (o->first_weight > 1)
      resq_markup_format(m, ", the first of each window counted %" PRId64 " times for linears",
                         o->first_weight);
  } else {
    resq_markup_format(
        m, "none: figures of outputs and activations are missing; "
           "<code>--calibration=TEXT</code> or <code>--statistics=FILE</code> gives them");
  }
  resq_markup_format(m, "</dd>\n");
  entry(m, "compiler", o->version);
  resq_markup_format(m, "</dl></section>\n");
}

//===-- Storage -----------------------------------------------------------===//

static void total_row(resq_markup *m, const char *what, const resq_report_total *t) {
  resq_markup_format(m, "<tr><td>%s</td><td>", what);
  resq_markup_count(m, t->params);
  resq_markup_format(m, "</td><td>");
  resq_markup_count(m, t->elements);
  resq_markup_format(m, "</td><td>");
  resq_markup_count(m, t->bytes);
  resq_markup_format(m, "</td><td>");
  resq_markup_number(m, bits_of(t), 3);
  resq_markup_format(m, "</td></tr>\n");
}

static void write_totals(resq_markup *m, const resq_facts *f) {
  static const char *const names[RESQ_GROUPS] = {"linears", "embedding", "head",
                                                 "norms, biases, online matrices"};
  resq_report_total all = {0, 0, 0};
  static const resq_column columns[] = {{"parameters", false},
                                        {"stored", false},
                                        {"weights", false},
                                        {"bytes", false},
                                        {"bits a weight", false}};
  resq_markup_table_begin(m, false, columns, sizeof columns / sizeof *columns);
  for (int i = 0; i < RESQ_GROUPS; ++i) {
    const resq_report_total *t = &f->totals[i];
    if (!t->params)
      continue;
    total_row(m, names[i], t);
    all.params += t->params;
    all.elements += t->elements;
    all.bytes += t->bytes;
  }
  total_row(m, "<b>all</b>", &all);
  resq_markup_table_end(m, false);
}

/// Neighbours that differ in name alone are one row.
static bool same_cache(const resq_report_cache *a, const resq_report_cache *b) {
  return a->heads == b->heads && a->head_size == b->head_size && a->bytes == b->bytes &&
         !strcmp(a->keys, b->keys) && !strcmp(a->values, b->values);
}

static void cache_row(resq_markup *m, const resq_report_cache *c, int32_t n) {
  resq_markup_format(m, "<tr><td><code>");
  resq_markup_text(m, c->name);
  if (n > 1) {
    resq_markup_format(m, "</code> to <code>");
    resq_markup_text(m, c[n - 1].name);
  }
  resq_markup_format(
      m, "</code></td><td>%d</td><td>%" PRId64 " × %" PRId64 "</td><td class=\"wrap\"><code>", n,
      c->heads, c->head_size);
  resq_markup_text(m, c->keys);
  resq_markup_format(m, "</code></td><td class=\"wrap\"><code>");
  resq_markup_text(m, c->values);
  resq_markup_format(m, "</code></td><td>");
  resq_markup_count(m, n * c->bytes);
  resq_markup_format(m, "</td><td>");
  resq_markup_number(m, 8 * (double)c->bytes / (2 * (double)c->heads * (double)c->head_size), 2);
  resq_markup_format(m, "</td></tr>\n");
}

static void write_caches(resq_markup *m, const resq_facts *f) {
  if (!f->n_caches)
    return;
  static const resq_column columns[] = {
      {"caches", false}, {"layers", false},        {"heads × size", false},    {"keys", true},
      {"values", true},  {"bytes a token", false}, {"bits an element", false},
  };
  resq_markup_table_begin(m, true, columns, sizeof columns / sizeof *columns);
  for (int32_t i = 0, n; i < f->n_caches; i += n) {
    for (n = 1; i + n < f->n_caches && same_cache(&f->caches[i], &f->caches[i + n]);)
      ++n;
    cache_row(m, &f->caches[i], n);
  }
  resq_markup_table_end(m, true);
}

void resq_section_storage(resq_markup *m, const resq_facts *f) {
  resq_markup_format(m, "<section><h2>What is stored</h2>\n<p class=\"soft\">Bits count all that a "
                        "weight or an element costs in the file or in memory: codes, scales, zero "
                        "points and padding.</p>\n");
  write_totals(m, f);
  write_caches(m, f);
  resq_markup_format(m, "</section>\n");
}

//===-- The page ----------------------------------------------------------===//

char *resq_report_page(const resq_facts *facts, const resq_report_origin *origin) {
  resq_markup m = {0};
  resq_markup_format(&m,
                     "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                     "<title>");
  resq_markup_text(&m, origin->name && *origin->name ? origin->name : "A model");
  resq_markup_format(&m, ": quality of a compile</title>\n<style>\n%s</style></head><body>\n",
                     style);
  resq_section_summary(&m, facts, origin);
  resq_section_origin(&m, origin);
  resq_section_storage(&m, facts);
  resq_section_noise(&m, facts);
  resq_section_inputs(&m, facts);
  resq_section_spectra(&m, facts);
  resq_section_linears(&m, facts);
  resq_section_input_table(&m, facts);
  resq_markup_format(&m, "</body></html>\n");
  return m.data;
}
