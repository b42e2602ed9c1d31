//===-- replay.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/replay.h"

#include "dialect/basis_steps.h"
#include "dialect/memory.h"
#include "passes/folding.h"
#include "passes/recipe.h"

#include <stdlib.h>

//===-- Equal ops ---------------------------------------------------------===//

static bool same_op(MlirOperation a, MlirOperation b) {
  intptr_t n = mlirOperationGetNumOperands(a), n_attrs = mlirOperationGetNumAttributes(a);
  bool same = mlirIdentifierEqual(mlirOperationGetName(a), mlirOperationGetName(b)) &&
              mlirOperationGetNumResults(a) == mlirOperationGetNumResults(b) &&
              n == mlirOperationGetNumOperands(b) && n_attrs == mlirOperationGetNumAttributes(b);
  for (intptr_t i = 0; same && i < n; i++)
    same = mlirValueEqual(mlirOperationGetOperand(a, i), mlirOperationGetOperand(b, i));
  for (intptr_t i = 0; same && i < n_attrs; i++)
    same = mlirAttributeEqual(mlirOperationGetAttribute(a, i).attribute,
                              mlirOperationGetAttribute(b, i).attribute);
  for (intptr_t i = 0; same && i < mlirOperationGetNumResults(a); i++)
    same = mlirTypeEqual(mlirValueGetType(mlirOperationGetResult(a, i)),
                         mlirValueGetType(mlirOperationGetResult(b, i)));
  return same;
}

/// v, or the same of an op before it in the recipe, so that people read each once; what reads v
/// reads that, and v's op goes.
static MlirValue shared(MlirValue v) {
  MlirOperation made = resq_defining_op(v);
  MlirOperation op = mlirBlockGetFirstOperation(mlirOperationGetBlock(made));
  while (!mlirOperationEqual(op, made) && !same_op(op, made))
    op = mlirOperationGetNextInBlock(op);
  if (mlirOperationEqual(op, made))
    return v;
  MlirValue first = mlirOperationGetResult(op, mlirOpResultGetResultNumber(v));
  resq_replace_uses(v, first);
  mlirOperationDestroy(made);
  return first;
}

//===-- Steps -------------------------------------------------------------===//

/// The matrix of a rotation of weights by one of a pair, for what they meet: x M where they are
/// W M^-T.
static MlirValue other_of_pair(const resq_builder *b, MlirValue matrix) {
  intptr_t rank = mlirShapedTypeGetRank(mlirValueGetType(matrix));
  int64_t shape[3];
  for (intptr_t i = 0; i < rank; i++)
    shape[i] = resq_dim(matrix, i);
  MlirType type = resq_tensor(mlirF64TypeGet(b->ctx), rank, shape);
  return shared(resqInverseTransposeOpBuild(b, matrix, type));
}

_Static_assert((int)RESQ_ROTATE_MATRIX == (int)RESQ_PERMUTE_INDICES,
               "a step that names a param reads it as one operand");

/// The step on x: an op, which may read a param.
static MlirValue replay_step(const resq_builder *b, MlirOperation module, MlirValue x,
                             const resq_basis_step *step) {
  MlirValue y = resq_make_step(b, module, x, step);
  MlirOperation op = resq_defining_op(y);
  MlirValue param = step->param.data ? shared(mlirOperationGetOperand(op, RESQ_ROTATE_MATRIX))
                                     : (MlirValue){NULL};
  if (step->kind == RESQ_STEP_ROTATE && step->pair) {
    resq_builder before = resq_build_before(op);
    mlirOperationSetOperand(op, RESQ_ROTATE_MATRIX, other_of_pair(&before, param));
  }
  return shared(y);
}

MlirValue resq_replay_columns(const resq_builder *b, MlirOperation weight, MlirValue x) {
  MlirOperation module = mlirOperationGetParentOperation(weight);
  const intptr_t n = resq_basis_length(weight);
  for (intptr_t i = 0; i < n; i++) {
    const resq_basis_step step = resq_basis_step_of(weight, i);
    x = replay_step(b, module, x, &step);
  }
  return x;
}

//===-- Second moments ----------------------------------------------------===//

/// x in the columns of all weights, side by side.
static MlirValue replay_all(const resq_builder *b, intptr_t n, const MlirOperation *weights,
                            MlirValue x) {
  MlirValue *parts = resq_new((size_t)n, sizeof *parts);
  int64_t shape[] = {resq_dim(x, 0), 0};
  for (intptr_t i = 0; i < n; i++) {
    parts[i] = resq_replay_columns(b, weights[i], x);
    shape[1] += resq_width(parts[i]);
  }
  MlirValue all =
      n == 1 ? parts[0] : resqConcatOpBuild(b, n, parts, 1, resq_tensor(resq_element(x), 2, shape));
  free(parts);
  return all;
}

MlirValue resq_replay_moment(const resq_builder *b, intptr_t n, const MlirOperation *weights,
                             MlirValue moment) {
  if (n == 1 && !resq_basis_length(weights[0]))
    return moment;
  // C B, and as C is symmetric, B^T (C B) = ((C B)^T B)^T, which is symmetric too.
  return replay_all(b, n, weights, resq_make_transpose(b, replay_all(b, n, weights, moment)));
}
