//===-- plan.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From recipes to numbered nodes, and which of them are written.
//===----------------------------------------------------------------------===//
#include "evaluate.h"

#include "base/checked.h"
#include "dialect/diagnostics.h"
#include "dialect/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RECIPE_OPS = 4096 };

typedef enum state { UNSEEN, OPEN, DONE } state;

typedef struct param {
  MlirOperation op;
  MlirStringRef name;
  state state;
  bool used; ///< by a function
  int32_t node;
} param;

/// An SSA value and its node.
typedef struct binding {
  const void *value;
  int32_t node;
} binding;

typedef struct planner {
  resq_evaluator *e;
  param *params;
  int32_t n_params;
  resq_error *err;
  bool blamed; ///< the innermost recipe has put itself before the message
} planner;

//===-- Messages ----------------------------------------------------------===//

void resq_blame(resq_error *err, MlirOperation op) {
  if (!err || mlirOperationIsNull(op))
    return;
  char where[512];
  resq_location_text(mlirOperationGetLocation(op), where, sizeof where);
  MlirOperation owner = op;
  while (!mlirOperationIsNull(owner) && !resqOpIsParam(owner))
    owner = mlirOperationGetParentOperation(owner);
  MlirStringRef name =
      mlirOperationIsNull(owner) ? (MlirStringRef){"?", 1} : resq_symbol_name(owner);
  resq_fail_in(err, "%s%sparam @%.*s", where, where[0] ? ": " : "", (int)name.length, name.data);
}

static bool fail_at(planner *p, MlirOperation op) {
  if (!p->blamed)
    resq_blame(p->err, op);
  p->blamed = true;
  return false;
}

//===-- Types -------------------------------------------------------------===//

static void element_info(MlirType element, resq_tensor_info *info) {
  info->kind = RESQ_ELEMENT_FLOAT;
  if (mlirTypeIsAF32(element)) {
    info->element = RESQ_FLOAT_F32;
  } else if (mlirTypeIsAF64(element)) {
    info->element = RESQ_FLOAT_F64;
  } else if (mlirTypeIsABF16(element)) {
    info->element = RESQ_FLOAT_BF16;
  } else if (mlirTypeIsAF16(element)) {
    info->element = RESQ_FLOAT_F16;
  } else if (mlirTypeIsAInteger(element) && mlirIntegerTypeGetWidth(element) == 32) {
    info->kind = RESQ_ELEMENT_I32;
  } else if (resqTypeIsPanel(element)) {
    element_info(resqPanelTypeGetElement(element), info);
    info->kind = info->kind == RESQ_ELEMENT_FLOAT ? RESQ_ELEMENT_PANEL : RESQ_ELEMENT_OTHER;
  } else if (resqTypeIsQuant(element)) {
    info->kind = RESQ_ELEMENT_QUANT;
    info->quant = resqQuantTypeRead(element);
  } else {
    info->kind = RESQ_ELEMENT_OTHER;
  }
}

bool resq_tensor_info_get(MlirType type, resq_tensor_info *info, resq_error *err) {
  memset(info, 0, sizeof *info);
  if (!mlirTypeIsARankedTensor(type) || !mlirShapedTypeHasStaticShape(type))
    return resq_fail(err, RESQ_BAD_INPUT, "its type is not a statically shaped tensor");
  int64_t rank = mlirShapedTypeGetRank(type);
  if (rank > RESQ_MAX_RANK)
    return resq_fail(err, RESQ_BAD_INPUT, "its type has rank %lld; at most %d is allowed",
                     (long long)rank, RESQ_MAX_RANK);
  info->rank = (int)rank;
  uint64_t count = 1;
  for (int64_t i = 0; i < rank; ++i) {
    info->shape[i] = mlirShapedTypeGetDimSize(type, i);
    if (info->shape[i] < 1 || !resq_mul_u64(count, (uint64_t)info->shape[i], &count) ||
        count > (uint64_t)1 << 40)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "its type has an extent of 0 or more than 2^40 elements");
  }
  info->width = rank > 0 ? info->shape[rank - 1] : 1;
  info->rows = (int64_t)count / info->width;
  element_info(mlirShapedTypeGetElementType(type), info);
  return true;
}

