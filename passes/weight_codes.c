//===-- weight_codes.c ----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/weight_codes.h"

#include "dialect/memory.h"
#include "passes/folding.h"
#include "passes/recipe.h"
#include "passes/replay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static MlirType codes_type(const resq_builder *b, MlirValue w, const resq_weight_branch *branch) {
  int64_t shape[] = {resq_dim(w, 0), resq_width(w)};
  MlirType element = resqQuantTypeGetSymmetric(b->ctx, resq_codebook_of(branch->kind, branch->bits),
                                               branch->group);
  return resq_tensor(element, 2, shape);
}

//===-- Round to nearest --------------------------------------------------===//

typedef struct nearest {
  const resq_weight_codes *how;
  const resq_weight_branch *branch;
} nearest;

static MlirValue quantize_weight(const resq_builder *b, MlirValue w, void *user) {
  const nearest *n = user;
  MlirValue codes = resqQuantizeWeightOpBuild(b, w, codes_type(b, w, n->branch));
  resqQuantizeWeightOpSetSteps(resq_defining_op(codes), n->how->steps);
  resqQuantizeWeightOpSetNorm(resq_defining_op(codes), n->how->norm);
  return codes;
}

MlirOperation resq_round_weight(const resq_weight_codes *how, const resq_weight_branch *branch) {
  MlirOperation readers[] = {branch->linear, branch->embed};
  intptr_t count = mlirOperationIsNull(branch->embed) ? 1 : 2;
  MlirOperation param =
      resq_own_shared_param(how->module, count, readers, RESQ_LINEAR_WEIGHT, "codes");
  nearest n = {how, branch};
  resq_edit_recipe(how->module, param, quantize_weight, &n);
  return param;
}

static MlirValue round_to_nearest(const resq_weight_codes *how, MlirOperation before,
                                  const resq_weight_branch *branch) {
  MlirOperation param = resq_round_weight(how, branch);
  resq_builder b = resq_build_before(before);
  return resq_get_param(&b, param);
}

//===-- Second moments ----------------------------------------------------===//

typedef struct moment_recipe {
  MlirStringRef site;
  const MlirOperation *weights;
  int n;
} moment_recipe;

static MlirValue make_moment(const resq_builder *b, void *user) {
  const moment_recipe *r = user;
  int64_t width = resq_site_width(r->weights[0]), shape[] = {width, width};
  MlirType type = resq_tensor(mlirF64TypeGet(b->ctx), 2, shape);
  return resq_replay_moment(b, r->n, r->weights, resqMomentOpBuild(b, r->site, type));
}

/// Why there is no moment of the branches' input; NULL where there is.
static const char *moment_obstacle(MlirStringRef site, int n, const MlirOperation *weights) {
  if (!site.data)
    return "GPTQ finds its calibration site by the linear's `name`";
  for (int i = 1; i < n; i++)
    if (resq_site_width(weights[i]) != resq_site_width(weights[0]))
      return "the bases of its branches begin at different widths, which are not of one site";
  return NULL;
}

/// The param of the moment that the branches' weights meet; null after a remark.
static MlirOperation new_moment(const resq_weight_codes *how, int n,
                                const resq_weight_branch *branches, const MlirOperation *weights) {
  const moment_recipe r = {resq_linear_site(branches[0].linear), weights, n};
  const char *why_not = moment_obstacle(r.site, n, weights);
  if (why_not) {
    resq_emit_remark(branches[0].linear, "weights rounded to nearest: %s", why_not);
    return (MlirOperation){NULL};
  }
  char *name = resq_print_text("%.*s.moment", (int)r.site.length, r.site.data);
  MlirOperation param = resq_new_param(how->module, resq_behind_param(how->module, weights[n - 1]),
                                       name, make_moment, (void *)&r);
  free(name);
  return param;
}

static MlirOperation moment_of(resq_weight_codes *how, int n, const resq_weight_branch *branches,
                               const MlirOperation *weights) {
  MlirValue x = mlirOperationGetOperand(branches[0].linear, RESQ_LINEAR_X);
  for (intptr_t i = 0; i < how->n_moments; i++)
    if (mlirValueEqual(how->moments[i].x, x))
      return how->moments[i].moment;
  MlirOperation moment = new_moment(how, n, branches, weights);
  how->moments = RESQ_GROW(how->moments, how->n_moments);
  how->moments[how->n_moments++] = (resq_weight_moment){x, moment};
  return moment;
}

