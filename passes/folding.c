//===-- folding.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/folding.h"

#include "dialect/memory.h"

#include <stdlib.h>

//===-- Steps -------------------------------------------------------------===//

resq_basis_step resq_rotate_step(MlirOperation matrix, bool transposed, bool pair) {
  return (resq_basis_step){.kind = RESQ_STEP_ROTATE,
                           .param = resq_param_name(matrix),
                           .transposed = transposed,
                           .pair = pair};
}

resq_basis_step resq_permute_step(MlirOperation indices) {
  return (resq_basis_step){.kind = RESQ_STEP_PERMUTE, .param = resq_param_name(indices)};
}

resq_basis_step resq_order_step(intptr_t n, const int64_t *order) {
  return (resq_basis_step){.kind = RESQ_STEP_PERMUTE, .n_order = n, .order = order};
}

resq_basis_step resq_hadamard_step(int64_t size) {
  return (resq_basis_step){.kind = RESQ_STEP_HADAMARD, .size = size};
}

resq_basis_step resq_part_step(int64_t block, int64_t high, bool is_high) {
  return (resq_basis_step){.kind = RESQ_STEP_PART, .size = block, .high = high, .is_high = is_high};
}

resq_basis_step resq_dual_step(const resq_basis_pair *basis) {
  return resq_rotate_step(basis->dual, false, !mlirOperationEqual(basis->matrix, basis->dual));
}

//===-- Steps as ops ------------------------------------------------------===//

/// x's type with another last dimension.
static MlirType with_width(MlirValue x, int64_t width) {
  int64_t shape[] = {resq_dim(x, 0), width};
  return resq_tensor(resq_element(x), 2, shape);
}

static MlirValue make_part(const resq_builder *b, MlirValue x, const resq_basis_step *step) {
  const int64_t blocks = resq_width(x) / step->size;
  MlirType low = with_width(x, blocks * (step->size - step->high));
  MlirType high = with_width(x, blocks * step->high);
  MlirOperation split = resqSplitOpBuild(b, x, step->size, step->high, low, high);
  return step->is_high ? resqSplitOpGetHighPart(split) : resqSplitOpGetLow(split);
}

MlirValue resq_make_step(const resq_builder *b, MlirOperation module, MlirValue x,
                         const resq_basis_step *step) {
  MlirValue param = {NULL}, y;
  if (step->param.data)
    param = resq_get_param(b, resq_symbol(module, step->param));
  switch (step->kind) {
  case RESQ_STEP_ROTATE:
    return resq_make_rotate_pair(b, x, param, step->transposed, step->pair);
  case RESQ_STEP_PERMUTE:
    y = resqPermuteOpBuild(b, x, param, mlirValueGetType(x));
    if (step->n_order)
      resqPermuteOpSetOrder(resq_defining_op(y), step->n_order, step->order);
    return y;
  case RESQ_STEP_HADAMARD:
    return resq_make_hadamard(b, x, step->size, false);
  case RESQ_STEP_PART:
    break;
  }
  return make_part(b, x, step);
}

//===-- Folding -----------------------------------------------------------===//

static void add_steps(MlirOperation weight, intptr_t n, const resq_basis_step *steps) {
  MlirContext ctx = mlirOperationGetContext(weight);
  const intptr_t before = resq_basis_length(weight);
  MlirAttribute *all = resq_new((size_t)(before + n), sizeof *all);
  for (intptr_t i = 0; i < before; i++)
    all[i] = mlirArrayAttrGetElement(resqParamOpGetBasis(weight), i);
  for (intptr_t i = 0; i < n; i++)
    all[before + i] = resqBasisStepGet(ctx, &steps[i]);
  resqParamOpSetBasis(weight, mlirArrayAttrGet(ctx, before + n, all));
  free(all);
}

typedef struct folding {
  MlirOperation module, weight;
  const resq_basis_step *steps;
  intptr_t n;
} folding;

static MlirValue do_steps(const resq_builder *b, MlirValue w, void *user) {
  const folding *f = user;
  for (intptr_t i = 0; i < f->n; i++)
    w = resq_make_step(b, f->module, w, &f->steps[i]);
  return w;
}

void resq_fold_step(MlirOperation module, MlirOperation weight, const resq_basis_step *step) {
  folding f = {module, weight, step, 1};
  resq_edit_recipe(module, weight, do_steps, &f);
  add_steps(weight, 1, step);
}

static MlirValue make_folded(const resq_builder *b, void *user) {
  const folding *f = user;
  return do_steps(b, resq_get_param(b, f->weight), user);
}

MlirOperation resq_new_folded_param(MlirOperation module, MlirOperation anchor, const char *base,
                                    MlirOperation weight, intptr_t n,
                                    const resq_basis_step *steps) {
  folding f = {module, weight, steps, n};
  MlirOperation param = resq_new_param(module, anchor, base, make_folded, &f);
  resq_copy_basis(weight, param);
  add_steps(param, n, steps);
  return param;
}

void resq_copy_basis(MlirOperation from, MlirOperation to) {
  resqParamOpSetBasis(to, resqParamOpGetBasis(from));
}

bool resq_same_basis(MlirOperation a, MlirOperation b) {
  const intptr_t n = resq_basis_length(a);
  return n == resq_basis_length(b) &&
         (!n || mlirAttributeEqual(resqParamOpGetBasis(a), resqParamOpGetBasis(b)));
}
