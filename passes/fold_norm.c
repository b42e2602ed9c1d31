//===-- fold_norm.c - RMSNorm gains into the linears that read them -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// (x * gain) W^T = x (W diag(gain))^T: where every reader of a norm is a linear or
// a head whose weight has a recipe, the gain scales the weight's columns in the
// recipe, and the norm loses its operand. A param that others read too (a tied
// embedding) is cloned first. Where that is not so, the gain stays and a remark
// says why.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "passes/pass.h"
#include "passes/recipe.h"

#include <stdio.h>
#include <stdlib.h>

bool resq_pass_fold_norm(MlirOperation module, resq_pass *pass);

static bool has_weight(MlirOperation op) { return resqOpIsLinear(op) || resqOpIsHead(op); }

/// Why this norm's gain cannot go into its readers; NULL when it can.
static const char *obstacle(MlirOperation module, MlirOperation norm) {
  if (!resq_value_is_from(mlirOperationGetOperand(norm, RESQ_RMS_NORM_GAIN), RESQ_OP_GET))
    return "the gain is not a parameter";
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(norm, 0));
  if (mlirOpOperandIsNull(use))
    return "nothing reads the norm";
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use)) {
    MlirOperation reader = mlirOpOperandGetOwner(use);
    if (!has_weight(reader) || mlirOpOperandGetOperandNumber(use) != 0)
      return "a reader is neither resq.linear nor resq.head";
    if (!resq_value_is_from(mlirOperationGetOperand(reader, RESQ_LINEAR_WEIGHT), RESQ_OP_GET))
      return "a reader's weight is not a parameter";
    if (mlirOperationIsNull(resq_operand_param(module, reader, RESQ_LINEAR_WEIGHT)))
      return "a reader's weight is external: it has no recipe to fold into";
  }
  return NULL;
}

//===-- Shared weights ----------------------------------------------------===//

/// Looks for readers of a param that are no linears of one norm.
typedef struct sharing {
  MlirStringRef param;
  MlirValue normed;
  bool found;
} sharing;

static void note_get(MlirOperation get, void *user) {
  sharing *s = user;
  if (!mlirStringRefEqual(resqGetOpGetParam(get), s->param))
    return;
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(get, 0));
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use)) {
    MlirOperation reader = mlirOpOperandGetOwner(use);
    s->found |= !has_weight(reader) || mlirOpOperandGetOperandNumber(use) != RESQ_LINEAR_WEIGHT ||
                !mlirValueEqual(mlirOperationGetOperand(reader, RESQ_LINEAR_X), s->normed);
  }
}

/// The param that the gain goes into: the linear's own, or a copy where others read that one, too.
static MlirOperation param_to_scale(MlirOperation module, MlirOperation linear) {
  MlirOperation param = resq_operand_param(module, linear, RESQ_LINEAR_WEIGHT);
  MlirStringRef name = resq_param_name(param);
  sharing s = {name, mlirOperationGetOperand(linear, RESQ_LINEAR_X), false};
  resq_for_each(module, RESQ_OP_GET, note_get, &s);
  if (!s.found)
    return param;
  char base[256] = "head";
  if (!resqOpIsHead(linear))
    snprintf(base, sizeof base, "%.*s_folded", (int)name.length, name.data);
  return resq_clone_param(module, param, base);
}

//===-- Folding -----------------------------------------------------------===//

static MlirValue scale_columns(const resq_builder *b, MlirValue weight, void *user) {
  const MlirOperation *gain = user;
  return resqScaleColumnsOpBuild(b, weight, resq_get_param(b, *gain), mlirValueGetType(weight));
}

/// A weight that has taken the gain.
typedef struct folded_weight {
  MlirOperation param;  ///< as its readers know it
  MlirOperation target; ///< param itself, or its copy
} folded_weight;

/// Folds the gain into the weight of each reader; a weight that two readers share is scaled once.
static void fold_into_readers(MlirOperation module, MlirOperation norm) {
  MlirOperation gain = resq_symbol(module, resqGetOpGetParam(resq_defining_op(
                                               mlirOperationGetOperand(norm, RESQ_RMS_NORM_GAIN))));
  intptr_t n, n_done = 0;
  MlirOperation *readers = resq_users(mlirOperationGetResult(norm, 0), &n);
  folded_weight *done = resq_new((size_t)n, sizeof *done);
  for (intptr_t i = 0; i < n; i++) {
    MlirOperation param = resq_operand_param(module, readers[i], RESQ_LINEAR_WEIGHT);
    intptr_t k = 0;
    while (k < n_done && !mlirOperationEqual(done[k].param, param))
      k++;
    if (k == n_done) {
      done[n_done++] = (folded_weight){param, param_to_scale(module, readers[i])};
      resq_edit_recipe(module, done[k].target, scale_columns, &gain);
    }
    resq_read_param(readers[i], RESQ_LINEAR_WEIGHT, done[k].target);
  }
  free(done);
  free(readers);
}

static void fold_one(MlirOperation norm, void *user) {
  const MlirOperation *module = user;
  if (mlirOperationGetNumOperands(norm) < 2)
    return;
  const char *why_not = obstacle(*module, norm);
  if (why_not) {
    resq_emit_remark(norm, "the gain stays in the norm: %s", why_not);
    return;
  }
  fold_into_readers(*module, norm);
  resq_drop_gain(norm);
}

bool resq_pass_fold_norm(MlirOperation module, resq_pass *pass) {
  (void)pass;
  resq_for_each(module, RESQ_OP_RMS_NORM, fold_one, &module);
  return true;
}
