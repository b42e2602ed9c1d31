//===-- hooks_fold.c - what an op is equal to -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Only exact algebra: an op that undoes the one before it, which removes rounding and adds none.
// `mlir-opt --canonicalize` applies them; resq's own pipelines cancel pairs in --resq-fold-rotations.
//===----------------------------------------------------------------------===//
#include "dialect/check.h"
#include "dialect/hooks.h"

static const MlirValue no_fold = {NULL};

/// The same value, or two reads of the same parameter: passes make a get for each use.
static bool same_parameter(MlirValue a, MlirValue b) {
  if (mlirValueEqual(a, b))
    return true;
  return resq_value_is_from(a, RESQ_OP_GET) && resq_value_is_from(b, RESQ_OP_GET) &&
         mlirStringRefEqual(resqGetOpGetParam(resq_defining_op(a)),
                            resqGetOpGetParam(resq_defining_op(b)));
}

// A rotation by one of a pair is not orthogonal: its transpose is not its inverse, and it stays.
MlirValue resqFoldRotate(MlirOperation op) {
  MlirOperation inner = resq_defining_op(resq_operand(op, 0));
  if (!resqOpIsRotate(inner) || resqRotateOpGetPair(op) || resqRotateOpGetPair(inner))
    return no_fold;
  bool undoes = resqRotateOpGetTransposed(op) != resqRotateOpGetTransposed(inner) &&
                same_parameter(resq_operand(op, 1), resq_operand(inner, 1));
  return undoes ? resq_operand(inner, 0) : no_fold;
}

// Sylvester matrices (K = 1) are symmetric: without a Paley factor either direction undoes either.
MlirValue resqFoldHadamard(MlirOperation op) {
  MlirOperation inner = resq_defining_op(resq_operand(op, 0));
  int64_t size = resqHadamardOpGetSize(op);
  if (size == 1)
    return resq_operand(op, 0);
  if (!resqOpIsHadamard(inner) || resqHadamardOpGetSize(inner) != size)
    return no_fold;
  bool opposite = resqHadamardOpGetTransposed(op) != resqHadamardOpGetTransposed(inner);
  return opposite || resqHadamardOrder(size) == 1 ? resq_operand(inner, 0) : no_fold;
}

MlirValue resqFoldJoin(MlirOperation op) {
  MlirValue low = resq_operand(op, 0), high_part = resq_operand(op, 1);
  MlirOperation split = resq_defining_op(low);
  bool undoes = resqOpIsSplit(split) && mlirValueEqual(low, resq_result(split, 0)) &&
                mlirValueEqual(high_part, resq_result(split, 1)) &&
                resqJoinOpGetBlock(op) == resqSplitOpGetBlock(split) &&
                resqJoinOpGetHigh(op) == resqSplitOpGetHigh(split) &&
                resq_same_type(resq_result(op, 0), resq_operand(split, 0));
  return undoes ? resq_operand(split, 0) : no_fold;
}

MlirValue resqFoldTranspose(MlirOperation op) {
  MlirOperation inner = resq_defining_op(resq_operand(op, 0));
  return resqOpIsTranspose(inner) ? resq_operand(inner, 0) : no_fold;
}

MlirValue resqFoldCast(MlirOperation op) {
  return resq_same_type(resq_operand(op, 0), resq_result(op, 0)) ? resq_operand(op, 0) : no_fold;
}