//===-- Recipes -----------------------------------------------------------===//

static bool plan_param(planner *p, int32_t index, int nesting);

static int32_t find_param(const planner *p, MlirStringRef name) {
  for (int32_t i = 0; i < p->n_params; ++i)
    if (mlirStringRefEqual(p->params[i].name, name))
      return i;
  return -1;
}

static bool plan_get(planner *p, MlirOperation op, int nesting, int32_t *out) {
  MlirStringRef name = resqGetOpGetParam(op);
  int32_t index = find_param(p, name);
  if (index < 0)
    return resq_fail(p->err, RESQ_BAD_INPUT, "no resq.param @%.*s", (int)name.length, name.data);
  if (p->params[index].state == OPEN)
    return resq_fail(p->err, RESQ_BAD_INPUT, "the recipe depends on itself through @%.*s",
                     (int)name.length, name.data);
  if (!plan_param(p, index, nesting + 1))
    return false;
  *out = p->params[index].node;
  return true;
}

static int32_t bound_node(const binding *bindings, int32_t n, MlirValue value) {
  while (n-- > 0)
    if (bindings[n].value == value.ptr)
      return bindings[n].node;
  return -1;
}

/// slice and concat follow rows along the last dimension only.
static resq_mode settle_mode(const resq_node *node) {
  const bool slices = resqOpIsSlice(node->op);
  if (!slices && !resqOpIsConcat(node->op))
    return node->rule->mode;
  int64_t dim = slices ? resqSliceOpGetDim(node->op) : resqConcatOpGetDim(node->op);
  return dim == node->info.rank - 1 ? RESQ_MODE_ROWS : RESQ_MODE_WHOLE;
}

static bool plan_result(planner *p, MlirOperation op, const resq_rule *rule, int result,
                        const binding *bindings, int32_t n_bindings, int32_t *out) {
  MlirType type = mlirValueGetType(mlirOperationGetResult(op, result));
  resq_node node = {.op = op, .rule = rule, .result = result, .costly = rule->costly};
  if (!resq_tensor_info_get(type, &node.info, p->err))
    return false;
  node.mode = settle_mode(&node);
  node.n_operands = (int32_t)mlirOperationGetNumOperands(op);
  node.operands = resq_new((size_t)node.n_operands, sizeof *node.operands);
  for (int32_t i = 0; i < node.n_operands; ++i) {
    node.operands[i] = bound_node(bindings, n_bindings, mlirOperationGetOperand(op, i));
    if (node.operands[i] < 0) {
      free(node.operands);
      return resq_fail(p->err, RESQ_BAD_INPUT, "operand %d is not made in the recipe", i);
    }
  }
  return resq_intern(p->e, &node, rule->name, type, out, p->err);
}

/// Binds the results of one recipe op.
static bool plan_op(planner *p, MlirOperation op, int nesting, binding *bindings, int32_t *n) {
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  intptr_t results = mlirOperationGetNumResults(op);
  if (results > RESQ_MAX_RESULTS || *n + results > 2 * MAX_RECIPE_OPS)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "a recipe has more than %d values, or one of its ops more than %d results",
                     2 * MAX_RECIPE_OPS, RESQ_MAX_RESULTS);
  if (resqOpIsGet(op)) {
    bindings[*n].value = mlirOperationGetResult(op, 0).ptr;
    return plan_get(p, op, nesting, &bindings[(*n)++].node);
  }
  const resq_rule *rule = resq_rule_find(name);
  if (!rule)
    return resq_fail(p->err, RESQ_BAD_INPUT, "'%.*s' cannot be evaluated in a recipe",
                     (int)name.length, name.data);
  int32_t before = *n;
  for (intptr_t r = 0; r < results; ++r) {
    int32_t node;
    if (!plan_result(p, op, rule, (int)r, bindings, before, &node))
      return false;
    bindings[(*n)++] = (binding){mlirOperationGetResult(op, r).ptr, node};
  }
  return true;
}

