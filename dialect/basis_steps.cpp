//===-- basis_steps.cpp - steps of a basis, as attributes -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What TableGen made of the steps in resq.td, between MLIR's classes and the C structure of
// basis_steps.h. What they may say is decided in hooks_basis.c.
//===----------------------------------------------------------------------===//
#include "dialect/basis_steps.h"
#include "dialect/classes.h"

using namespace mlir;
using namespace resq;

//===-- Verifiers ---------------------------------------------------------===//

static LogicalResult check(function_ref<InFlightDiagnostic()> emitError,
                           const resq_basis_step &step) {
  resq_message message;
  if (resqVerifyBasisStep(&step, &message))
    return success();
  return emitError() << message.text;
}

static void setPermute(resq_basis_step &step, DenseI64ArrayAttr order, FlatSymbolRefAttr indices) {
  step.kind = RESQ_STEP_PERMUTE;
  if (indices)
    step.param = wrap(indices.getValue());
  if (order) {
    step.n_order = (intptr_t)order.size();
    step.order = order.asArrayRef().data();
  }
}

static void setPart(resq_basis_step &step, Part part, int64_t block, int64_t high) {
  step.kind = RESQ_STEP_PART;
  step.is_high = part == Part::High;
  step.size = block;
  step.high = high;
}

LogicalResult BasisPermuteAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                       DenseI64ArrayAttr order, FlatSymbolRefAttr indices) {
  resq_basis_step step = {};
  setPermute(step, order, indices);
  return check(emitError, step);
}

LogicalResult BasisHadamardAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                        int64_t size) {
  resq_basis_step step = {};
  step.kind = RESQ_STEP_HADAMARD;
  step.size = size;
  return check(emitError, step);
}

LogicalResult BasisPartAttr::verify(function_ref<InFlightDiagnostic()> emitError, Part part,
                                    int64_t block, int64_t high) {
  resq_basis_step step = {};
  setPart(step, part, block, high);
  return check(emitError, step);
}

//===-- The C structure ---------------------------------------------------===//

bool resqAttrIsBasisStep(MlirAttribute attr) {
  return isa<BasisRotateAttr, BasisPermuteAttr, BasisHadamardAttr, BasisPartAttr>(unwrap(attr));
}

resq_basis_step resqBasisStepRead(MlirAttribute attr) {
  resq_basis_step step = {};
  TypeSwitch<Attribute>(unwrap(attr))
      .Case<BasisRotateAttr>([&](auto rotate) {
        step.kind = RESQ_STEP_ROTATE;
        step.param = wrap(rotate.getMatrix().getValue());
        step.transposed = rotate.getTransposed();
        step.pair = rotate.getPair();
      })
      .Case<BasisPermuteAttr>(
          [&](auto permute) { setPermute(step, permute.getOrder(), permute.getIndices()); })
      .Case<BasisHadamardAttr>([&](auto hadamard) {
        step.kind = RESQ_STEP_HADAMARD;
        step.size = hadamard.getSize();
      })
      .Case<BasisPartAttr>(
          [&](auto part) { setPart(step, part.getPart(), part.getBlock(), part.getHigh()); });
  return step;
}

MlirAttribute resqBasisStepGet(MlirContext ctx, const resq_basis_step *step) {
  MLIRContext *context = unwrap(ctx);
  Location unknown = UnknownLoc::get(context);
  auto error = [&] { return mlir::emitError(unknown); };
  FlatSymbolRefAttr param =
      step->param.data ? FlatSymbolRefAttr::get(context, unwrap(step->param)) : FlatSymbolRefAttr();
  DenseI64ArrayAttr order =
      step->n_order
          ? DenseI64ArrayAttr::get(context, ArrayRef<int64_t>(step->order, (size_t)step->n_order))
          : DenseI64ArrayAttr();
  switch (step->kind) {
  case RESQ_STEP_ROTATE:
    return wrap(BasisRotateAttr::get(context, param, step->transposed, step->pair));
  case RESQ_STEP_PERMUTE:
    return wrap(BasisPermuteAttr::getChecked(error, context, order, param));
  case RESQ_STEP_HADAMARD:
    return wrap(BasisHadamardAttr::getChecked(error, context, step->size));
  case RESQ_STEP_PART:
    break;
  }
  return wrap(BasisPartAttr::getChecked(error, context, step->is_high ? Part::High : Part::Low,
                                        step->size, step->high));
}