//===-- GPTQ --------------------------------------------------------------===//

typedef struct codes_recipe {
  const resq_weight_codes *how;
  const resq_weight_branch *branches;
  const MlirOperation *weights;
  MlirOperation moment;
  int n, branch; ///< whose codes are yielded
} codes_recipe;

static void make_factor(const resq_builder *b, const codes_recipe *r, MlirValue *order,
                        MlirValue *factor) {
  MlirValue moment = resq_get_param(b, r->moment);
  int64_t width = resq_width(moment), shape[] = {width, width}, parts[RESQ_MAX_BRANCHES];
  for (int i = 0; i < r->n; i++)
    parts[i] = mlirShapedTypeGetDimSize(resq_param_type(r->weights[i]), 1);
  MlirType results[] = {resq_tensor(mlirIntegerTypeGet(b->ctx, 32), 1, shape),
                        resq_tensor(mlirF32TypeGet(b->ctx), 2, shape)};
  MlirOperation op = resqGptqFactorOpBuild(b, moment, r->n, parts, results[0], results[1]);
  resqGptqFactorOpSetDamping(op, r->how->damping);
  *order = resqGptqFactorOpGetOrder(op);
  *factor = resqGptqFactorOpGetFactor(op);
}

static MlirValue make_codes(const resq_builder *b, void *user) {
  const codes_recipe *r = user;
  MlirValue weights[RESQ_MAX_BRANCHES], order, factor;
  MlirType results[RESQ_MAX_BRANCHES];
  for (int i = 0; i < r->n; i++) {
    weights[i] = resq_get_param(b, r->weights[i]);
    results[i] = codes_type(b, weights[i], &r->branches[i]);
  }
  make_factor(b, r, &order, &factor);
  MlirOperation op = resqGptqWeightOpBuild(b, r->n, weights, order, factor, r->n, results);
  resqGptqWeightOpSetSteps(op, r->how->steps);
  resqGptqWeightOpSetNorm(op, r->how->norm);
  return resqGptqWeightOpGetCodes(op, r->branch);
}

/// `last`: the param behind which the new one stands; it becomes that.
static MlirValue gptq(codes_recipe *r, MlirOperation *last, MlirOperation before) {
  MlirStringRef old = resq_param_name(r->weights[r->branch]);
  char name[280];
  snprintf(name, sizeof name, "%.*s.codes", (int)(old.length < 256 ? old.length : 256), old.data);
  *last =
      resq_new_param(r->how->module, resq_behind_param(r->how->module, *last), name, make_codes, r);
  resq_copy_basis(r->weights[r->branch], *last);
  resq_builder b = resq_build_before(before);
  return resq_get_param(&b, *last);
}

void resq_make_weight_codes(resq_weight_codes *how, MlirOperation before, int n,
                            const resq_weight_branch *branches, MlirValue *codes) {
  MlirOperation weights[RESQ_MAX_BRANCHES], moment = {NULL};
  intptr_t known = how->n_moments;
  for (int i = 0; i < n; i++)
    weights[i] = resq_operand_param(how->module, branches[i].linear, RESQ_LINEAR_WEIGHT);
  assert(
      !mlirOperationIsNull(weights[n - 1])); // --resq-quantize leaves out weights without a recipe
  if (how->gptq)
    moment = moment_of(how, n, branches, weights);
  bool fresh = how->n_moments > known && !mlirOperationIsNull(moment);
  MlirOperation last = fresh ? moment : weights[n - 1];
  for (int i = 0; i < n; i++) {
    codes_recipe r = {how, branches, weights, moment, n, i};
    codes[i] = mlirOperationIsNull(moment) ? round_to_nearest(how, before, &branches[i])
                                           : gptq(&r, &last, before);
  }
}

void resq_weight_codes_free(resq_weight_codes *how) { free(how->moments); }