static bool plan_yield(planner *p, param *at, int32_t value) {
  MlirType type = resqParamOpGetType(at->op);
  resq_node node = {.op = at->op, .mode = RESQ_MODE_ROWS, .n_operands = 1};
  if (!resq_tensor_info_get(type, &node.info, p->err))
    return false;
  const resq_tensor_info *from = &p->e->nodes[value].info;
  if (from->rows != node.info.rows || from->width != node.info.width ||
      from->kind != node.info.kind)
    return resq_fail(p->err, RESQ_BAD_INPUT, "the yielded value is not of the param's type");
  node.operands = resq_new(1, sizeof *node.operands);
  node.operands[0] = value;
  return resq_intern(p->e, &node, RESQ_OP_PARAM, type, &at->node, p->err);
}

static bool plan_block(planner *p, param *at, MlirBlock block, int nesting, binding *bindings) {
  int32_t n = 0;
  for (MlirOperation op = mlirBlockGetFirstOperation(block); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    bool is_yield = resqOpIsYield(op);
    int32_t value = is_yield ? bound_node(bindings, n, mlirOperationGetOperand(op, 0)) : -1;
    bool ok =
        is_yield ? value >= 0 && plan_yield(p, at, value) : plan_op(p, op, nesting, bindings, &n);
    if (!ok)
      return fail_at(p, op);
    if (is_yield)
      return true;
  }
  resq_fail(p->err, RESQ_BAD_INPUT, "the recipe does not end in resq.yield");
  return fail_at(p, at->op);
}

static bool plan_param(planner *p, int32_t index, int nesting) {
  param *at = &p->params[index];
  if (at->state == DONE)
    return true;
  if (nesting > RESQ_MAX_PARAM_NESTING)
    return resq_fail(p->err, RESQ_BAD_INPUT, "params read each other more than %d deep",
                     RESQ_MAX_PARAM_NESTING);
  MlirRegion region = mlirOperationGetRegion(at->op, 0);
  MlirBlock block = mlirRegionGetFirstBlock(region);
  if (mlirBlockIsNull(block)) {
    resq_fail(p->err, RESQ_BAD_INPUT,
              resqParamOpHasOffset(at->op)
                  ? "it is materialized already"
                  : "it has no recipe; a param that is read must say how it is made");
    return fail_at(p, at->op);
  }
  at->state = OPEN;
  binding *bindings = resq_new(2 * MAX_RECIPE_OPS, sizeof *bindings);
  bool ok = plan_block(p, at, block, nesting, bindings);
  free(bindings);
  at->state = DONE;
  return ok;
}

//===-- Sinks -------------------------------------------------------------===//

static void mark_used(MlirOperation get, void *opaque) {
  planner *p = opaque;
  int32_t index = find_param(p, resqGetOpGetParam(get));
  if (index >= 0)
    p->params[index].used = true;
}

static bool collect_params(planner *p) {
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(p->e->module, 0));
  int32_t count = 0;
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    count += resqOpIsParam(op);
  p->params = resq_new((size_t)count, sizeof *p->params);
  p->e->sinks = resq_new((size_t)count, sizeof *p->e->sinks);
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resqOpIsParam(op))
      p->params[p->n_params++] = (param){.op = op, .name = resq_symbol_name(op)};
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (!resqOpIsParam(op))
      resq_for_each(op, RESQ_OP_GET, mark_used, p);
  return true;
}

bool resq_plan(resq_evaluator *e, resq_error *err) {
  planner p = {.e = e, .err = err};
  bool ok = collect_params(&p);
  for (int32_t i = 0; ok && i < p.n_params; ++i) {
    if (!p.params[i].used)
      continue;
    ok = plan_param(&p, i, 0);
    if (ok) {
      e->sinks[e->n_sinks++] = (resq_sink){.op = p.params[i].op, .node = p.params[i].node};
      ++e->nodes[p.params[i].node].users;
    }
  }
  free(p.params);
  return ok;
}

void resq_plan_free(resq_evaluator *e) {
  for (int32_t i = 0; i < e->n_nodes; ++i) {
    resq_value_release(e->nodes[i].memo);
    free(e->nodes[i].operands);
  }
  free(e->nodes);
  free(e->by_key);
  free(e->sinks);
}
