//===-- collect.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/collect.h"

#include "dialect/diagnostics.h"
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "dialect/text_buffer.h"
#include "lowering/report/measures.h"
#include "passes/recipe.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Values ------------------------------------------------------------===//

int32_t resq_report_node(const resq_collecting *c, MlirOperation param) {
  for (int32_t i = 0; !mlirOperationIsNull(param) && i < c->e.n_sinks; ++i)
    if (mlirOperationEqual(c->e.sinks[i].op, param))
      return c->e.sinks[i].node;
  return -1;
}

resq_value *resq_report_value(resq_collecting *c, int32_t node, resq_value_kind kind) {
  resq_value *v = NULL, *out = NULL;
  resq_range all = {0, c->e.nodes[node].info.rows};
  c->e.culprit = (MlirOperation){NULL};
  if (!resq_evaluate(&c->e, node, all, false, &v, c->err)) {
    const MlirOperation culprit = c->e.culprit;
    resq_blame(c->err, mlirOperationIsNull(culprit) ? c->e.nodes[node].op : culprit);
    return NULL;
  }
  out = resq_value_is_float(v) ? resq_value_convert(v, kind) : resq_value_retain(v);
  if (!out)
    resq_out_of_memory(c->err, &c->e.nodes[node].info);
  resq_value_release(v);
  return out;
}

resq_value *resq_report_floats(resq_collecting *c, MlirOperation param, resq_value_kind kind) {
  int32_t node = resq_report_node(c, param);
  return resq_report_value(c, c->e.nodes[node].operands[0], kind);
}

//===-- Memory ------------------------------------------------------------===//

static void mark_param(const resq_collecting *c, MlirOperation param, bool *needed) {
  int32_t node = resq_report_node(c, param);
  if (node >= 0)
    resq_mark_needed(&c->e, node, needed);
}

static void mark_linear(const resq_collecting *c, const resq_linear_recipes *l, bool *needed) {
  mark_param(c, l->moment, needed);
  mark_param(c, l->input, needed);
  for (int i = 0; i < l->n_branches; ++i) {
    const resq_branch_recipes *b = &l->branches[i];
    const MlirOperation params[] = {b->codes, b->weight, b->clip, b->samples};
    for (int j = 0; j < 4; ++j)
      mark_param(c, params[j], needed);
  }
}

/// Lets go of what linears from `next` on do not read.
static void forget(resq_collecting *c, int32_t next) {
  bool *needed = resq_new((size_t)c->e.n_nodes, sizeof *needed);
  for (int32_t i = next; i < c->recipes->n_linears; ++i)
    mark_linear(c, &c->recipes->linears[i], needed);
  resq_release_unneeded(&c->e, needed);
  free(needed);
}

//===-- Facts without numbers ---------------------------------------------===//

static char *copy(MlirStringRef text) { return resq_copy_part(text.data, text.length); }

/// "l12.q": layer 12, role "q".
static void split_name(resq_report_linear *l) {
  char *end = NULL;
  l->layer = -1;
  if (l->name[0] == 'l' && isdigit((unsigned char)l->name[1]))
    l->layer = strtol(l->name + 1, &end, 10);
  bool has_layer = end && *end == '.';
  l->role = resq_copy_text(has_layer ? end + 1 : l->name);
  if (!has_layer)
    l->layer = -1;
}

static void describe_branch(const resq_branch_recipes *r, resq_report_branch *b, int64_t rows,
                            double *stored) {
  MlirType type = resq_param_type(r->codes), code = mlirShapedTypeGetElementType(type);
  *b = (resq_report_branch){.width = mlirShapedTypeGetDimSize(type, 1),
                            .clip = NAN,
                            .weight_snr = NAN,
                            .outliers = {NAN, NAN, NAN}};
  if (!resqTypeIsQuant(code) || mlirOperationIsNull(r->quantize)) {
    *stored = NAN;
    return;
  }
  MlirType activation = resq_element(mlirOperationGetResult(r->quantize, 0));
  b->bits = (int)resqQuantTypeGetBits(code);
  b->kind = resqQuantTypeGetKind(code);
  b->group = resqQuantTypeGetGroup(code);
  b->activation_bits = (int)resqQuantTypeGetBits(activation);
  b->activation_group = resqQuantTypeGetGroup(activation);
  b->clip_found = !mlirOperationIsNull(r->clip);
  b->clip = resqQuantizeOpGetClip(r->quantize);
  const resq_packing packing = resq_packing_of(b->activation_group, b->bits);
  *stored += 8 * (double)resq_packing_weight_bytes(packing, rows, b->width, b->group);
}

