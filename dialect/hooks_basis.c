//===-- hooks_basis.c - the basis of a weight -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A step says how many columns it leaves of how many, so that a basis is read from its end: the
// weight's columns are what the last step left.
//===----------------------------------------------------------------------===//
#include "dialect/basis_steps.h"
#include "dialect/check.h"
#include "dialect/hooks.h"
#include <inttypes.h>

//===-- One step ----------------------------------------------------------===//

bool resqVerifyBasisStep(const resq_basis_step *step, resq_message *out) {
  const bool has_order = step->order != NULL, has_indices = step->param.data != NULL;
  int64_t bad = 0;
  switch (step->kind) {
  case RESQ_STEP_ROTATE:
    return true;
  case RESQ_STEP_PERMUTE:
    if (has_order == has_indices)
      return resq_say(out, "C1: %s of order and indices are given: allowed is one",
                      has_order ? "both" : "none");
    if (has_order && !resq_is_permutation(step->order, step->n_order, &bad))
      return resq_say(
          out, "C2: order[%" PRId64 "] is %" PRId64 ": allowed is each of 0 to %" PRIdPTR " once",
          bad, step->order[bad], step->n_order - 1);
    return true;
  case RESQ_STEP_HADAMARD:
    return step->size >= 1 && resqHadamardOrder(step->size)
               ? true
               : resq_say(out,
                          "C1: no Hadamard matrix of order %" PRId64
                          " is known: allowed is K * 2^n for K = 1 or a Paley order "
                          "(docs/dialect.md)",
                          step->size);
  case RESQ_STEP_PART:
    break;
  }
  return step->high >= 1 && step->high < step->size
             ? true
             : resq_say(out,
                        "C1: high is %" PRId64 " of blocks of %" PRId64
                        ": allowed is 1 to block - 1",
                        step->high, step->size);
}

int64_t resq_width_before_step(const resq_basis_step *step, int64_t width) {
  if (step->kind == RESQ_STEP_PART) {
    const int64_t part = step->is_high ? step->high : step->size - step->high;
    int64_t before = 0;
    return width % part || __builtin_mul_overflow(width / part, step->size, &before) ? 0 : before;
  }
  const int64_t unit = step->kind == RESQ_STEP_HADAMARD ? step->size : 1;
  const bool fits = step->n_order ? width == step->n_order : width % unit == 0;
  return fits ? width : 0;
}

//===-- All steps ---------------------------------------------------------===//

intptr_t resq_basis_length(MlirOperation param) {
  MlirAttribute basis = resqParamOpGetBasis(param);
  return mlirAttributeIsNull(basis) ? 0 : mlirArrayAttrGetNumElements(basis);
}

resq_basis_step resq_basis_step_of(MlirOperation param, intptr_t i) {
  return resqBasisStepRead(mlirArrayAttrGetElement(resqParamOpGetBasis(param), i));
}

static int64_t last_dimension(MlirOperation param) {
  MlirType type = resqParamOpGetType(param);
  return mlirShapedTypeGetDimSize(type, mlirShapedTypeGetRank(type) - 1);
}

int64_t resq_site_width(MlirOperation param) {
  int64_t width = last_dimension(param);
  for (intptr_t i = resq_basis_length(param); width && i-- > 0;) {
    const resq_basis_step step = resq_basis_step_of(param, i);
    width = resq_width_before_step(&step, width);
  }
  return width;
}

bool resq_check_basis(MlirOperation param) {
  MlirType type = resqParamOpGetType(param);
  if (!resqParamOpHasBasis(param))
    return true;
  if (mlirShapedTypeGetRank(type) != 2)
    return resq_refuse(param, "C5: there is a basis, but the type is %s: allowed is [out, in]",
                       resq_print_type(type).text);
  int64_t width = last_dimension(param);
  for (intptr_t i = resq_basis_length(param); i-- > 0;) {
    const resq_basis_step step = resq_basis_step_of(param, i);
    const int64_t before = resq_width_before_step(&step, width);
    if (!before)
      return resq_refuse(param,
                         "C5: step %" PRIdPTR " of the basis cannot leave %" PRId64
                         " columns: allowed is what its blocks or its order can leave",
                         i, width);
    width = before;
  }
  return true;
}

/// Whether the param that a step names is what the step needs at `width` columns.
static bool suits(const resq_basis_step *step, MlirOperation param, int64_t width) {
  MlirType type = resqParamOpGetType(param), element = mlirShapedTypeGetElementType(type);
  const int64_t rank = mlirShapedTypeGetRank(type), size = rank ? last_dimension(param) : 0;
  if (step->kind == RESQ_STEP_PERMUTE)
    return rank == 1 && size == width && mlirTypeIsAInteger(element) &&
           mlirIntegerTypeGetWidth(element) == 32;
  const bool square = (rank == 2 || rank == 3) &&
                      mlirShapedTypeGetDimSize(type, (intptr_t)rank - 2) == size &&
                      (mlirTypeIsAF32(element) || mlirTypeIsAF64(element));
  return square && size > 0 && width % size == 0 &&
         (rank == 2 || (width / size) % mlirShapedTypeGetDimSize(type, 0) == 0);
}

bool resqVerifyUsesParam(MlirOperation op, resq_lookup symbols) {
  int64_t width = resqParamOpHasBasis(op) ? last_dimension(op) : 0;
  for (intptr_t i = resq_basis_length(op); i-- > 0;) {
    const resq_basis_step step = resq_basis_step_of(op, i);
    width = resq_width_before_step(&step, width);
    if (!step.param.data)
      continue;
    MlirOperation param = symbols.find(symbols.scope, step.param);
    const int length = (int)step.param.length;
    if (!resqOpIsParam(param))
      return resq_refuse(op, "C6: the basis names @%.*s: allowed is the name of a resq.param",
                         length, step.param.data);
    if (!suits(&step, param, width))
      return resq_refuse(
          op, "C6: @%.*s of the basis is %s, but it meets %" PRId64 " columns: allowed is %s",
          length, step.param.data, resq_print_type(resqParamOpGetType(param)).text, width,
          step.kind == RESQ_STEP_PERMUTE
              ? "[width] of i32"
              : "[size, size] or [blocks, size, size] of f32 or f64 that divides "
                "them");
  }
  return true;
}
