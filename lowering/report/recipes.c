//===-- recipes.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/recipes.h"

#include "dialect/basis_steps.h"
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "passes/recipe.h"
#include "passes/replay.h"
#include "passes/sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Rows of samples that are measured, at most what calibration keeps.
enum { SAMPLES = 512 };

/// Ops that turn floats into codes. A new one needs a row here.
static const struct {
  const char *name;
  bool by_result; ///< result i is of operand i; else all of operand 0
} quantisers[] = {{RESQ_OP_QUANTIZE_WEIGHT, false}, {RESQ_OP_GPTQ_WEIGHT, true}};

typedef struct adding {
  MlirOperation module, anchor;
  const resq_statistics *statistics;
  resq_report_recipes *out;
} adding;

//===-- Linears and their inputs ------------------------------------------===//

static MlirWalkResult note_linear(MlirOperation op, void *user) {
  resq_report_recipes *out = user;
  if (!resqOpIsQLinear(op) && !resqOpIsLinear(op) && !resqOpIsHead(op))
    return MlirWalkResultAdvance;
  out->linears = RESQ_GROW(out->linears, out->n_linears);
  out->linears[out->n_linears++] = (resq_linear_recipes){.op = op};
  return MlirWalkResultAdvance;
}

static void find_branches(const adding *a, resq_linear_recipes *l) {
  bool quantised = resqOpIsQLinear(l->op);
  l->n_branches = quantised ? (int)resqQLinearOpGetNumActivations(l->op) : 1;
  if (l->n_branches > RESQ_REPORT_BRANCHES)
    l->n_branches = RESQ_REPORT_BRANCHES;
  for (int i = 0; i < l->n_branches; i++) {
    resq_branch_recipes *b = &l->branches[i];
    b->codes = resq_operand_param(a->module, l->op, quantised ? l->n_branches + i : 1);
    MlirValue x = mlirOperationGetOperand(l->op, i);
    if (!quantised || !resq_value_is_from(x, RESQ_OP_QUANTIZE))
      continue;
    b->quantize = resq_defining_op(x);
    if (!mlirValueIsNull(resqQuantizeOpGetClipBy(b->quantize)))
      b->clip = resq_operand_param(a->module, b->quantize, RESQ_QUANTIZE_CLIP_BY);
  }
}

//===-- Float weights -----------------------------------------------------===//

static MlirOperation yield_of(MlirOperation param) {
  return mlirBlockGetTerminator(mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0)));
}

/// The value that became `codes`; null when no quantiser made it.
static MlirValue before_codes(MlirValue codes) {
  MlirOperation op = resq_defining_op(codes);
  for (size_t i = 0; i < sizeof quantisers / sizeof *quantisers; i++)
    if (resq_op_is(op, quantisers[i].name))
      return mlirOperationGetOperand(
          op, quantisers[i].by_result ? mlirOpResultGetResultNumber(codes) : 0);
  return (MlirValue){NULL};
}

/// A param of the floats behind a param of codes: the one that its recipe gets, or a copy of it
/// that stops before the quantiser.
static MlirOperation float_param(const adding *a, MlirOperation codes) {
  MlirValue v = before_codes(mlirOperationGetOperand(yield_of(codes), 0));
  if (!v.ptr)
    return (MlirOperation){NULL};
  if (resq_value_is_from(v, RESQ_OP_GET))
    return resq_symbol(a->module, resqGetOpGetParam(resq_defining_op(v)));
  MlirOperation copy = mlirOperationClone(codes), yield = yield_of(copy);
  MlirStringRef name = resq_param_name(codes);
  char base[280];
  snprintf(base, sizeof base, "%.*s.float", (int)(name.length < 256 ? name.length : 256),
           name.data);
  char *symbol = resq_fresh_symbol(a->module, base);
  resqParamOpSetSymName(copy, resq_str(symbol));
  free(symbol);
  MlirOperation quantiser = resq_defining_op(mlirOperationGetOperand(yield, 0));
  v = before_codes(mlirOperationGetOperand(yield, 0));
  mlirOperationSetOperand(yield, 0, v);
  resq_erase_dead(quantiser);
  resqParamOpSetType(copy, mlirValueGetType(v));
  mlirBlockInsertOwnedOperationBefore(mlirOperationGetBlock(a->anchor), a->anchor, copy);
  return copy;
}

//===-- Inputs in the coordinates of weights ------------------------------===//

typedef struct replaying {
  const char *site;
  int64_t width;
  intptr_t n;
  const MlirOperation *weights; ///< NULL: the site's own coordinates
} replaying;

static MlirValue make_samples(const resq_builder *b, void *user) {
  const replaying *r = user;
  int64_t shape[] = {SAMPLES, r->width};
  MlirValue x =
      resqSamplesOpBuild(b, resq_str(r->site), resq_tensor(mlirF32TypeGet(b->ctx), 2, shape));
  return r->weights ? resq_replay_columns(b, r->weights[0], x) : x;
}

static MlirValue make_moment(const resq_builder *b, void *user) {
  const replaying *r = user;
  int64_t shape[] = {r->width, r->width};
  MlirType type = resq_tensor(mlirF64TypeGet(b->ctx), 2, shape);
  return resq_replay_moment(b, r->n, r->weights, resqMomentOpBuild(b, resq_str(r->site), type));
}

static MlirOperation replayed(const adding *a, const char *suffix, resq_recipe_make make,
                              replaying *r) {
  char base[300];
  snprintf(base, sizeof base, "%.250s.%s", r->site, suffix);
  return resq_new_param(a->module, a->anchor, base, make, r);
}