static void describe_linear(const resq_linear_recipes *r, resq_report_linear *l) {
  MlirStringRef name = resq_linear_name(r->op);
  *l = (resq_report_linear){
      .name = resqOpIsHead(r->op) ? resq_copy_text("head") : copy(name),
      .site = resq_copy_text(r->site),
      .rows = resq_width(mlirOperationGetResult(r->op, 0)),
      .n_branches = r->n_branches,
      .weight_snr = NAN,
      .output_snr = NAN,
      .activation_snr = NAN,
      .before = {NAN, NAN, NAN},
  };
  split_name(l);
  double stored = 0;
  for (int i = 0; i < l->n_branches; ++i) {
    if (mlirOperationIsNull(r->branches[i].codes)) { // a weight without a recipe
      l->branches[i].width = resq_width(mlirOperationGetOperand(r->op, i));
      stored = NAN;
    } else {
      describe_branch(&r->branches[i], &l->branches[i], l->rows, &stored);
    }
    l->width += l->branches[i].width;
  }
  l->bits = stored / ((double)l->rows * (double)l->width);
}

static bool describe_linears(resq_collecting *c) {
  int32_t n = c->recipes->n_linears;
  c->facts->linears = resq_new((size_t)n + 1, sizeof *c->facts->linears);
  if (!c->facts->linears)
    return resq_fail(c->err, RESQ_NO_MEMORY, "no memory for a report of %d linears", n);
  for (int32_t i = 0; i < n; ++i)
    describe_linear(&c->recipes->linears[i], &c->facts->linears[i]);
  c->facts->n_linears = n;
  return true;
}

//===-- Caches ------------------------------------------------------------===//

/// #resq.kv_int<bits = 4>: what stands behind the prefix of all cache codes.
static char *text_of(MlirAttribute kv_code) {
  resq_text_buffer text = {0};
  mlirAttributePrint(kv_code, resq_text_buffer_add, &text);
  static const char prefix[] = "#resq.kv_";
  const char *all = resq_text_buffer_text(&text);
  char *code = resq_copy_text(strncmp(all, prefix, strlen(prefix)) ? all : all + strlen(prefix));
  resq_text_buffer_free(&text);
  return code;
}

static void describe_cache(MlirOperation cache, void *user) {
  resq_facts *facts = user;
  facts->caches = RESQ_GROW(facts->caches, facts->n_caches);
  facts->caches[facts->n_caches++] =
      (resq_report_cache){.name = copy(resq_symbol_name(cache)),
                          .keys = text_of(resqKvCacheOpGetKeys(cache)),
                          .values = text_of(resqKvCacheOpGetValues(cache)),
                          .heads = resqKvCacheOpGetHeads(cache),
                          .head_size = resqKvCacheOpGetHeadSize(cache),
                          .bytes = resqKvCacheTokenBytes(cache)};
}

//===-- Judging -----------------------------------------------------------===//

/// Deviations of less than this, in dB, are no reason to call anything unusual.
#define LEAST_DEVIATION 0.25

