// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What passes get: a builder, a test of an op's class, and a getter for each operand.
#include "dialect/ops.h"

MlirValue negate_twice(resq_builder *at, MlirValue x);
MlirValue negate_twice(resq_builder *at, MlirValue x) {
  MlirType type = mlirValueGetType(x);
  return resqNegateOpBuild(at, resqNegateOpBuild(at, x, type), type);
}

MlirValue without_negate(MlirOperation op, MlirValue value);
MlirValue without_negate(MlirOperation op, MlirValue value) {
  return resqOpIsNegate(op) ? resqNegateOpGetX(op) : value;
}
