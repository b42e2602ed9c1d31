//===-- lower_generic_values.c - operands of definitions ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of resq types become values of upstream types: a panel one f32 matrix, a
// quantised weight codes and scales, a quantised activation codes, scales and, where
// codes are integers, zero points. Until all readers are lowered, an unrealized_conversion_cast ties them to
// the value they stand for.
//===----------------------------------------------------------------------===//
#include "passes/lower_generic.h"
#include "dialect/signature.h"
#include <assert.h>

MlirValue generic_constant(generic *g, MlirType type, MlirAttribute value) {
  MlirNamedAttribute attr = resq_attr(g->ctx, "value", value);
  return resq_build_value(&g->b, "arith.constant", 0, NULL, type, 1, &attr);
}

MlirValue generic_index(generic *g, int64_t value) {
  MlirType type = mlirIndexTypeGet(g->ctx);
  return generic_constant(g, type, mlirIntegerAttrGet(type, value));
}

MlirValue generic_integer(generic *g, unsigned width, int64_t value) {
  MlirType type = mlirIntegerTypeGet(g->ctx, width);
  return generic_constant(g, type, mlirIntegerAttrGet(type, value));
}

MlirValue generic_real(generic *g, float value) {
  MlirType type = mlirF32TypeGet(g->ctx);
  return generic_constant(g, type, mlirFloatAttrDoubleGet(g->ctx, type, value));
}

/// A vector of n equal numbers: what stands for an absent gain, bias or factor.
MlirValue generic_splat(generic *g, int64_t n, double value) {
  MlirType type = resq_tensor(mlirF32TypeGet(g->ctx), 1, &n);
  return generic_constant(g, type, mlirDenseElementsAttrFloatSplatGet(type, (float)value));
}

MlirValue generic_extent(generic *g, MlirValue v, int64_t dim) {
  MlirValue args[] = {v, generic_index(g, dim)};
  return resq_build_value(&g->b, "tensor.dim", 2, args, mlirIndexTypeGet(g->ctx), 0, NULL);
}

MlirOperation generic_tie(generic *g, intptr_t n, const MlirValue *parts, MlirType type) {
  return resq_build_op(&g->b, "builtin.unrealized_conversion_cast", n, parts, 1, &type, 0, NULL);
}

/// The parts of a value of a resq type, as an earlier step left them. False after an error.
bool generic_parts(generic *g, MlirValue v, intptr_t n, MlirValue *parts) {
  MlirOperation cast = resq_defining_op(v);
  if (!resq_op_is(cast, "builtin.unrealized_conversion_cast") ||
      mlirOperationGetNumOperands(cast) != n) {
    resq_emit_error_at(g->b.loc, "an operand of a resq type is not made by an op of this function");
    return false;
  }
  for (intptr_t i = 0; i < n; i++)
    parts[i] = mlirOperationGetOperand(cast, i);
  return true;
}

/// A float matrix in f32, whatever it is stored in.
bool generic_matrix(generic *g, MlirValue v, MlirValue *out) {
  MlirType element = resq_element(v);
  *out = v;
  if (resqTypeIsPanel(element))
    return generic_parts(g, v, 1, out);
  if (mlirTypeIsABF16(element))
    return resq_define(&g->definitions, &g->b, "widen_bf16", 1, &v, 1, out);
  if (mlirTypeIsAF16(element))
    return resq_define(&g->definitions, &g->b, "widen_f16", 1, &v, 1, out);
  return true;
}

/// Inlines the definition with one result per result of op, and replaces op.
bool generic_define(generic *g, MlirOperation op, const char *name, intptr_t n,
                    const MlirValue *args) {
  MlirValue y;
  if (!resq_define(&g->definitions, &g->b, name, n, args, 1, &y))
    return false;
  y = resq_cast_shape(&g->b, y, mlirValueGetType(mlirOperationGetResult(op, 0)));
  resq_replace(op, 1, &y);
  return true;
}

/// What the definition gets for an operand or an attribute. False after an error.
static bool named_argument(generic *g, MlirOperation op, const resq_argument *a, MlirValue *out) {
  switch (a->kind) {
  case RESQ_ARGUMENT_OPERAND:
    *out = a->get.value(op);
    return a->role != 'w' || generic_matrix(g, *out, out);
  case RESQ_ARGUMENT_NUMBER:
    *out = generic_index(g, a->get.number(op));
    return true;
  case RESQ_ARGUMENT_REAL:
    *out = generic_real(g, a->get.real(op));
    return true;
  case RESQ_ARGUMENT_FLAG:
    *out = generic_integer(g, 1, a->get.flag(op));
    return true;
  case RESQ_ARGUMENT_WORD:
  case RESQ_ARGUMENT_RESULT:
    break;
  }
  assert(!"the caller gives the others alone");
  return false;
}

bool generic_define_by_name(generic *g, MlirOperation op) {
  enum { MOST = 16 }; // arguments of an op: dialect/generate/records.h refuses more
  MlirValue args[MOST];
  intptr_t n = 0;
  for (const resq_argument *a = resq_signature_of(op); a->name; a++) {
    if (a->kind == RESQ_ARGUMENT_WORD || a->kind == RESQ_ARGUMENT_RESULT)
      continue;
    assert(n < MOST); // as above
    if (!named_argument(g, op, a, &args[n++]))
      return false;
  }
  char variant[RESQ_VARIANT_SIZE];
  resq_variant_name(op, variant);
  return generic_define(g, op, variant, n, args);
}