/// Linears of one role, layer after layer, are alike: one that is not deserves a look.
static void judge_role(resq_facts *facts, int32_t first, double *values, double *scratch) {
  const char *role = facts->linears[first].role;
  int64_t n = 0;
  for (int32_t i = first; i < facts->n_linears; ++i)
    if (!strcmp(facts->linears[i].role, role) && isfinite(resq_report_snr(&facts->linears[i])))
      values[n++] = resq_report_snr(&facts->linears[i]);
  double median = NAN, limit = resq_unusual_below(values, n, LEAST_DEVIATION, &median, scratch);
  for (int32_t i = first; i < facts->n_linears; ++i) {
    resq_report_linear *l = &facts->linears[i];
    double snr = resq_report_snr(l);
    if (strcmp(l->role, role) || !(snr < limit))
      continue;
    char why[160];
    snprintf(why, sizeof why, "%s at %.1f dB; the median of %s is %.1f dB",
             isnan(l->output_snr) ? "weights" : "output", snr, role, median);
    l->unusual = true;
    l->why = resq_copy_text(why);
  }
}

static bool judge(resq_collecting *c) {
  resq_facts *facts = c->facts;
  double *values = resq_new((size_t)(2 * facts->n_linears + 1), sizeof *values);
  for (int32_t i = 0; i < facts->n_linears; ++i) {
    int32_t first = 0;
    while (strcmp(facts->linears[first].role, facts->linears[i].role))
      ++first;
    if (first == i)
      judge_role(facts, i, values, values + facts->n_linears);
  }
  free(values);
  return true;
}

//===-- All ---------------------------------------------------------------===//

static bool measure_linears(resq_collecting *c) {
  for (int32_t i = 0; i < c->facts->n_linears; ++i) {
    if (c->options->progress)
      c->options->progress(c->options->progress_user, i, c->facts->n_linears,
                           c->facts->linears[i].name);
    if (!resq_report_linear_figures(c, i))
      return false;
    forget(c, i + 1);
  }
  return true;
}

static bool collect(resq_collecting *c) {
  resq_evaluator *e = &c->e;
  if (c->options->cache_directory &&
      !(e->cache = resq_param_cache_open(c->options->cache_directory, c->err)))
    return false;
  bool ok = resq_plan(e, c->err) && describe_linears(c) && resq_report_bases(c) &&
            measure_linears(c) && judge(c);
  resq_plan_free(e);
  resq_evaluator_close_checkpoints(e);
  resq_param_cache_close(e->cache);
  return ok;
}

bool resq_report_collect(MlirModule module, const resq_report_options *options, resq_facts *facts,
                         resq_error *err) {
  memset(facts, 0, sizeof *facts);
  MlirModule scratch = mlirModuleFromOperation(mlirOperationClone(mlirModuleGetOperation(module)));
  // Remarks are of figures, not of the compile: they are dropped.
  resq_listener listener;
  resq_error said = {.code = RESQ_OK};
  resq_listen_begin(&listener, mlirModuleGetContext(module), &said);
  resq_report_recipes recipes;
  resq_report_add_recipes(scratch, options->statistics, &recipes);
  resq_collecting c = {.e = {.module = mlirModuleGetOperation(scratch),
                             .statistics = options->statistics,
                             .threads = options->threads,
                             .files = options->checkpoints},
                       .options = options,
                       .recipes = &recipes,
                       .facts = facts,
                       .err = err};
  bool ok = collect(&c);
  (void)resq_listen_end(&listener); // what fails is in *err
  resq_report_recipes_free(&recipes);
  mlirModuleDestroy(scratch);
  if (ok)
    resq_for_each(mlirModuleGetOperation(module), RESQ_OP_KV_CACHE, describe_cache, facts);
  else
    resq_facts_free(facts);
  return ok;
}

void resq_facts_free(resq_facts *facts) {
  for (int32_t i = 0; i < facts->n_linears; ++i) {
    resq_report_linear *l = &facts->linears[i];
    free(l->name);
    free(l->role);
    free(l->site);
    free(l->why);
  }
  for (int32_t i = 0; i < facts->n_bases; ++i) {
    free(facts->bases[i].name);
    free(facts->bases[i].variances);
  }
  for (int32_t i = 0; i < facts->n_caches; ++i) {
    free(facts->caches[i].name);
    free(facts->caches[i].keys);
    free(facts->caches[i].values);
  }
  free(facts->linears);
  free(facts->bases);
  free(facts->caches);
  memset(facts, 0, sizeof *facts);
}
