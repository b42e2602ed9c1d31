//===-- tie_head.c - --resq-tie-head: embedding and head stay one table ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tied head reads the embedding's table behind a norm whose gain --resq-fold-norm would put into
// the head's columns: two tables from then on. Here the gain g comes out of the norm as a matrix
// diag(g) online, in front of the head, and the table is left alone:
//
//   head(norm(x) * g, E) = head(norm(x) diag(g), E)
//
// When --resq-fold-rotations turns the residual stream by U, it turns the matrix, U^T diag(g) U,
// and the table, E U, for both of its readers. The matrix costs width^2 products a token, of the
// vocabulary * width that the head takes.
//===----------------------------------------------------------------------===//
#include "passes/pass.h"
#include "passes/recipe.h"

bool resq_pass_tie_head(MlirOperation module, resq_pass *pass);

/// Why the head cannot go on sharing the table behind this norm; NULL when it can.
static const char *obstacle(MlirOperation module, MlirOperation norm) {
  if (mlirOperationIsNull(norm) || !resqOpIsRmsNorm(norm))
    return "no norm stands before the head";
  if (!resq_has_one_use(mlirOperationGetResult(norm, 0)))
    return "others read the head's norm";
  if (mlirOperationGetNumOperands(norm) > RESQ_RMS_NORM_GAIN &&
      mlirOperationIsNull(resq_operand_param(module, norm, RESQ_RMS_NORM_GAIN)))
    return "the gain is not a parameter with a recipe";
  return NULL;
}

/// diag(gain).
static MlirValue make_diagonal(const resq_builder *b, void *user) {
  const MlirOperation *gain = user;
  MlirValue g = resq_get_param(b, *gain);
  int64_t shape[] = {resq_width(g), resq_width(g)};
  MlirType type = resq_tensor(mlirF64TypeGet(b->ctx), 2, shape);
  return resqScaleColumnsOpBuild(b, resqEyeOpBuild(b, type), g, type);
}

static void visit_head(MlirOperation head, void *user) {
  MlirOperation module = *(MlirOperation *)user;
  MlirOperation table = resq_operand_param(module, head, RESQ_HEAD_WEIGHT);
  if (mlirOperationIsNull(table) || mlirOperationIsNull(resq_embed_of(module, table)))
    return;
  MlirOperation norm = resq_defining_op(resqHeadOpGetX(head));
  const char *why_not = obstacle(module, norm);
  if (why_not) {
    resq_emit_remark(head, "the head and the embedding may get a table each: %s", why_not);
    return;
  }
  if (mlirOperationGetNumOperands(norm) <= RESQ_RMS_NORM_GAIN)
    return;
  MlirOperation gain = resq_operand_param(module, norm, RESQ_RMS_NORM_GAIN);
  MlirOperation diagonal =
      resq_new_param(module, resq_behind_param(module, gain), "tied_gain", make_diagonal, &gain);
  resq_builder b = resq_build_before(head);
  MlirValue scaled =
      resq_make_rotate_pair(&b, resqHeadOpGetX(head), resq_get_param(&b, diagonal), false, true);
  mlirOperationSetOperand(head, 0, scaled);
  resq_drop_gain(norm);
}

bool resq_pass_tie_head(MlirOperation module, resq_pass *pass) {
  (void)pass;
  resq_for_each(module, RESQ_OP_HEAD, visit_head, &module);
  return true;
}