/// The columns of all weights together are the leaf's: a moment of all can be made.
static bool is_whole(const resq_linear_recipes *l, const MlirOperation *weights, int64_t width) {
  int64_t sum = 0;
  for (int i = 0; i < l->n_branches; i++) {
    MlirType type =
        mlirOperationIsNull(weights[i]) ? (MlirType){NULL} : resq_param_type(weights[i]);
    if (mlirTypeIsNull(type) || mlirShapedTypeGetRank(type) != 2)
      return false;
    sum += mlirShapedTypeGetDimSize(type, 1);
  }
  return sum == width;
}

/// All branches begin at the site's width.
static bool fits_site(const resq_linear_recipes *l, int64_t width) {
  for (int i = 0; i < l->n_branches; i++)
    if (!mlirOperationIsNull(l->branches[i].codes) &&
        resq_site_width(l->branches[i].codes) != width)
      return false;
  return true;
}

static void add_inputs(const adding *a, resq_linear_recipes *l) {
  int32_t site = a->statistics && *l->site ? resq_statistics_find(a->statistics, l->site) : -1;
  int64_t width = site < 0 ? 0 : resq_statistics_width(a->statistics, site);
  if (site < 0 || !fits_site(l, width))
    return;
  MlirOperation weights[RESQ_REPORT_BRANCHES];
  for (int i = 0; i < l->n_branches; i++)
    weights[i] = l->branches[i].weight;
  replaying all = {.site = l->site, .width = width, .n = l->n_branches, .weights = weights};
  if (is_whole(l, weights, width) && resq_statistics_rows(a->statistics, site) > 0 &&
      resq_statistics_block(a->statistics, site) == width)
    l->moment = replayed(a, "report.moment", make_moment, &all);
  if (resq_statistics_kept(a->statistics, site) < 1)
    return;
  replaying raw = {.site = l->site, .width = width};
  l->input = replayed(a, "report.input", make_samples, &raw);
  for (int i = 0; i < l->n_branches; i++) {
    replaying one = {.site = l->site, .width = width, .n = 1, .weights = &weights[i]};
    if (!mlirOperationIsNull(weights[i]))
      l->branches[i].samples = replayed(a, "report.samples", make_samples, &one);
  }
}

//===-- The function that reads them --------------------------------------===//

static MlirOperation add_function(const adding *a, MlirBlock *body) {
  MlirContext ctx = mlirOperationGetContext(a->module);
  MlirLocation loc = mlirLocationUnknownGet(ctx);
  MlirOperationState state = mlirOperationStateGet(resq_str("func.func"), loc);
  char *symbol = resq_fresh_symbol(a->module, "report");
  MlirNamedAttribute attrs[] = {
      resq_attr_symbol_name(ctx, symbol),
      resq_attr(ctx, "function_type", mlirTypeAttrGet(mlirFunctionTypeGet(ctx, 0, NULL, 0, NULL)))};
  free(symbol);
  mlirOperationStateAddAttributes(&state, 2, attrs);
  MlirRegion region = mlirRegionCreate();
  *body = mlirBlockCreate(0, NULL, NULL);
  mlirRegionAppendOwnedBlock(region, *body);
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation function = mlirOperationCreate(&state);
  mlirBlockAppendOwnedOperation(mlirOperationGetBlock(a->anchor), function);
  return function;
}

static void read_param(const resq_builder *b, MlirOperation param) {
  if (!mlirOperationIsNull(param))
    resq_get_param(b, param);
}

static void add_reader(const adding *a) {
  MlirBlock body;
  a->out->reader = add_function(a, &body);
  resq_builder b = resq_build_at_end(body, mlirOperationGetLocation(a->out->reader));
  for (int32_t i = 0; i < a->out->n_linears; i++) {
    const resq_linear_recipes *l = &a->out->linears[i];
    read_param(&b, l->moment);
    read_param(&b, l->input);
    for (int j = 0; j < l->n_branches; j++) {
      read_param(&b, l->branches[j].weight);
      read_param(&b, l->branches[j].samples);
    }
  }
  resq_build_op(&b, "func.return", 0, NULL, 0, NULL, 0, NULL);
}

static void describe(const adding *a, resq_linear_recipes *l) {
  const MlirStringRef site = resq_linear_site(l->op);
  l->site = resq_copy_part(site.data, site.length);
  find_branches(a, l);
  for (int i = 0; i < l->n_branches; i++)
    if (!mlirOperationIsNull(l->branches[i].codes))
      l->branches[i].weight = float_param(a, l->branches[i].codes);
  add_inputs(a, l);
}

void resq_report_add_recipes(MlirModule module, const resq_statistics *statistics,
                             resq_report_recipes *out) {
  memset(out, 0, sizeof *out);
  adding a = {mlirModuleGetOperation(module), {NULL}, statistics, out};
  a.anchor = resq_first_function(a.module);
  resq_name_sites(a.module);
  mlirOperationWalk(a.module, note_linear, out, MlirWalkPreOrder);
  if (!out->n_linears)
    return;
  for (int32_t i = 0; i < out->n_linears; i++)
    describe(&a, &out->linears[i]);
  add_reader(&a);
}

void resq_report_recipes_free(resq_report_recipes *recipes) {
  for (int32_t i = 0; i < recipes->n_linears; i++)
    free(recipes->linears[i].site);
  free(recipes->linears);
}
