//===-- fuse.c - --resq-fuse: linears that share an input are one ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// q, k and v, or gate and up, read the same rows: their weights are put on top of each other
// (resq.concat), and each result is a slice, which costs nothing (kernels take row strides). Fewer,
// larger products: fewer barriers, better tiles. The function computed is the same, bit for bit.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "passes/folding.h"
#include "passes/pass.h"
#include "passes/recipe.h"
#include "passes/sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FUSED 8
#define MAX_BRANCHES 4

/// Operand layout of a fusable op: activations, weights, optional bias.
typedef struct shape_of_op {
  int activations;
  bool bias;
} shape_of_op;

static shape_of_op shape_of(MlirOperation op) {
  if (resqOpIsLinear(op))
    return (shape_of_op){1, !mlirValueIsNull(resqLinearOpGetBias(op))};
  return (shape_of_op){(int)resqQLinearOpGetNumActivations(op),
                       !mlirValueIsNull(resqQLinearOpGetBias(op))};
}

static bool weights_have_recipes(MlirOperation module, MlirOperation op) {
  shape_of_op s = shape_of(op);
  for (int i = 0; i < s.activations + s.bias; i++)
    if (mlirOperationIsNull(resq_operand_param(module, op, s.activations + i)))
      return false;
  return true;
}

/// False where trellis codes, whose paths are rings of 16 channels, would come apart on a pile.
static bool whole_rings(MlirValue weight) {
  MlirType element = resq_element(weight);
  return !resqTypeIsQuant(element) || resqQuantTypeGetKind(element) != RESQ_CODE_TRELLIS ||
         resq_dim(weight, 0) % 16 == 0;
}

/// True when b reads what a reads, with weights of the same element type and basis.
static bool fusable(MlirOperation module, MlirOperation a, MlirOperation b) {
  if (!mlirIdentifierEqual(mlirOperationGetName(a), mlirOperationGetName(b)))
    return false;
  shape_of_op sa = shape_of(a), sb = shape_of(b);
  if (sa.activations != sb.activations || sa.activations > MAX_BRANCHES || sa.bias != sb.bias)
    return false;
  for (int i = 0; i < sa.activations; i++) {
    MlirValue x = mlirOperationGetOperand(a, sa.activations + i);
    MlirValue y = mlirOperationGetOperand(b, sa.activations + i);
    if (!mlirValueEqual(mlirOperationGetOperand(a, i), mlirOperationGetOperand(b, i)) ||
        !mlirTypeEqual(resq_element(x), resq_element(y)) || !whole_rings(x) || !whole_rings(y) ||
        !resq_same_basis(resq_operand_param(module, a, sa.activations + i),
                         resq_operand_param(module, b, sa.activations + i)))
      return false;
  }
  return true;
}

typedef struct group {
  MlirOperation module;
  MlirOperation ops[MAX_FUSED];
  int count, operand;
} group;

/// The operand of every op of the group, one on top of the other.
static MlirValue make_concat(const resq_builder *b, void *user) {
  const group *g = user;
  MlirValue parts[MAX_FUSED];
  int64_t shape[2] = {0, 0};
  intptr_t rank = 0;
  for (int i = 0; i < g->count; i++) {
    parts[i] = resq_get_param(b, resq_operand_param(g->module, g->ops[i], g->operand));
    rank = mlirShapedTypeGetRank(mlirValueGetType(parts[i]));
    shape[0] += resq_dim(parts[i], 0);
    shape[1] = resq_width(parts[i]);
  }
  return resqConcatOpBuild(b, g->count, parts, 0, resq_tensor(resq_element(parts[0]), rank, shape));
}

/// "l0.q", "l0.k", "l0.v" -> "l0.q+k+v".
static void fused_name(const group *g, char *out, size_t size) {
  int n = 0;
  out[0] = 0;
  for (int i = 0; i < g->count && n < (int)size - 1; i++) {
    MlirStringRef name = resq_linear_name(g->ops[i]);
    const char *text = name.data ? name.data : "linear";
    size_t length = name.data ? name.length : 6, from = 0;
    for (size_t k = 0; i && k < length; k++)
      if (text[k] == '.')
        from = k + 1;
    n += snprintf(out + n, size - (size_t)n, "%s%.*s", i ? "+" : "", (int)(length - from),
                  text + from);
  }
}

/// Behind the last param that the operands of the group read, so that what reads a layer's weights
/// stands, and is evaluated, together.
static MlirOperation place_of_operand(const group *g) {
  MlirOperation params[MAX_FUSED];
  for (int i = 0; i < g->count; i++)
    params[i] = resq_operand_param(g->module, g->ops[i], g->operand);
  MlirOperation at = params[0];
  for (MlirOperation op = at; !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    for (int i = 1; i < g->count; i++)
      if (mlirOperationEqual(op, params[i]))
        at = op;
  MlirOperation next = mlirOperationGetNextInBlock(at);
  return mlirOperationIsNull(next) ? at : next;
}

static void fuse_group(group *g) {
  MlirOperation first = g->ops[0];
  shape_of_op s = shape_of(first);
  char name[200], symbol[240];
  fused_name(g, name, sizeof name);
  resq_builder b = resq_build_before(first);
  MlirValue operands[2 * MAX_BRANCHES + 1];
  int count = 0;
  for (int i = 0; i < s.activations; i++)
    operands[count++] = mlirOperationGetOperand(first, i);
  for (int i = 0; i < s.activations + s.bias; i++) {
    g->operand = s.activations + i;
    snprintf(symbol, sizeof symbol, "%s.%s", name,
             i >= s.activations  ? "bias"
             : i                 ? "high"
             : s.activations > 1 ? "low"
                                 : "weight");
    MlirOperation param = resq_new_param(g->module, place_of_operand(g), symbol, make_concat, g);
    resq_copy_basis(resq_operand_param(g->module, first, g->operand), param);
    operands[count++] = resq_get_param(&b, param);
  }
  int64_t shape[] = {resq_dim(operands[0], 0), resq_dim(operands[s.activations], 0)};
  MlirType type = resq_tensor(mlirF32TypeGet(b.ctx), 2, shape);
  const MlirValue *weights = operands + s.activations;
  const MlirValue bias = s.bias ? weights[s.activations] : (MlirValue){NULL};
  const bool quantized = resqOpIsQLinear(first);
  MlirValue y = quantized ? resqQLinearOpBuild(&b, s.activations, operands, s.activations, weights,
                                               bias, type)
                          : resqLinearOpBuild(&b, operands[0], weights[0], bias, type);
  MlirOperation fused = resq_defining_op(y);
  (quantized ? resqQLinearOpSetName : resqLinearOpSetName)(fused, resq_str(name));
  (quantized ? resqQLinearOpSetSite : resqLinearOpSetSite)(fused, resq_linear_site(first));
  // All slices before anything is erased: they stand before the first op.
  MlirValue slices[MAX_FUSED];
  int64_t begin = 0;
  for (int i = 0; i < g->count; i++) {
    MlirType part = mlirValueGetType(mlirOperationGetResult(g->ops[i], 0));
    slices[i] = resqSliceOpBuild(&b, y, 1, begin, part);
    begin += mlirShapedTypeGetDimSize(part, 1);
  }
  for (int i = 0; i < g->count; i++) {
    resq_replace_uses(mlirOperationGetResult(g->ops[i], 0), slices[i]);
    resq_erase_dead(g->ops[i]);
  }
}

typedef struct op_list {
  MlirOperation *ops;
  intptr_t count;
} op_list;

static void collect(MlirOperation op, void *user) {
  op_list *l = user;
  if (!resq_op_is(mlirOperationGetParentOperation(op), "func.func"))
    return;
  l->ops = RESQ_GROW(l->ops, l->count);
  l->ops[l->count++] = op;
}

bool resq_pass_fuse(MlirOperation module, resq_pass *pass) {
  (void)pass;
  static const char *const names[] = {RESQ_OP_LINEAR, RESQ_OP_QLINEAR};
  resq_name_sites(module);
  for (size_t k = 0; k < 2; k++) {
    op_list l = {NULL, 0};
    resq_for_each(module, names[k], collect, &l);
    for (intptr_t i = 0; i < l.count; i++) {
      if (mlirOperationIsNull(l.ops[i]) || !weights_have_recipes(module, l.ops[i]))
        continue;
      group g = {.module = module, .ops = {l.ops[i]}, .count = 1};
      for (intptr_t j = i + 1; j < l.count && g.count < MAX_FUSED; j++)
        if (!mlirOperationIsNull(l.ops[j]) && weights_have_recipes(module, l.ops[j]) &&
            fusable(module, l.ops[i], l.ops[j])) {
          g.ops[g.count++] = l.ops[j];
          l.ops[j].ptr = NULL;
        }
      if (g.count > 1)
        fuse_group(&g);
    }
    free(l.ops);
  }
  return true;
}
